"""The languages of Qwen3-ASR, by their usual codes."""

from __future__ import annotations

LANGUAGES = {
    "zh": "Chinese", "en": "English", "yue": "Cantonese", "ar": "Arabic", "de": "German", "fr": "French",
    "es": "Spanish", "pt": "Portuguese", "id": "Indonesian", "it": "Italian", "ko": "Korean", "ru": "Russian",
    "th": "Thai", "vi": "Vietnamese", "ja": "Japanese", "tr": "Turkish", "hi": "Hindi", "ms": "Malay", "nl": "Dutch",
    "sv": "Swedish", "da": "Danish", "fi": "Finnish", "pl": "Polish", "cs": "Czech", "fil": "Filipino",
    "fa": "Persian", "el": "Greek", "ro": "Romanian", "hu": "Hungarian", "mk": "Macedonian",
}  # fmt: skip


def language_name(wanted: object) -> str | None:
    """The model's name of a language: "German" for "de", "de-AT" or "german"; None: to be detected. Raises
    `ValueError`.
    """
    if wanted is None or wanted in ("", "auto"):
        return None
    if isinstance(wanted, str):
        name = LANGUAGES.get(wanted.partition("-")[0].lower(), wanted.capitalize())
        if name in LANGUAGES.values():
            return name
    raise ValueError(f"language {wanted!r:.80}: expected one of {', '.join(LANGUAGES)}")
