"""Days as callers say them.

A day's value is what was said, in a normal form: `tuesday`, `next friday`, `friday week`, `tomorrow`, `3 march`,
`tuesday 23`, `monday fortnight`, `today week`, `in 3 days`, `monday after next`, `last friday of june`, `1 next month`,
`24 december`.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from phone_daemon.language.numbers import UNITS, cardinal_at

WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
MONTHS = (
    "january", "february", "march", "april", "may", "june",
    "july", "august", "september", "october", "november", "december",
)  # fmt: skip
ORDINALS = (
    "", "first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth", "ninth", "tenth", "eleventh",
    "twelfth", "thirteenth", "fourteenth", "fifteenth", "sixteenth", "seventeenth", "eighteenth", "nineteenth",
    "twentieth", "twenty first", "twenty second", "twenty third", "twenty fourth", "twenty fifth", "twenty sixth",
    "twenty seventh", "twenty eighth", "twenty ninth", "thirtieth", "thirty first",
)  # fmt: skip
_AFTER_DATE = frozenset(("", "at", "in", "please", "of", "or", "if", "would", "is", "around", "about", "then", "for"))
"""What may follow "on the third" if it is a day; for example, "floor" may not."""
ANY_DAY = "any day"


@dataclass(frozen=True, slots=True)
class Found:
    """A value in a sentence, said by the words from `start` up to `end`."""

    value: str
    start: int
    end: int


_SHORT = {
    "mon": "monday", "tue": "tuesday", "tues": "tuesday", "weds": "wednesday", "thu": "thursday", "thur": "thursday",
    "thurs": "thursday", "fri": "friday",
}  # fmt: skip
_SPANS = {"a week": "week", "one week": "week", "a fortnight": "fortnight", "two weeks": "fortnight"}
_FEASTS = {
    "christmas eve": "24 december", "christmas day": "25 december", "boxing day": "26 december",
    "new year's eve": "31 december", "new year's day": "1 january", "valentine's day": "14 february",
    "good friday": "good friday", "easter monday": "easter monday",
}  # fmt: skip
_WEEKDAY = rf"(?P<day>{'|'.join(WEEKDAYS)})(?:'s)?"
_PLACE = r"(?P<place>last|first|second|third|fourth)"
_FORMS = (
    (rf"(?:the )?{_WEEKDAY} after next(?: week)?", "{day} after next"),
    (rf"(?:{_WEEKDAY} (?:of |in )?next week|next week (?:on )?{_WEEKDAY.replace('day>', 'other>')})", "next {day}"),
    (rf"{_WEEKDAY} next", "next {day}"),
    (rf"(?:the )?{_PLACE} {_WEEKDAY} (?:of|in) (?:the|this) month", "{place} {day} of the month"),
    (rf"(?:the )?{_PLACE} {_WEEKDAY} (?:of|in) (?P<month>next month|{'|'.join(MONTHS)})", "{place} {day} of {month}"),
    (rf"in (?P<count>{'|'.join(UNITS[2:])}) days(?:'? time)?", "in {count} days"),
    (r"in (?:a|one) week(?:'?s)?(?: time)?", "today week"),
    (r"in (?:a fortnight|two weeks)(?:'?s?)?(?: time)?", "today fortnight"),
)
_ANY = re.compile(
    r"(?<!\S)(?:i (?:don't|do not|really don't) (?:mind|care)|i'm (?:not (?:fussy|bothered|fussed|picky)|easy|flexible)"
    r"|(?:it )?(?:doesn't|does not|makes no) (?:matter|difference)|no preference|(?:what|which)ever(?: \w+)*|whenever"
    r"|you (?:choose|decide|pick|tell me)|up to you"
    r"|any(?: of them| (?:one|day|time)| (?:will|would|is) \w+)|anything|all the same)(?!\S)"
)


def find_days(words: Sequence[str], expected: bool = False) -> list[Found]:
    """The days in a sentence, in order. "The third" without "on" counts only if a day is `expected`."""
    words = [_SHORT.get(word, word) for word in words]
    found: list[Found] = []
    at = 0
    while at < len(words):
        day = _far(words, at) or _relative(words, at) or _weekday(words, at) or _date(words, at, expected)
        if day is None:
            at += 1
        else:
            found.append(day)
            at = day.end
    return any_of(words, ANY_DAY) if expected and not found else found


def any_of(words: Sequence[str], value: str) -> list[Found]:
    """`value` if `words` leave the choice to the agent."""
    sentence = " ".join(words)
    match = _ANY.search(sentence)
    if match is None:
        return []
    start = len(sentence[: match.start()].split())
    return [Found(value, start, start + len(match.group().split()))]


def _far(words: Sequence[str], at: int) -> Found | None:
    """A day that several words name: `in three days`, `the last friday of june`, `the first of next month`."""
    if words[at] not in _BEGINNING and words[at].removesuffix("'s") not in WEEKDAYS:
        return None
    sentence = " ".join(words[at : at + 8])
    for said, value in _FEASTS.items():
        if sentence.startswith(said):
            return Found(value, at, at + len(said.split()))
    for pattern, form in _FORMS_READ:
        if match := pattern.match(sentence):
            parts = {name: value for name, value in match.groupdict().items() if value}
            parts["day"] = parts.get("day") or parts.get("other", "")
            if "count" in parts:
                parts["count"] = str(UNITS.index(parts["count"]))
            return Found(form.format(**parts), at, at + len(match.group().split()))
    number, end = _ordinal(words, _past(words, at, "the"))
    month = " ".join(words[end : end + 3])
    if number and month.startswith(("of next month", "of this month")):
        return Found(f"{number} next month" if "next" in month else str(number), at, end + 3)
    return None


_FORMS_READ = tuple((re.compile(rf"{pattern}(?!\S)"), form) for pattern, form in _FORMS)
_BEGINNING = frozenset(("the", "last", "next", "in", *ORDINALS[1:5], *(said.split()[0] for said in _FEASTS)))


def _relative(words: Sequence[str], at: int) -> Found | None:
    if list(words[at : at + 2]) == ["any", "day"]:
        return Found(ANY_DAY, at, at + 2)
    alone = list(words[at : at + 3]) == ["the", "day", "after"] and list(words[at + 3 : at + 4]) != ["tomorrow"]
    if alone and "tomorrow" in words[:at]:
        return Found("the day after tomorrow", at, at + 3)
    if _plain(words[at]) in ("today", "tonight"):
        return _a_week(words, at, at + 1) or Found("today", at, at + 1)
    if _plain(words[at]) != "tomorrow":
        return None
    if list(words[max(at - 2, 0) : at]) == ["day", "after"]:
        return Found("the day after tomorrow", at, at + 1)
    return _a_week(words, at, at + 1) or Found("tomorrow", at, at + 1)


def _a_week(words: Sequence[str], start: int, end: int) -> Found | None:
    """The day one or two weeks after the one at `start:end`: `a week on friday`, `a fortnight tomorrow`, `friday
    week`."""
    name = "today" if words[start] == "tonight" else _plain(words[start])
    before = start - 1 if start and words[start - 1] in ("on", "from", "this") else start
    span = _SPANS.get(" ".join(words[max(before - 2, 0) : before]).replace("the ", "a " if before < start else "the "))
    if span:
        return Found(f"{name} {span}", before - 2, end)
    if before < start and before and words[before - 1] in ("week", "fortnight"):
        return Found(f"{name} {words[before - 1]}", before - 1, end)
    if words[end : end + 1] in (["week"], ["fortnight"]):
        return Found(f"{name} {words[end]}", start, end + 1)
    return None


def _plain(word: str) -> str:
    return re.sub(r"'(?:s|d|ll)$", "", word)


def _weekday(words: Sequence[str], at: int) -> Found | None:
    """`tuesday`, `next tuesday`, `tuesday week`, `tuesday the twenty third`, `tuesday the third of march`."""
    name = _plain(words[at]).removesuffix("s")
    if name not in WEEKDAYS:
        return None
    after = _past(words, at + 1, "the")
    date = _date(words, after, expected=False)
    if date is not None:
        return Found(f"{name} {date.value}", at, date.end)
    number, end = _ordinal(words, after)
    if number:
        return Found(f"{name} {number}", at, end)
    if week := _a_week(words, at, at + 1):
        return week
    return Found(f"next {name}" if at and words[at - 1] == "next" else name, at, at + 1)


def _date(words: Sequence[str], at: int, expected: bool) -> Found | None:
    """`march the third`, `the third of march`, `three march`, `on the third`, `the third`."""
    if at >= len(words):
        return None
    if words[at] in MONTHS:
        after = _past(words, at + 1, "the")
        date, end = _ordinal(words, after)
        if not date:
            date, end = cardinal_at(words, after, 31)
        return Found(f"{date} {words[at]}", at, end) if date else None
    date, end = _ordinal(words, at)
    if not date:
        date, end = cardinal_at(words, at, 31)
        # "at three may i come" does not name a month.
        named = end < len(words) and words[end] in MONTHS and words[end] not in ("march", "may")
        return Found(f"{date} {words[end]}", at, end + 1) if date and named else None
    month = _past(words, end, "of")
    if month < len(words) and words[month] in MONTHS:
        return Found(f"{date} {words[month]}", at, month + 1)
    if not at or words[at - 1] != "the":
        return Found(str(date), at, end) if expected and date > 2 else None
    after_on = at > 1 and words[at - 2] in ("on", "for") and (words[end] if end < len(words) else "") in _AFTER_DATE
    return Found(str(date), at, end) if expected or after_on else None


def _past(words: Sequence[str], at: int, word: str) -> int:
    """Where the sentence continues after an optional `word`."""
    return at + 1 if at < len(words) and words[at] == word else at


def _ordinal(words: Sequence[str], at: int) -> tuple[int, int]:
    """The ordinal at `at` ("twenty third", "23rd") and where it ends; 0 if there is none."""
    two = " ".join(words[at : at + 2])
    if " " in two and two in ORDINALS:
        return ORDINALS.index(two), at + 2
    one = words[at] if at < len(words) else ""
    if one and one in ORDINALS:
        return ORDINALS.index(one), at + 1
    figures = re.fullmatch(r"(\d{1,2})(?:st|nd|rd|th)", one)
    if figures and 1 <= int(figures[1]) <= 31:
        return int(figures[1]), at + 1
    return 0, at


def _say_far(value: str) -> str:
    """What `_far` and `_a_week` find, said; empty for any other day."""
    name, _, last = value.rpartition(" ")
    first = value.partition(" ")[0]
    if last in ("week", "fortnight"):
        weeks = "a week" if last == "week" else "two weeks"
        return f"{weeks} {name}" if name in ("today", "tomorrow") else f"{weeks} on {name.capitalize()}"
    if last == "days":
        return f"in {UNITS[int(name.removeprefix('in '))]} days"
    if value.endswith(" next month"):
        if first.isdigit():
            return f"on the {ORDINALS[int(first)]} of next month"
    elif value.endswith(" after next"):
        return f"on the {first.capitalize()} after next"
    if " of " in value:
        return "on the " + " ".join(
            each.capitalize() if each in (*WEEKDAYS, *MONTHS) else each for each in value.split()
        )
    return ""


def say_day(value: str) -> str:
    """How the agent says a day, with its preposition: `on Tuesday`, `tomorrow`, `on the third of March`."""
    if value in ("today", "tomorrow", "the day after tomorrow"):
        return value
    if value == ANY_DAY:
        return "on any day"
    if far := _say_far(value):
        return far
    spoken = []
    for part in value.split():
        if part.isdigit():
            spoken.append(f"the {ORDINALS[int(part)]}")
        elif part in MONTHS:
            spoken.append(f"of {part.capitalize()}")
        else:
            spoken.append(part if part == "next" else part.capitalize())
    text = " ".join(spoken)
    return text if text.startswith("next") else f"on {text}"
