"""English: how people say what is written in figures and signs.

A rule is a pattern and the words to say for it. At each place in a text the first rule that matches applies; if a rule
returns None, its part stays as written. Engines have rules of their own, all different and all incomplete: with these
rules they all say the same.
"""

from __future__ import annotations

import html
import re
from collections.abc import Callable, Iterator

from phone_daemon.text.figures import cardinal, clock, day, digits, money, number, ordinal, year
from phone_daemon.text.spoken import Saying

Say = Callable[[re.Match[str]], str | None]

_RULES: list[tuple[str, re.Pattern[str], Say]] = []
"""How a rule's part may begin (A: a letter, 0: a digit, &: a sign), the rule's pattern, and what is said."""

_NUMBER = r"(?:\d{1,3}(?:,\d{3})+(?![\d,]\d)|\d+)(?:\.\d+)?"
_MONTH = (
    r"(?:Jan(?:uary)?|Feb(?:ruary)?|Mar(?:ch)?|Apr(?:il)?|May|June?|July?|Aug(?:ust)?"
    r"|Sept?(?:ember)?|Oct(?:ober)?|Nov(?:ember)?|Dec(?:ember)?)\b"
)
_YEAR = r"(?:1[1-9]|20)\d\d"
_WEEKDAY = r"(?:Mon|Tues?|Wed(?:nes)?|Thu(?:rs?)?|Fri|Sat(?:ur)?|Sun)(?:day)?\b"
_MONTHS = (
    "January", "February", "March", "April", "May", "June", "July",
    "August", "September", "October", "November", "December",
)  # fmt: skip
_WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_TO = r"\s?[-–—]\s?"
_TLD = r"(?:com|org|net|edu|gov|info|app|dev|io|ai|eu|uk|ie|ca|au|nz|de|fr)"


def sayings(text: str) -> Iterator[Saying]:
    """The parts of a plain text that are not said the way they are written."""
    done = 0
    for begun in _BEGINNING.finditer(text):
        start, char = begun.span()[0], begun.group()
        kind = "A" if char.isalpha() else "0" if char.isdecimal() else "&"
        if start < done or (found := _RULES_OF[kind].match(text, start)) is None:
            continue
        _, pattern, say = _RULES[int((found.lastgroup or "")[1:])]
        match = pattern.match(text, start)
        assert match is not None
        done = match.end()
        if (words := say(match)) is not None:
            yield Saying(start, done, words)


def _rule(begins: str, pattern: str) -> Callable[[Say], Say]:
    def add(say: Say) -> Say:
        _RULES.append((begins, re.compile(pattern, re.VERBOSE), say))
        return say

    return add


# ------------------------------------------------------------------------------------------------ addresses


@_rule("A0", r"[\w.+-]*\w@\w[\w-]*(?:\.\w[\w-]*)+")
def _mail(found: re.Match[str]) -> str:
    return _spelt(found.group())


@_rule(
    "A0",
    rf"""(?:https?://|\bwww\.) (?P<site>[^\s<>"“”‘’]*[^\s<>"“”‘’.,;:!?()\[\]{{}}'*_])
       | (?<![\w@.-]) (?P<bare> (?:[a-z0-9][a-z0-9-]*\.)+ {_TLD} \b (?!\.\w) (?:/[^\s<>"“”‘’]*[\w/])? )""",
)
def _site(found: re.Match[str]) -> str:
    """Nobody reads out what follows the name and a readable path."""
    host, _, path = re.split(r"[?#]", (found["site"] or found["bare"]))[0].removeprefix("www.").partition("/")
    folders = [folder for folder in path.split("/") if folder]
    readable = len(folders) <= 3 and all(re.fullmatch(r"[A-Za-z-]{1,20}", folder) for folder in folders)
    return _spelt("/".join([host, *(folders if readable else ())]))


def _spelt(address: str) -> str:
    names = {".": "dot", "@": "at", "-": "dash", "_": "underscore", "/": "slash", "+": "plus", ":": "colon"}
    parts = re.findall(r"\d+|[^\W\d_]+|[\W_]", address)
    said = [names.get(part, "") if not part.isalnum() else digits(part) if part.isdigit() else part for part in parts]
    # Spelled, as in "co dot u k", because no vowel carries it, or it is a country's.
    return " ".join(
        " ".join(word.upper()) if len(word) == 2 and before == "dot" and word != "co" else word
        for before, word in zip(["", *said], said, strict=False)
        if word
    )


