"""Backchannels by language: what a listener says while somebody talks at length, to show that they are listening.

"Mhm", which has no vowel, is left out, because some voices spell it.
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
    """The backchannels of a language, by its code ("de-AT"; empty for English). Empty if none are written down for
    it."""
    return BACKCHANNELS.get(language.lower().split("-")[0] or "en", ())
