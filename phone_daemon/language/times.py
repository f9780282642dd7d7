"""Days and times of day as callers say them.

A day's value is what was said, in a normal form: `tuesday`, `next friday`, `friday week`, `tomorrow`, `3 march`,
`tuesday 23`. A time's value is `HH:MM` on a 24-hour clock, or `morning`, `afternoon`, `evening`, `any time`. Unless the
caller says otherwise, the hours from one to six are in the afternoon and those from seven to twelve are in the daytime,
because people call about office hours.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from phone_daemon.language.numbers import TEENS, TENS, UNITS

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
PARTS = {"morning": "am", "afternoon": "pm", "evening": "pm"}
_PARTS = {**{name: name for name in PARTS}, **{f"{name}s": name for name in PARTS}, "tonight": "evening"}
_AFTER_DATE = frozenset(("", "at", "in", "please", "of", "or", "if", "would", "is", "around", "about", "then", "for"))
"""What may follow "on the third" if it is a day; for example, "floor" may not."""
_BEFORE_TIME = (
    *("at", "around", "about", "by", "after", "before", "from", "until", "maybe"),
    *("no", "sorry", "mean", "meant", "rather", "actually", "it", "say", "let's"),
)
"""Words after which a bare number is a time; callers use some of them to correct themselves: "make it ten"."""
ANY_TIME, ANY_DAY = "any time", "any day"
_NUMBER_WORDS = {
    **{word: value for value, word in enumerate(UNITS) if value},
    **{word: value for value, word in enumerate(TEENS, 10)},
    **{word: 10 * tens for word, tens in TENS.items()},
}


@dataclass(frozen=True, slots=True)
class Found:
    """A value in a sentence, said by the words from `start` up to `end`."""

    value: str
    start: int
    end: int


def find_days(words: Sequence[str], expected: bool = False) -> list[Found]:
    """The days in a sentence, in order. "The third" without "on" counts only if a day is `expected`."""
    found: list[Found] = []
    at = 0
    while at < len(words):
        day = _relative(words, at) or _weekday(words, at) or _date(words, at, expected)
        if day is None:
            at += 1
        else:
            found.append(day)
            at = day.end
    return found


def _relative(words: Sequence[str], at: int) -> Found | None:
    if list(words[at : at + 2]) == ["any", "day"]:
        return Found(ANY_DAY, at, at + 2)
    if words[at] in ("today", "tonight"):
        return Found("today", at, at + 1)
    if words[at] != "tomorrow":
        return None
    if list(words[max(at - 2, 0) : at]) == ["day", "after"]:
        return Found("the day after tomorrow", at, at + 1)
    week = _a_week(words, at, at + 1)
    return week or Found("tomorrow", at, at + 1)


def _a_week(words: Sequence[str], start: int, end: int) -> Found | None:
    """The day one week after the one at `start:end`: `a week on friday`, `a week tomorrow`, `friday week`."""
    name = words[start].removesuffix("'s")
    before = start - 1 if start and words[start - 1] in ("on", "from", "this") else start
    if before > 1 and list(words[before - 2 : before]) in (["a", "week"], ["one", "week"], ["the", "week"]):
        return Found(f"{name} week", before - 2, end)
    if words[end : end + 1] == ["week"]:
        return Found(f"{name} week", start, end + 1)
    return None


def _weekday(words: Sequence[str], at: int) -> Found | None:
    """`tuesday`, `next tuesday`, `tuesday week`, `tuesday the twenty third`, `tuesday the third of march`."""
    name = words[at].removesuffix("'s").removesuffix("s")
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
            date, end = _number(words, after, 31)
        return Found(f"{date} {words[at]}", at, end) if date else None
    date, end = _ordinal(words, at)
    if not date:
        date, end = _number(words, at, 31)
        # "at three may i come" does not name a month.
        named = end < len(words) and words[end] in MONTHS and words[end] not in ("march", "may")
        return Found(f"{date} {words[end]}", at, end + 1) if date and named else None
    month = _past(words, end, "of")
    if month < len(words) and words[month] in MONTHS:
        return Found(f"{date} {words[month]}", at, month + 1)
    if not at or words[at - 1] != "the":
        return None
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


def _number(words: Sequence[str], at: int, highest: int) -> tuple[int, int]:
    """The cardinal number at `at`, from 1 to `highest`, and where it ends; 0 if there is none."""
    if at >= len(words):
        return 0, at
    word = words[at]
    value, end = (int(word) if re.fullmatch(r"\d{1,2}", word) else _NUMBER_WORDS.get(word, 0)), at + 1
    if word in TENS and end < len(words) and words[end] in UNITS[1:]:
        value, end = value + UNITS.index(words[end]), end + 1
    return (value, end) if 1 <= value <= highest else (0, at)


def say_day(value: str) -> str:
    """How the agent says a day, with its preposition: `on Tuesday`, `tomorrow`, `on the third of March`."""
    if value in ("today", "tomorrow", "the day after tomorrow"):
        return value
    if value == ANY_DAY:
        return "on any day"
    if value.endswith(" week"):
        name = value.removesuffix(" week")
        return f"a week {name}" if name == "tomorrow" else f"a week on {name.capitalize()}"
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


@dataclass(frozen=True, slots=True)
class _Clock:
    """A time that may still be before or after noon."""

    hour: int
    minute: int
    start: int
    end: int
    half: str = ""
    sure: bool = True
    """False for a bare number, which may be anything."""

    def value(self) -> str:
        hour = self.hour
        if self.half == "pm" and hour < 12:
            hour += 12
        elif self.half == "am" and hour == 12:
            hour = 0
        elif not self.half and 1 <= hour <= 6:
            hour += 12
        return f"{hour:02d}:{self.minute:02d}"


def find_times(words: Sequence[str], expected: bool = False) -> list[Found]:
    """The times of day in a sentence. A bare number counts only if a time is `expected`.

    A part of the day next to a time ("ten in the morning") belongs to it.
    """
    clocks: list[_Clock] = []
    parts: list[Found] = []
    at = 0
    while at < len(words):
        if words[at] in _PARTS and words[max(at - 1, 0)] not in ("good", "this"):
            parts.append(Found(_PARTS[words[at]], at, at + 1))
        elif list(words[at : at + 2]) in (["before", "lunch"], ["after", "lunch"]):
            parts.append(Found("morning" if words[at] == "before" else "afternoon", at, at + 2))
        elif words[at] in ("anytime", "whenever") or list(words[at : at + 2]) == ["any", "time"]:
            parts.append(Found(ANY_TIME, at, at + (2 if words[at] == "any" else 1)))
        else:
            clock = _clock(words, at)
            if clock is not None and (clock.sure or expected):
                clocks.append(clock)
                at = clock.end
                continue
        at += 1
    if not clocks:
        return parts
    halves = [PARTS[part.value] for part in parts if part.value in PARTS]
    if len(halves) == 1:
        clocks = [clock if clock.half else replace(clock, half=halves[0]) for clock in clocks]
    return [Found(clock.value(), clock.start, clock.end) for clock in clocks]


def _clock(words: Sequence[str], at: int) -> _Clock | None:
    if words[at] in ("noon", "midday", "lunchtime"):
        return _Clock(12, 0, at, at + 1, "pm")
    if words[at] == "midnight":
        return _Clock(12, 0, at, at + 1, "am")
    return _spoken_fraction(words, at) or _spoken_hour(words, at)


def _spoken_fraction(words: Sequence[str], at: int) -> _Clock | None:
    """`half past ten` or British `half ten`, `a quarter to three` or American `quarter of three`, `ten past four`."""
    if words[at] in ("half", "quarter"):
        minutes, end = (30 if words[at] == "half" else 15), at + 1
    else:
        minutes, end = _number(words, at, 29)
        if words[end : end + 1] in (["minutes"], ["minute"]):
            end += 1
    direction = words[end] if minutes and end < len(words) else ""
    if direction == "of" and minutes % 5:
        return None  # "two of five"
    if direction in ("past", "after", "to", "of", "before", "until"):
        end += 1
    elif words[at] != "half":
        return None
    hour, after = _number(words, end, 12)
    if not hour:
        return None
    if direction in ("to", "of", "before", "until"):
        hour, minutes = (hour - 1) or 12, 60 - minutes
    return _with_half(words, _Clock(hour, minutes, at, after))


def _spoken_hour(words: Sequence[str], at: int) -> _Clock | None:
    """`ten`, `ten o'clock`, `ten thirty`, `nine oh five`, `fourteen thirty`, `twenty fifteen`."""
    hour, end = _hour(words, at)
    if not hour:
        return None
    if words[end : end + 1] in (["o'clock"], ["hundred"]):
        return _with_half(words, _Clock(hour, 0, at, end + 1))
    minute, after = 0, end
    if words[end : end + 1] in (["oh"], ["o"]):
        minute, after = _number(words, end + 1, 9)
    else:
        minute, after = _number(words, end, 59)
        if minute < 10:
            minute = 0
    if minute:
        return _with_half(words, _Clock(hour, minute, at, after))
    if hour > 12:
        return None
    later = list(words[end : end + 2]) == ["in", "the"] and end + 2 < len(words) and words[end + 2] in PARTS
    led = at > 0 and (words[at - 1] in _BEFORE_TIME or _names_day(words[at - 1]))
    followed = any(_names_day(word) for word in words[_past(words, end, "on") :][:1])
    return _with_half(words, _Clock(hour, 0, at, end, sure=later or led or followed))


def _hour(words: Sequence[str], at: int) -> tuple[int, int]:
    """The hour at `at`, from 1 to 23, and where it ends. The "twenty" of "twenty thirty" is an hour; "twenty three" is
    one only if minutes or "o'clock" follow."""
    hour, end = _number(words, at, 23)
    if hour < 20 or words[end : end + 1] in (["o'clock"], ["hundred"], ["oh"]) or _number(words, end, 59)[0] >= 10:
        return hour, end
    return 0, at


def _names_day(word: str) -> bool:
    return word.removesuffix("s") in WEEKDAYS or word in ("today", "tomorrow")


def _with_half(words: Sequence[str], clock: _Clock) -> _Clock:
    if clock.end < len(words) and words[clock.end] in ("am", "pm"):
        return replace(clock, half=words[clock.end], end=clock.end + 1, sure=True)
    return clock


def say_time(value: str) -> str:
    """How the agent says a time, with its preposition: `at ten thirty`, `in the morning`, `at any time`."""
    if value in PARTS:
        return f"in the {value}"
    if ":" not in value:
        return f"at {value}"
    hour, minute = (int(part) for part in value.split(":"))
    if minute == 0 and hour in (0, 12):
        return "at midnight" if hour == 0 else "at noon"
    name = _NUMBERS[(hour - 1) % 12 + 1]
    if minute == 0:
        return f"at {name} o'clock"
    return f"at {name} oh {_NUMBERS[minute]}" if minute < 10 else f"at {name} {_minutes(minute)}"


_NUMBERS = ("", *UNITS[1:], *TEENS)


def _minutes(minute: int) -> str:
    if minute < 20:
        return _NUMBERS[minute]
    tens = next(word for word, value in TENS.items() if value == minute // 10)
    return f"{tens} {UNITS[minute % 10]}" if minute % 10 else tens
