"""Figures in English words: numbers, years, money, times of day."""

from __future__ import annotations

from num2words import num2words

_LONGEST = 15
"""Most digits of a number that people can follow; a longer number is read digit by digit."""
_MONEY = {
    "£": ("pound", "pounds", "penny", "pence"),
    "$": ("dollar", "dollars", "cent", "cents"),
    "€": ("euro", "euros", "cent", "cents"),
    "¥": ("yen", "yen", "sen", "sen"),
}
_COINS = {"p": ("penny", "pence"), "¢": ("cent", "cents")}
_LARGE = {"k": "thousand", "K": "thousand", "m": "million", "M": "million", "bn": "billion"}


def cardinal(number: int) -> str:
    """For example, `1,234` is "one thousand two hundred and thirty-four"."""
    return str(num2words(number)).replace(",", "")


def ordinal(number: int) -> str:
    return str(num2words(number, to="ordinal")).replace(",", "")


def day(number: int) -> str:
    """A day after its month: "the fifth"."""
    return f"the {ordinal(number)}"


def year(number: str) -> str:
    return str(num2words(int(number), to="year")).replace(",", "")


def digits(number: str) -> str:
    """The digits one by one."""
    return " ".join(cardinal(int(digit)) for digit in number)


def number(written: str) -> str:
    """For example `1,234`, `3.14`, or `482209`. A number without commas that is long or begins with a zero is not a
    quantity but a reference, and is read digit by digit."""
    whole, _, fraction = written.partition(".")
    plain = whole.replace(",", "")
    long = len(plain) > 4 and not plain.endswith("000")
    reference = plain == whole and (long or (len(plain) > 1 and plain[0] == "0"))
    said = digits(plain) if reference or len(plain) > _LONGEST else cardinal(int(plain))
    return f"{said} point {digits(fraction)}" if fraction else said


def money(amount: str, sign: str, large: str = "") -> str:
    """`amount`, such as "1,299.99", in the currency of `sign`; `large`: "k", "million", or empty."""
    if sign in _COINS:
        return f"{number(amount)} {_COINS[sign][amount != '1']}"
    one, many, coin, coins = _MONEY[sign]
    if large:
        return f"{number(amount)} {_LARGE.get(large, large)} {many}"
    whole, _, fraction = amount.replace(",", "").partition(".")
    if fraction and len(fraction) != 2:
        return f"{number(amount)} {many}"
    pounds, pence = int(whole), int(fraction or 0)
    small = f"{cardinal(pence)} {coin if pence == 1 else coins}"
    if not pounds and pence:
        return small
    said = f"{number(f'{pounds:,}')} {one if pounds == 1 else many}"
    # "four pounds fifty", but "four pounds and five pence".
    return said if not pence else f"{said} {cardinal(pence)}" if pence > 9 else f"{said} and {small}"


def clock(hour: int, minute: int, half: str | None = None) -> str:
    """A time of day; `half`: a for a.m., p for p.m., None if neither is said."""
    if half:
        # With periods, or an engine would take the first letter for an article.
        minutes = "" if not minute else f" oh {cardinal(minute)}" if minute < 10 else f" {cardinal(minute)}"
        return f"{cardinal(hour)}{minutes} {half}.m."
    if minute:
        return f"{cardinal(hour)} {'oh ' if minute < 10 else ''}{cardinal(minute)}"
    if not hour:
        return "midnight"
    return f"{cardinal(hour)} o'clock" if hour <= 12 else f"{cardinal(hour)} hundred"