@_rule("&", r"&(?:[a-z]+\d*|\#\d+|\#x[\da-f]+);")
def _entity(found: re.Match[str]) -> str | None:
    char = html.unescape(found.group())
    return {"&": "and", "\xa0": " ", "<": "less than", ">": "more than"}.get(char, char) if len(char) == 1 else None


# ------------------------------------------------------------------------------------------------ telephone numbers


@_rule(
    "0&",
    r"""(?<![\w.,:/£$€-]) (?:
          \+\d[\d ().-]{5,20}\d                                  # +44 20 7946 0018
        | \(0?\d{2,5}\)[ -]?\d[\d -]{4,9}\d                      # (020) 7946 0018
        | 0\d{2,5}[ -]\d{3,4}(?:[ -]?\d{3,4})?                   # 020 7946 0018
        | (?:1[-. ])?\d{3}[-. ]\d{3}[-. ]\d{4}                   # 1-800-555-0100
        | \d{3}-\d{4}                                            # 555-0100
    ) (?![\w-]|[.,:]\d)""",
)
def _telephone(found: re.Match[str]) -> str:
    groups = re.findall(r"\d+", found.group())
    said = ", ".join(digits(group) for group in groups)
    return f"plus {said}" if found.group().startswith("+") else said


@_rule(
    "A",
    r"(?P<verb>\b(?:[Cc]all|[Dd]ial|[Rr]ing|[Tt]ext|[Pp]hone|[Ee]xt\.|[Ee]xtension)\s+)"
    r"(?P<number>\d{2,6})\b(?![.,:-]?\d|\s\d)",
)
def _short_number(found: re.Match[str]) -> str:
    verb = "extension" if found["verb"].lower().startswith("ext") else found["verb"].strip()
    return f"{verb} {digits(found['number'])}"


@_rule(
    "A&",
    r"(?P<word>\b(?:[Cc]ode|PIN|[Nn]umber|[Rr]ef(?:erence)?|[Aa]ccount|[Oo]rder|ID)(?:\s+is|:|\.)?\s+|(?<!\w)\#)"
    r"(?P<number>\d{4,})\b(?![.,:/-]?\d)",
)
def _reference(found: re.Match[str]) -> str:
    return f"{found['word'].strip().replace('#', 'number')} {digits(found['number'])}"


@_rule("A", r"(?<![\w.-])(?P<letters>[A-Z]{2,4})-?(?P<digits>\d{3,})(?![\w-]|[.,]\d)")
def _code(found: re.Match[str]) -> str:
    return f"{'.'.join(found['letters'])}. {digits(found['digits'])}"


# ------------------------------------------------------------------------------------------------ dates


@_rule("0", r"(?<![\w-])(?P<year>\d{4})-(?P<month>0[1-9]|1[0-2])-(?P<day>0[1-9]|[12]\d|3[01])(?![\w-])")
def _iso_date(found: re.Match[str]) -> str:
    return f"the {ordinal(int(found['day']))} of {_MONTHS[int(found['month']) - 1]} {year(found['year'])}"


@_rule("0", rf"(?<![\w/])(?P<one>\d\d?)/(?P<two>\d\d?)/(?P<year>{_YEAR})(?![\w/])")
def _slashed_date(found: re.Match[str]) -> str | None:
    """Day first or month first: said if only one reading is possible, otherwise the figures are left to the caller."""
    one, two = int(found["one"]), int(found["two"])
    if one > 12 >= two > 0:
        return f"the {ordinal(one)} of {_MONTHS[two - 1]} {year(found['year'])}"
    if two > 12 >= one > 0:
        return f"{_MONTHS[one - 1]} {day(two)} {year(found['year'])}"
    return f"{cardinal(one)} slash {cardinal(two)} slash {year(found['year'])}"


