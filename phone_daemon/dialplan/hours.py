"""Opening hours: which times of which days of the week, in which time zone, and which dates not."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from zoneinfo import ZoneInfo

from phone_daemon.language.times import WEEKDAYS
from phone_daemon.settings.problems import kind_of
from phone_daemon.settings.toml_table import Table

Span = tuple[int, int]
"""Minutes since midnight: from the first up to the second."""

_SPAN = re.compile(r"(\d{1,2}):(\d\d)\s*[-–]\s*(\d{1,2}):(\d\d)")
_YEARLY = re.compile(r"(\d\d)-(\d\d)")


@dataclass(frozen=True, slots=True)
class Hours:
    """`[hours]`. Without that table it is always open; with it, a weekday it does not name is closed."""

    week: Mapping[int, tuple[Span, ...]] | None = None
    """By weekday, Monday = 0; None: always open."""
    closed_on: frozenset[tuple[int, int, int]] = frozenset()
    """Year (0: every year), month, day."""
    zone: ZoneInfo | None = None
    """None: the time zone of the moment that is asked for."""

    def open_at(self, moment: datetime) -> bool:
        if self.week is None:
            return True
        local = moment.astimezone(self.zone) if self.zone else moment
        if self.closed_on & {(local.year, local.month, local.day), (0, local.month, local.day)}:
            return False
        minute = local.hour * 60 + local.minute
        return any(start <= minute < end for start, end in self.week.get(local.weekday(), ()))


ALWAYS = Hours()


def read_hours(plan: Table) -> Hours:
    """`timezone` and `[hours]` of a dialplan."""
    zone = _zone(plan)
    if "hours" not in plan:
        plan.expect("hours")
        return Hours(zone=zone)
    table = plan.table("hours")
    week = {}
    for number, name in enumerate(WEEKDAYS):
        spans = [_span(table, name, text) for text in table.texts(name) if text != "closed"]
        week[number] = tuple(sorted(span for span in spans if span))
        for before, after in zip(week[number], week[number][1:], strict=False):
            if after[0] < before[1]:
                table.wrong(name, "two spans overlap; make them one, or mend the times")
    dates = [_closed(table, index, value) for index, value in enumerate(table.items("closed_on"))]
    table.done()
    return Hours(week, frozenset(day for day in dates if day), zone)


def _zone(plan: Table) -> ZoneInfo | None:
    name = plan.text("timezone")
    if not name:
        return None
    try:
        return ZoneInfo(name)
    except (ValueError, OSError, KeyError):
        hint = 'write a name such as "Europe/London" (they come with the system, or with the package tzdata)'
        plan.wrong("timezone", f'no time zone "{name}" on this machine; {hint}')
        return None


def _span(table: Table, name: str, text: str) -> Span | None:
    found = _SPAN.fullmatch(text.strip())
    if found is None:
        table.wrong(name, f'"{text}" is no span of time; write "08:30-17:00", a list of those, or "closed"')
        return None
    start, end = (60 * int(found[i]) + int(found[i + 1]) for i in (1, 3))
    if int(found[2]) > 59 or int(found[4]) > 59 or end > 24 * 60:
        table.wrong(name, f'"{text}" is not on the clock; times go from 00:00 to 24:00')
        return None
    if start >= end:
        table.wrong(name, f'"{text}" ends before it begins; past midnight belongs to the next day')
        return None
    return start, end


def _closed(table: Table, index: int, value: object) -> tuple[int, int, int] | None:
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
    table.wrong(("closed_on", index), f'{shown} is no date; write "2026-12-25", or "12-25" for every year')
    return None
