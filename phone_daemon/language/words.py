"""Turns text into spoken words: "10:30" becomes ten thirty, "0471" zero four seven one, and "Dr." doctor.

Engines and authors of dialplans write differently, and the script only compares words in lower case, without
punctuation and figures. `{slot}` and `o'clock` are one word each.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable

from phone_daemon.language.numbers import TEENS, TENS, UNITS

_SLOT = re.compile(r"(\{\w+\})")
_WORD = re.compile(r"\{\w+\}|[a-z']+")
_SMALL = (*UNITS, *TEENS)
_TENS = tuple(TENS)
_ORDINALS = {"one": "first", "two": "second", "three": "third", "five": "fifth", "eight": "eighth", "nine": "ninth"}
_ORDINALS["twelve"] = "twelfth"
_COINS = {"$": "dollar", "£": "pound", "€": "euro", "¥": "yen"}
_SHORT = {
    "dr": "doctor", "mr": "mister", "mrs": "missus", "prof": "professor", "appt": "appointment", "dept": "department",
    "approx": "approximately", "tel": "telephone", "ext": "extension", "st": "saint", "etc": "et cetera",
    "vs": "versus",
}  # fmt: skip
_SIGNS = {"&": "and", "@": "at", "%": "percent", "+": "plus", "#": "number"}
_ALIKE = {
    "good bye": "goodbye", "good-bye": "goodbye", "o clock": "o'clock", "o' clock": "o'clock", "ok": "okay",
    "o.k.": "okay", "alright": "all right", "uhm": "um", "umm": "um", "hmm": "um", "erm": "er", "mm-hmm": "mhm",
    "mm hmm": "mhm", "mmhmm": "mhm", "mm-hm": "mhm", "mm hm": "mhm", "uh-huh": "mhm", "uh huh": "mhm", "uh-hum": "mhm",
    "um-hum": "mhm", "um-hmm": "mhm", "uh-uh": "nope", "nuh-uh": "nope", "mm-mm": "nope",
    "unh-unh": "nope", "till": "until", "'til": "until",
}  # fmt: skip
"""Words that can be written differently, or as two words."""


def cardinal(number: int) -> str:
    """A number below a million: 1200 is "one thousand two hundred"."""
    if number < 20:
        return _SMALL[number]
    for size, name in ((1000, "thousand"), (100, "hundred")):
        if number >= size:
            rest = f" {cardinal(number % size)}" if number % size else ""
            return f"{cardinal(number // size)} {name}{rest}"
    return _TENS[number // 10 - 2] + (f" {_SMALL[number % 10]}" if number % 10 else "")


def ordinal(number: int) -> str:
    """21 is "twenty first"."""
    before, space, last = cardinal(number).rpartition(" ")
    return before + space + _ORDINALS.get(last, f"{re.sub('t$', '', re.sub('y$', 'ie', last))}th")


def words(text: str) -> list[str]:
    """The words of a transcript or of a phrase."""
    plain = text.lower().replace("’", "'")
    if not plain.isascii():  # ASCII text has no accents, and most of a dialplan's thousands of sentences are ASCII
        plain = "".join(char for char in unicodedata.normalize("NFKD", plain) if not unicodedata.combining(char))
    parts = _SLOT.split(plain)
    parts[::2] = map(_said, parts[::2])
    return [word for word in (found.strip("'") for found in _WORD.findall(" ".join(parts))) if word]


def _said(text: str) -> str:
    for pattern, say in _RULES if _DIGIT.search(text) else _WITHOUT_FIGURES:
        text = pattern.sub(lambda found, say=say: f" {say(found)} ", text)  # type: ignore[misc]
    return text


def _money(found: re.Match[str]) -> str:
    whole, _, part = found["amount"].replace(",", "").partition(".")
    if len(whole) > 6:
        return found["amount"]
    name = _COINS[found["sign"]] + ("" if whole == "1" or found["sign"] == "¥" else "s")
    return f"{cardinal(int(whole))} {name} {cardinal(int(part)) if part.strip('0') else ''}"


def _clock(found: re.Match[str]) -> str:
    hour, minute, half = int(found["hour"]), int(found["minute"]), found["half"] or ""
    if not hour:
        hour, half = 12, "am"
    if not minute:
        return " ".join([cardinal(hour), half or "o'clock"])
    return f"{cardinal(hour)} {'oh ' if minute < 10 else ''}{cardinal(minute)} {half}"


def _figures(found: re.Match[str]) -> str:
    """A number below a hundred is said as a number, a possible time of day as a time, and anything else digit by
    digit."""
    digits = found.group().replace(",", "")
    # Before another figure, each digit is read separately: "20 5" is not twenty-five.
    if digits[0] != "0" and len(digits) <= 4 and not _ANOTHER.match(found.string, found.end()):
        hour, minute = divmod(int(digits), 100)
        if not hour:
            return cardinal(minute)
        if hour < 24 and 0 < minute < 60:
            return f"{cardinal(hour)} {'oh ' if minute < 10 else ''}{cardinal(minute)}"
    return " ".join(UNITS[int(digit)] for digit in digits)


_ANOTHER = re.compile(r"[\s,-]+\d(?![\d:]*\s*[ap]m)")
_CLOCK = r"(?<![\d:.])(?P<hour>[01]?\d|2[0-3])[:.](?P<minute>[0-5]\d)(?![:.]?\d)\s*(?P<half>[ap]m\b)?"
_RULES: tuple[tuple[re.Pattern[str], Callable[[re.Match[str]], str]], ...] = (
    (re.compile(r"(?:\b|(?<=\d))([ap])\.? ?m\b\.?"), lambda found: f"{found[1]}m"),
    (re.compile(r"(?P<sign>[$£€¥])\s?(?P<amount>\d+(?:,\d{3})*(?:\.\d\d)?)"), _money),
    (re.compile(_CLOCK), _clock),
    (re.compile(r"(?<!\d)(\d{1,2})(?:st|nd|rd|th)\b"), lambda found: ordinal(int(found[1]))),
    (re.compile(r"(?<![\d.])(\d{1,3})\.(?=\d+(?![\d.]))"), lambda found: f"{found[1]} point"),
    (re.compile(r"\d{1,3}(?:,\d{3})+(?![\d,]*\d)|\d+", re.ASCII), _figures),
    (re.compile(rf"\b({'|'.join(_SHORT)})\."), lambda found: _SHORT[found[1]]),
    (re.compile(r"\bno\.(?=\s*(?:zero|oh|one|two|three|four|five|six|seven|eight|nine)\b)"), lambda _: "number"),
    (re.compile(rf"[{re.escape(''.join(_SIGNS))}]"), lambda found: _SIGNS[found.group()]),
    (re.compile(rf"(?<![\w'])(?:{'|'.join(map(re.escape, _ALIKE))})(?!\w)"), lambda found: _ALIKE[found.group()]),
)
"""The order matters: each rule leaves the rest for the next. Times come with their `am` already normalized."""
_WITHOUT_FIGURES = (_RULES[0], *_RULES[6:])
"""The rules that a text without a digit may need."""
_DIGIT = re.compile(r"\d")
