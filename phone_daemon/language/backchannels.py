"""What a listener says while somebody talks at length, by language: to show that they listen, and not to answer.

Of "mhm", which has no vowel, some voices say the letters.
"""

from __future__ import annotations

BACKCHANNELS = {
    "en": ("Uh-huh.", "Okay."),
    "de": ("Um-hum.", "Okay."),
    "fr": ("Oui.", "D'accord."),
    "es": ("Sí.", "Ajá."),
    "it": ("Sì.", "Certo."),
    "nl": ("Ja.", "Oké."),
    "pt": ("Sim.", "Certo."),
}


def backchannels(language: str) -> tuple[str, ...]:
    """Those of a language, by its code ("de-AT"; empty: English). None where nobody has written them down."""
    return BACKCHANNELS.get(language.lower().split("-")[0] or "en", ())
