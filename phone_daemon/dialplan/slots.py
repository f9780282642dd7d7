"""The kinds of values that an agent asks for: finds them in the caller's words, and says how the agent repeats them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from difflib import SequenceMatcher
from typing import Protocol

from phone_daemon.language import numbers
from phone_daemon.language.days import ANY_DAY, MONTHS, ORDINALS, WEEKDAYS, Found, find_days, say_day
from phone_daemon.language.refused import wanted
from phone_daemon.language.times import ANY_TIME, find_times, say_time
from phone_daemon.language.words import words as words_of
from phone_daemon.language.yes_no import AROUND, YES_NO_EXAMPLES, only_yes_or_no, yes_or_no
from sidecars.spoken_digits import HOMOPHONES, readings

YES_NO = "yes_no"
"""The answers to a yes-or-no question."""
TEXT = "text"
"""Answers that may be any words: a message, a name, an address."""


class Kind(Protocol):
    """A kind of value. Values are normalized texts. Of several in one sentence, the last one counts."""

    def find(self, words: Sequence[str], expected: bool) -> list[Found]:
        """The values in a sentence; `expected`: whether the agent has just asked for one."""
        ...

    def say(self, value: str) -> str:
        """How the agent says `value`."""
        ...

    def allows(self, value: str) -> bool:
        """False for a value of this kind that the dialplan refuses."""
        ...

    def examples(self) -> tuple[str, ...]:
        """Ways to say values of this kind, for the recognizer."""
        ...

    def answers(self) -> tuple[str, ...]:
        """Ways to answer when asked for one: `examples` with the words that people put around them."""
        ...


@dataclass(frozen=True, slots=True)
class Day:
    """`type = "day"`: a weekday, today, tomorrow, a date; said with its preposition."""

    never: frozenset[str] = frozenset()
    """Weekdays that are refused."""

    def find(self, words: Sequence[str], expected: bool) -> list[Found]:
        return wanted(find_days(words, expected), words, expected)

    def say(self, value: str) -> str:
        return say_day(value)

    def allows(self, value: str) -> bool:
        return self.never.isdisjoint(value.split())

    def examples(self) -> tuple[str, ...]:
        named = tuple(f"{before}{day}" for before in ("", "on ", "next ") for day in WEEKDAYS)
        return (*named, "today", "tomorrow", "the day after tomorrow", ANY_DAY)

    def answers(self) -> tuple[str, ...]:
        days = (*WEEKDAYS, "tomorrow")
        forms = ("no {}", "{} please", "how about {}", "what about {}", "can i come {}", "{} would be good")
        led = tuple(form.format(said) for form in forms for day in days for said in (day, say_day(day).lower()))
        dates = tuple(f"{on}the {date}" for on in ("", "on ") for date in ORDINALS[1:])
        months = tuple(
            form.format(date=date, month=month)
            for date in ORDINALS[1:]
            for month in MONTHS
            for form in ("the {date} of {month}", "{month} {date}", "{month} the {date}", "on the {date} of {month}")
        )
        both = tuple(f"{day} the {date}" for day in WEEKDAYS for date in ORDINALS[1:])
        weekly = ("a week on {}", "{} week", "this {}", "um {}", "{} next week")
        weeks = tuple(form.format(day) for day in WEEKDAYS for form in weekly)
        return (*self.examples(), *led, *dates, *months, *both, *weeks)


@dataclass(frozen=True, slots=True)
class Time:
    """`type = "time"`: a time of day or a part of the day; said with its preposition."""

    earliest: str = "00:00"
    latest: str = "24:00"

    def find(self, words: Sequence[str], expected: bool) -> list[Found]:
        return wanted(find_times(words, expected), words, expected)

    def say(self, value: str) -> str:
        return say_time(value)

    def allows(self, value: str) -> bool:
        return ":" not in value or self.earliest <= value <= self.latest

    def examples(self) -> tuple[str, ...]:
        hours = (*numbers.UNITS[1:], *numbers.TEENS[:3])
        named = tuple(
            form.format(hour)
            for form in ("{}", "at {}", "{} o'clock", "at {} o'clock", "{} thirty", "at {} thirty", "half past {}",
                         "quarter past {}", "quarter to {}", "{} fifteen", "{} forty five")
            for hour in hours
        )  # fmt: skip
        parts = ("in the morning", "in the afternoon", "in the evening", "morning", "afternoon", "at noon", "noon")
        return (*named, *parts, ANY_TIME, "ten in the morning", "two in the afternoon")

    def answers(self) -> tuple[str, ...]:
        hours = (*numbers.UNITS[1:], *numbers.TEENS[:3])
        forms = ("no at {}", "{} please", "at {} please", "at {} o'clock please", "around {}", "how about {}",
                 "at half past {}", "at quarter past {}", "at quarter to {}", "{} a m", "{} p m", "{} in the morning",
                 "{} in the afternoon", "half {}", "a quarter to {}", "a quarter past {}", "ten past {}", "ten to {}",
                 "twenty past {}", "twenty to {}", "five past {}", "five to {}")  # fmt: skip
        tens = tuple(numbers.TENS)[:4]
        minutes = ("oh five", "ten", "fifteen", *(f"{ten}{five}" for ten in tens for five in ("", " five")))
        said = tuple(form.format(hour) for form in forms for hour in hours)
        exact = tuple(f"{hour} {minute}" for hour in hours for minute in minutes)
        return (
            *self.examples(),
            *said,
            *exact,
            *(f"at {time}" for time in exact),
            "midday",
            "at midday",
            "after lunch",
        )


_CORRECTING = frozenset(("no", "not", "sorry", "mean", "meant", "rather", "correction", "wait", "actually"))


@dataclass(frozen=True, slots=True)
class Digits:
    """`type = "digits"`: a number said or keyed in digit by digit, `low` to `high` digits long."""

    low: int
    high: int

    def find(self, words: Sequence[str], expected: bool) -> list[Found]:
        """Runs of digits of the right length; when expected, also everything that was said, and numbers that are too
        short or too long."""
        runs = [Found(self._value(words, run), run.start, run.end) for run in numbers.runs(words)]
        right = [run for run in runs if self.fits(run.value)]
        if expected and len(runs) > 1 and (corrected := self._corrected(words, runs)):
            return [corrected]
        if right or not (expected and runs):
            return right
        likely = [
            Found(run.digits, run.start, run.end) for run in numbers.misheard_runs(words) if self.fits(run.digits)
        ]
        if len(likely) == 1:
            return likely
        return [Found("".join(run.value for run in runs), runs[0].start, runs[-1].end)]

    def _value(self, words: Sequence[str], run: numbers.Run) -> str:
        """The digits of `run`, or of the right length if its words can also be written so: "six thousand eighty-one"
        has four digits, or six."""
        ways = (run.digits, *readings([HOMOPHONES.get(word, word) for word in words[run.start : run.end]]))
        return next(filter(self.fits, ways), run.digits)

    def _corrected(self, words: Sequence[str], runs: Sequence[Found]) -> Found | None:
        """A number whose last digits were corrected: "… three five seven, no, eight"."""
        before, after = runs[-2:]
        again = _CORRECTING.intersection(words[before.end : after.start])
        if not again or not self.fits(before.value) or len(after.value) >= len(before.value):
            return None
        kept = before.value[: -len(after.value)]
        return Found(kept + after.value, before.start, after.end)

    def fits(self, digits: str) -> bool:
        return self.low <= len(digits) <= self.high

    def say(self, value: str) -> str:
        return numbers.spoken(value)

    def allows(self, value: str) -> bool:
        return True

    def examples(self) -> tuple[str, ...]:
        return numbers.examples(self.low)

    def answers(self) -> tuple[str, ...]:
        whole = numbers.samples(self.low)
        return (*self.examples(), *whole, *(f"it's {number}" for number in whole[:20]))


_UNLIKE = 0.75
"""Words that are no more similar than this are different words."""
_SHORT = 3
"""Words of at most this many letters must match exactly: "all" is not "small"."""


def _likeness(said: Sequence[str], wanted: Sequence[str]) -> float:
    """How similar two phrases with the same number of words are, 0 to 1; 0 if any pair of words clearly differs."""
    pairs = list(zip(said, wanted, strict=True))
    if any(one != other and (min(len(one), len(other)) <= _SHORT or one in AROUND) for one, other in pairs):
        return 0.0
    return SequenceMatcher(None, " ".join(said), " ".join(wanted)).ratio()


@dataclass(frozen=True, slots=True)
class Choice:
    """`type = "choice"`: one of a list; each value with the ways to say it."""

    ways: Mapping[str, tuple[str, ...]]
    spoken: Mapping[str, str] = field(default_factory=dict)

    def find(self, words: Sequence[str], expected: bool) -> list[Found]:
        """Exact matches; when an answer is expected and none matches exactly, also words that sound similar."""
        exact = self._find(words, fuzzy=False)
        return exact or (self._find(words, fuzzy=True) if expected else [])

    def _find(self, words: Sequence[str], *, fuzzy: bool) -> list[Found]:
        found: list[tuple[int, float, Found]] = []
        plain = [word.removesuffix("'s") for word in words]
        for value, ways in self.ways.items():
            for way in ways:
                wanted = [word.removesuffix("'s") for word in words_of(way)]
                for start in range(len(words) - len(wanted) + 1):
                    said = plain[start : start + len(wanted)]
                    close = 1.0 if said == wanted else _likeness(said, wanted) if fuzzy else 0.0
                    if close > _UNLIKE:
                        found.append((len(wanted), close, Found(value, start, start + len(wanted))))
        # The longest and closest match wins its words; the remaining matches are in the order of the sentence.
        chosen: list[Found] = []
        for _, _, candidate in sorted(found, key=lambda each: (-each[0], -each[1])):
            if all(candidate.end <= other.start or other.end <= candidate.start for other in chosen):
                chosen.append(candidate)
        return sorted(chosen, key=lambda each: each.start)

    def say(self, value: str) -> str:
        return self.spoken.get(value, value)

    def allows(self, value: str) -> bool:
        return True

    def examples(self) -> tuple[str, ...]:
        return tuple(way for ways in self.ways.values() for way in ways)

    def answers(self) -> tuple[str, ...]:
        return tuple(form.format(way) for form in ("{}", "{} please", "no {}") for way in self.examples())


class YesNo:
    """`type = "yes_no"`."""

    def find(self, words: Sequence[str], expected: bool) -> list[Found]:
        answer = yes_or_no(words)
        return [Found(answer, 0, len(words))] if answer and (expected or only_yes_or_no(words)) else []

    def say(self, value: str) -> str:
        return value

    def allows(self, value: str) -> bool:
        return True

    def examples(self) -> tuple[str, ...]:
        return YES_NO_EXAMPLES

    def answers(self) -> tuple[str, ...]:
        return YES_NO_EXAMPLES


class Text:
    """`type = "text"`: whatever the caller says, such as a message. Personal: its value is never shown."""

    def find(self, words: Sequence[str], expected: bool) -> list[Found]:
        return [Found(" ".join(words), 0, len(words))] if words and expected else []

    def say(self, value: str) -> str:
        return value

    def allows(self, value: str) -> bool:
        return True

    def examples(self) -> tuple[str, ...]:
        return ()

    def answers(self) -> tuple[str, ...]:
        return ()