@_rule(
    "0",
    rf"""(?<![\w.,/:-]) (?P<day>\d\d?)(?:st|nd|rd|th)? (?:{_TO}(?P<last>\d\d?)(?:st|nd|rd|th)?)?
        \s+(?:of\s+)?(?P<month>{_MONTH}) (?:\.(?=\s+\d))? (?:,?\s+(?P<year>{_YEAR})\b(?![,.]?\d))?""",
)
def _day_month(found: re.Match[str]) -> str | None:
    if not all(1 <= int(number) <= 31 for number in (found["day"], found["last"] or "1")):
        return None
    the = "" if re.search(r"(?i)\bthe\s+$", found.string[: found.start()]) else "the "
    last = f" to the {ordinal(int(found['last']))}" if found["last"] else ""
    return f"{the}{ordinal(int(found['day']))}{last} of {_month(found['month'])}{_of_year(found['year'])}"


@_rule(
    "A",
    rf"""\b(?P<month>{_MONTH})(?:\.(?=\s))?\s+(?:
          (?P<day>\d\d?)(?:st|nd|rd|th)? (?:{_TO}(?P<last>\d\d?)(?:st|nd|rd|th)?)? (?![\d:%/]|[.,]\d|\s?[ap]\.?m\b)
            (?:,?\s+(?P<year>{_YEAR})\b(?![,.]?\d))?
        | (?P<only>{_YEAR})\b(?![,.]?\d) )""",
)
def _month_day(found: re.Match[str]) -> str | None:
    if found["only"]:
        return f"{_month(found['month'])} {year(found['only'])}"
    if not all(1 <= int(number) <= 31 for number in (found["day"], found["last"] or "1")):
        return None
    last = f" to {day(int(found['last']))}" if found["last"] else ""
    return f"{_month(found['month'])} {day(int(found['day']))}{last}{_of_year(found['year'])}"


def _month(name: str) -> str:
    return next(month for month in _MONTHS if month.startswith(name[:3]))


def _of_year(found: str | None) -> str:
    return f" {year(found)}" if found else ""


@_rule("A", rf"\b(?P<one>{_WEEKDAY})\.?{_TO}(?P<two>{_WEEKDAY})(?:\.(?=\s+[\w(]))?")
def _weekdays(found: re.Match[str]) -> str:
    return f"{_weekday(found['one'])} to {_weekday(found['two'])}"


@_rule("A", rf"\b(?P<name>{_WEEKDAY})(?:\.(?=,?\s+[a-z\d]))?(?=[.,:]?\s+\d)")
def _one_weekday(found: re.Match[str]) -> str:
    return _weekday(found["name"])


def _weekday(name: str) -> str:
    return next(weekday for weekday in _WEEKDAYS if weekday.startswith(name[:3]))


@_rule("0", rf"(?<![\w.,-])(?P<one>{_YEAR}){_TO}(?P<two>{_YEAR})(?![\w-]|[.,]\d)")
def _years(found: re.Match[str]) -> str:
    return f"{year(found['one'])} to {year(found['two'])}"


@_rule("A", rf"\b(?P<word>(?:[Ii]n|[Ss]ince|[Bb]y|[Uu]ntil|[Yy]ear)\s+)(?P<year>{_YEAR})(?![\w-]|[.,:]\d)")
def _in_year(found: re.Match[str]) -> str:
    return f"{found['word'].strip()} {year(found['year'])}"


@_rule("0", r"(?<![\w.,])(?P<year>(?:(?:1[1-9]|20)\d|[2-9])0)'?s\b")
def _decade(found: re.Match[str]) -> str:
    return re.sub("y$", "ie", year(found["year"])) + "s"


# ------------------------------------------------------------------------------------------------ times of day


@_rule("0", r"(?<![\w.:])(?P<h>[01]?\d|2[0-3]):(?P<m>[0-5]\d)(?![:.]?\d)(?:\s?(?P<half>[AaPp])\.?[Mm]\b\.?)?")
def _time(found: re.Match[str]) -> str:
    return clock(int(found["h"]), int(found["m"]), found["half"] and found["half"].lower())


@_rule("0", r"(?<![\w.:,])(?P<h>1[0-2]|0?[1-9])(?:\.(?P<m>[0-5]\d))?\s?(?P<half>[AaPp])\.?[Mm]\b\.?")
def _short_time(found: re.Match[str]) -> str:
    return clock(int(found["h"]), int(found["m"] or 0), found["half"].lower())


