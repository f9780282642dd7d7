"""Times of day as callers say them.

A time's value is `HH:MM` on a 24-hour clock, or `morning`, `afternoon`, `evening`, `any time`. Unless the
caller says otherwise, the hours from one to six are in the afternoon and those from seven to twelve are in the daytime,
because people call about office hours.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from phone_daemon.language.days import WEEKDAYS, Found, any_of
from phone_daemon.language.numbers import TEENS, TENS, UNITS, cardinal_at

PARTS = {"morning": "am", "afternoon": "pm", "evening": "pm"}
_PARTS = {**{name: name for name in PARTS}, **{f"{name}s": name for name in PARTS}, "tonight": "evening"}
_BEFORE_TIME = (
    *("at", "around", "about", "by", "after", "before", "from", "until", "maybe"),
    *("no", "sorry", "mean", "meant", "rather", "actually", "it", "say", "let's"),
)
"""Words after which a bare number is a time; callers use some of them to correct themselves: "make it ten"."""
ANY_TIME = "any time"


_FIRST_THING = re.compile(r"(?:first thing|as early as|early (?:on|doors)|the earlier the better)(?!\S)")


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
        elif words[at] in ("anytime", "whenever") or list(words[at : at + 2]) in (["any", "time"], ["any", "time's"]):
            parts.append(Found(ANY_TIME, at, at + (2 if words[at] == "any" else 1)))
        elif expected and _FIRST_THING.match(" ".join(words[at : at + 5])):
            parts.append(Found("morning", at, at + 2))
        else:
            clock = _clock(words, at)
            # "The nine o'clock one."
            again = clocks and not clock.sure and clock.start == clocks[-1].end if clock is not None else False
            if clock is not None and (clock.sure or expected) and not again:
                clocks.append(clock)
                at = clock.end
                continue
        at += 1
    if expected and not clocks and not parts:
        return any_of(words, ANY_TIME)
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
        minutes, end = cardinal_at(words, at, 29)
        if words[end : end + 1] in (["minutes"], ["minute"]):
            end += 1
    direction = words[end] if minutes and end < len(words) else ""
    if direction == "of" and minutes % 5:
        return None  # "two of five"
    if direction in ("past", "after", "to", "of", "before", "until"):
        end += 1
    elif words[at] != "half":
        return None
    hour, after = cardinal_at(words, end, 12)
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
        minute, after = cardinal_at(words, end + 1, 9)
    else:
        minute, after = cardinal_at(words, end, 59)
        if minute < 10:
            minute = 0
    if minute:
        return _with_half(words, _Clock(hour, minute, at, after))
    if hour > 12:
        return None
    later = list(words[end : end + 2]) == ["in", "the"] and end + 2 < len(words) and words[end + 2] in PARTS
    led = at > 0 and (words[at - 1] in _BEFORE_TIME or _names_day(words[at - 1]))
    followed = any(_names_day(word) for word in words[end + (words[end : end + 1] == ["on"]) :][:1])
    return _with_half(words, _Clock(hour, 0, at, end, sure=later or led or followed))


def _hour(words: Sequence[str], at: int) -> tuple[int, int]:
    """The hour at `at`, from 1 to 23, and where it ends. The "twenty" of "twenty thirty" is an hour; "twenty three" is
    one only if minutes or "o'clock" follow."""
    hour, end = cardinal_at(words, at, 23)
    if hour < 20 or words[end : end + 1] in (["o'clock"], ["hundred"], ["oh"]) or cardinal_at(words, end, 59)[0] >= 10:
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
