"""Opening hours: times for each day of the week, a time zone, and closing dates."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping
from datetime import date, datetime
from typing import Annotated, Any
from zoneinfo import ZoneInfo

from pydantic import BeforeValidator
from pydantic.dataclasses import dataclass

from phone_daemon.language.days import WEEKDAYS
from phone_daemon.settings.problems import Problems, kind_of
from phone_daemon.settings.values import MODEL, Texts, listed

Span = tuple[int, int]
"""Minutes since midnight, from the first up to, but not including, the second."""

_SPAN = re.compile(r"(\d{1,2}):(\d\d)\s*[-–]\s*(\d{1,2}):(\d\d)")
_YEARLY = re.compile(r"(\d\d)-(\d\d)")


@dataclasses.dataclass(frozen=True, slots=True)
class Hours:
    """`[hours]`. Without that table it is always open; with it, a weekday it does not name is closed."""

    week: Mapping[int, tuple[Span, ...]] | None = None
    """Open spans by weekday, Monday = 0; None: always open."""
    closed_on: frozenset[tuple[int, int, int]] = frozenset()
    """Closing dates: year (0: every year), month, day."""
    zone: ZoneInfo | None = None
    """The time zone; None: that of the moment in question."""

    def open_at(self, moment: datetime) -> bool:
        if self.week is None:
            return True
        local = moment.astimezone(self.zone) if self.zone else moment
        if self.closed_on & {(local.year, local.month, local.day), (0, local.month, local.day)}:
            return False
        minute = local.hour * 60 + local.minute
        return any(start <= minute < end for start, end in self.week.get(local.weekday(), ()))


ALWAYS = Hours()


@dataclass(frozen=True, slots=True, config=MODEL)
class HoursKeys:
    """Opening hours of each day: "08:30-17:30", a list of such ranges, or "closed". A day that is not named is closed.

    Without this table it is always open. With it, `closed_greeting` is required.
    """

    monday: Texts = ()
    """Hours of Monday."""
    tuesday: Texts = ()
    """Hours of Tuesday."""
    wednesday: Texts = ()
    """Hours of Wednesday."""
    thursday: Texts = ()
    """Hours of Thursday."""
    friday: Texts = ()
    """Hours of Friday."""
    saturday: Texts = ()
    """Hours of Saturday."""
    sunday: Texts = ()
    """Hours of Sunday."""
    closed_on: Annotated[tuple[Any, ...], BeforeValidator(listed)] = ()
    """Closing dates: "2026-12-25", or "12-25" for every year."""


def hours_of(keys: HoursKeys | None, timezone: str, found: Problems) -> Hours:
    """`timezone` and `[hours]` of a dialplan; what is wrong is added to `found`."""
    zone = _zone(timezone, found)
    if keys is None:
        return Hours(zone=zone)
    week = {}
    for number, name in enumerate(WEEKDAYS):
        spans = [_span(found, name, text) for text in getattr(keys, name) if text != "closed"]
        week[number] = tuple(sorted(span for span in spans if span))
        for before, after in zip(week[number], week[number][1:], strict=False):
            if after[0] < before[1]:
                found.add(("hours", name), "two spans overlap; make them one, or fix the times")
    dates = [_closed(found, index, value) for index, value in enumerate(keys.closed_on)]
    return Hours(week, frozenset(day for day in dates if day), zone)


def _zone(name: str, found: Problems) -> ZoneInfo | None:
    if not name:
        return None
    try:
        return ZoneInfo(name)
    except (ValueError, OSError, KeyError):
        hint = 'write a name such as "Europe/London" (they come with the system, or with the package tzdata)'
        found.add(("timezone",), f'no time zone "{name}" on this machine; {hint}')
        return None


def _span(found: Problems, name: str, text: str) -> Span | None:
    read = _SPAN.fullmatch(text.strip())
    if read is None:
        what = f'"{text}" is not a time range; write "08:30-17:00", a list of those, or "closed"'
        found.add(("hours", name), what)
        return None
    start, end = (60 * int(read[i]) + int(read[i + 1]) for i in (1, 3))
    if int(read[2]) > 59 or int(read[4]) > 59 or end > 24 * 60:
        found.add(("hours", name), f'"{text}" is not on the clock; times go from 00:00 to 24:00')
        return None
    if start >= end:
        found.add(("hours", name), f'"{text}" ends before it begins; past midnight belongs to the next day')
        return None
    return start, end


def _closed(found: Problems, index: int, value: object) -> tuple[int, int, int] | None:
    if type(value) is date:
        return value.year, value.month, value.day
    if isinstance(value, str):
        try:
            if yearly := _YEARLY.fullmatch(value):
                # A leap year, so that the 29th of February is one.
                day = date(2000, int(yearly[1]), int(yearly[2]))
                return 0, day.month, day.day
            day = date.fromisoformat(value)
            return day.year, day.month, day.day
        except ValueError:
            pass
    shown = f'"{value}"' if isinstance(value, str) else kind_of(value)
    found.add(("hours", "closed_on", index), f'{shown} is not a date; write "2026-12-25", or "12-25" for every year')
    return None