@_rule("A", r"\b(?P<word>(?:[Aa]t|[Uu]ntil|[Tt]ill)\s+)(?P<h>[01]?\d|2[0-3])\.(?P<m>[0-5]\d)(?![.\d%]|\s?[a-z]{1,2}\b)")
def _dotted_time(found: re.Match[str]) -> str:
    return f"{found['word'].strip()} {clock(int(found['h']), int(found['m']))}"


# ------------------------------------------------------------------------------------------------ figures

_UNITS = {
    "km": "kilometre", "cm": "centimetre", "mm": "millimetre", "m": "metre", "mi": "mile", "ft": "foot",
    "kg": "kilogram", "g": "gram", "mg": "milligram", "lb": "pound", "lbs": "pound", "oz": "ounce",
    "l": "litre", "ml": "millilitre", "min": "minute", "mins": "minute", "hr": "hour", "hrs": "hour",
    "sec": "second", "secs": "second", "GB": "gigabyte", "MB": "megabyte", "kWh": "kilowatt hour",
    "km/h": "kilometre per hour", "mph": "mile per hour", "Mbps": "megabit per second",
    "°": "degree", "°C": "degree Celsius", "°F": "degree Fahrenheit", "%": "percent",
}  # fmt: skip
_UNIT = "|".join(sorted(map(re.escape, _UNITS), key=len, reverse=True))


@_rule(
    "0&",
    rf"""(?<![\d.,]) (?P<minus>(?<!\S)[-−](?=[£$€¥]?\d))?
        (?: (?P<sign>[£$€¥])\s?(?P<before>{_NUMBER}) | (?<!\w)(?P<after>{_NUMBER})\s?(?P<coin>[£€¥](?!\d)|p\b|[¢]) )
        (?: \s?(?P<large>k|K|m|M|bn|thousand|million|billion|trillion)\b )?""",
)
def _money(found: re.Match[str]) -> str:
    amount = money(found["before"] or found["after"], found["sign"] or found["coin"], found["large"] or "")
    return f"minus {amount}" if found["minus"] else amount


@_rule("0&", rf"(?<![\w.,])(?P<minus>(?<!\S)[-−])?(?P<number>{_NUMBER})\s?(?P<unit>{_UNIT})(?:\.(?=\s[a-z])|(?!\w))")
def _measure(found: re.Match[str]) -> str:
    unit = _UNITS[found["unit"]]
    name, _, rest = unit.partition(" ")
    if found["number"] != "1" and unit != "percent":
        name = "feet" if name == "foot" else f"{name}s"
    if unit == "kilowatt hour":
        name, rest = "kilowatt", "hour" if found["number"] == "1" else "hours"
    minus = "minus " if found["minus"] else ""
    return f"{minus}{number(found['number'])} {name} {rest}".rstrip()


@_rule("0", r"(?<![\w.,])(?P<number>\d{1,6})(?:st|nd|rd|th)\b")
def _ordinal(found: re.Match[str]) -> str:
    return ordinal(int(found["number"]))


@_rule("0", r"(?<![\w/])(?:24/7|50/50)(?![\w/])")
def _set_phrase(found: re.Match[str]) -> str:
    return " ".join(cardinal(int(part)) for part in found.group().split("/"))


_PARTS = {"1/2": "a half", "1/4": "a quarter", "3/4": "three quarters", "1/3": "a third", "2/3": "two thirds"}
_PARTS |= dict(zip("½¼¾⅓⅔", _PARTS.values(), strict=True))


@_rule(
    "0&",
    r"(?<![\w/.,])(?:(?P<whole>\d{1,3})(?:\s(?=\d/)|(?=[½¼¾⅓⅔])))?(?P<part>[13]/4|1/2|[12]/3|[½¼¾⅓⅔])(?![\w/]|[.,]\d)",
)
def _fraction(found: re.Match[str]) -> str:
    return f"{cardinal(int(found['whole']))} and {_PARTS[found['part']]}" if found["whole"] else _PARTS[found["part"]]


@_rule("A&", r"(?:(?<!\w)\#|\bN[or]\.|\bno\.|№)\s?(?=\d)")
def _number_of(found: re.Match[str]) -> str:
    return "number"


@_rule("0", r"(?<!\w)(?P<one>\d{1,4})(?:\s?[x×]\s?|\s\*\s)(?P<two>\d{1,4})(?!\w)")
def _times(found: re.Match[str]) -> str:
    return f"{number(found['one'])} {'times' if '*' in found.group() else 'by'} {number(found['two'])}"


@_rule("0&", rf"(?<![\w.,])(?<![A-Za-z][-–])(?P<minus>(?<!\S)[-−])?(?P<number>{_NUMBER})(?!\w|\.\d)")
def _number(found: re.Match[str]) -> str:
    return f"minus {number(found['number'])}" if found["minus"] else number(found["number"])


@_rule("&", r"(?: (?<=[\d%mM.€£]) | (?<=[\d%mM.€£]\s) ) [-–—]\s? (?=[£$€]?\d[\d.,:]*(?![-–\w]*[-–]))")
def _range(found: re.Match[str]) -> str | None:
    return "to" if re.search(r"\d[\d.,:]*\s?(?:[ap]\.?m\.?|[%€£])?$", found.string[: found.start()]) else None


# ------------------------------------------------------------------------------------------------ signs and short forms

_SIGNS = {
    "&": "and",
    "@": "at",
    "#": "hash",
    "*": "star",
    "=": "equals",
    "~": "about",
    "→": "to",
    "≥": "at least",
    "≤": "at most",
}


@_rule("&", r"[&@\#*=→≥≤]|~(?=\s?\d)")
def _sign(found: re.Match[str]) -> str:
    return _SIGNS[found.group()]


@_rule("&", r"(?<=\s)\+(?=\s)|(?<=\d)\+(?!\w)")
def _plus(found: re.Match[str]) -> str:
    return "plus"


@_rule("&", r"(?<=\d):(?=\d)")
def _ratio(found: re.Match[str]) -> str:
    return "to"


@_rule("&", r"(?<=\w)/(?=(?:second|sec|minute|min|hour|hr|day|night|week|month|year|person)\b)")
def _per(found: re.Match[str]) -> str:
    return "per"


@_rule("&", r"(?<=[a-z])/(?=[A-Za-z])|(?<=\w\s)/(?=\s\w)")
def _either(found: re.Match[str]) -> str:
    return " " if re.search(r"\band$", found.string[: found.start()]) else "or"  # "and/or"


@_rule("&", r"(?<=\w)/(?=\w)")
def _slash(found: re.Match[str]) -> str:
    return "slash" if found.string[found.start() - 1].isdigit() else " "


_SHORT = {
    "Dr": "Doctor", "Mr": "Mister", "Mrs": "Missus", "Prof": "Professor", "e.g": "for example", "i.e": "that is",
    "etc": "et cetera", "approx": "approximately", "incl": "including", "vs": "versus", "dept": "department",
    "appt": "appointment", "tel": "telephone", "ext": "extension",
}  # fmt: skip


@_rule("A", rf"\b(?P<word>{'|'.join(map(re.escape, _SHORT))})\.(?!\w)")
def _short(found: re.Match[str]) -> str:
    # The period of "etc." may also end the sentence.
    after = found.string[found.end() :].lstrip()
    return _SHORT[found["word"]] + ("." if found["word"] == "etc" and (not after or after[0].isupper()) else "")


@_rule("A", r"\bSt\.(?=\s+[A-Z])")
def _street_or_saint(found: re.Match[str]) -> str:
    return "Street" if re.search(r"[A-Z]\w*\s$", found.string[: found.start()]) else "Saint"


def _any_of(kind: str) -> re.Pattern[str]:
    """All rules of a kind at once, in order: group `rN` is rule N."""
    patterns = {n: rule.pattern for n, (begins, rule, _) in enumerate(_RULES) if kind in begins}
    unnamed = {n: re.sub(r"[(][?]P<[a-z]+>", "(?:", pattern) for n, pattern in patterns.items()}
    return re.compile("|".join(f"(?P<r{n}>{pattern})" for n, pattern in unnamed.items()), re.VERBOSE)


_BEGINNING = re.compile(r"(?<![^\W\d_])[^\W\d_]|(?<!\d)\d|[^\w\s]")
"""Where a rule may apply: at the first of several letters or digits, and at signs."""
_RULES_OF = {kind: _any_of(kind) for kind in "A0&"}
