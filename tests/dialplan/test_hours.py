"""Opening hours."""

from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from phone_daemon.dialplan.hours import Hours, hours_of
from phone_daemon.dialplan.keys import PlanKeys
from phone_daemon.settings.problems import Problems
from phone_daemon.settings.toml_lines import parse

CLINIC = """
[hours]
monday = ["08:30-12:00", "13:00-17:30"]
friday = "22:00-24:00"
sunday = "closed"
closed_on = [2026-03-02, "12-25", "2024-02-29"]
"""


def read(text: str) -> tuple[Hours, list[str]]:
    found = Problems(parse(text, Path("d.toml")))
    keys = found.validated(PlanKeys, data={"called": ["1"], **found.document.data})
    return hours_of(keys.hours, keys.timezone, found), found.lines()


@pytest.mark.parametrize(
    ("moment", "is_open"),
    [
        ("2026-03-09 08:29", False),
        ("2026-03-09 08:30", True),
        ("2026-03-09 11:59", True),
        ("2026-03-09 12:00", False),
        ("2026-03-09 13:00", True),
        ("2026-03-09 17:30", False),
        ("2026-03-10 10:00", False),
        ("2026-03-13 23:59", True),
        ("2026-03-14 00:00", False),
        ("2026-03-08 10:00", False),
        ("2026-03-02 10:00", False),
        ("2027-03-01 10:00", True),
        ("2028-12-25 10:00", False),
    ],
)
def test_hours_follow_weekday_time_and_date(moment: str, is_open: bool) -> None:
    hours, problems = read(CLINIC)
    assert problems == []
    assert hours.open_at(datetime.fromisoformat(moment)) is is_open


def test_without_hours_it_is_always_open() -> None:
    hours, problems = read("")
    assert problems == []
    assert hours.open_at(datetime(2026, 12, 25, 3, 0))


def test_the_time_zone_decides_not_the_clock_of_whoever_asks() -> None:
    hours = Hours({0: ((510, 720),)}, zone=ZoneInfo("Europe/London"))
    winter, summer = datetime(2026, 1, 5, 8, 0, tzinfo=UTC), datetime(2026, 7, 6, 8, 0, tzinfo=UTC)
    assert not hours.open_at(winter)
    assert hours.open_at(summer)
    assert hours.open_at(summer.astimezone(ZoneInfo("Asia/Tokyo")))


def test_a_time_zone_is_read_by_name() -> None:
    hours, problems = read('timezone = "Europe/London"')
    assert problems == []
    assert hours.zone == ZoneInfo("Europe/London")


@pytest.mark.parametrize(
    ("text", "line"),
    [
        (
            'monday = "9-5"',
            '2: hours.monday: "9-5" is not a time range; write "08:30-17:00", a list of those, or "closed"',
        ),
        ('monday = "09:00-25:00"', '2: hours.monday: "09:00-25:00" is not on the clock; times go from 00:00 to 24:00'),
        ('monday = "09:60-10:00"', '2: hours.monday: "09:60-10:00" is not on the clock; times go from 00:00 to 24:00'),
        (
            'monday = "17:00-09:00"',
            '2: hours.monday: "17:00-09:00" ends before it begins; past midnight belongs to the next day',
        ),
        (
            'monday = ["09:00-12:00", "11:00-13:00"]',
            "2: hours.monday: two spans overlap; make them one, or fix the times",
        ),
        ("monday = 9", '2: hours.monday: is a whole number; write a list of texts, such as ["one", "two"]'),
        ('montag = "09:00-12:00"', '2: hours.montag: unknown key; did you mean "monday"?'),
        (
            'closed_on = [\n"12-26",\n"02-30"]',
            '4: hours.closed_on[1]: "02-30" is not a date; write "2026-12-25", or "12-25" for every year',
        ),
        (
            "closed_on = [10:00:00]",
            '2: hours.closed_on[0]: a date or time is not a date; write "2026-12-25", or "12-25" for every year',
        ),
    ],
)
def test_each_problem_is_one_line(text: str, line: str) -> None:
    assert read(f"[hours]\n{text}")[1] == [f"d.toml:{line}"]


def test_an_unknown_time_zone_is_named() -> None:
    assert read('timezone = "Europe/Atlantis"')[1] == [
        'd.toml:1: timezone: no time zone "Europe/Atlantis" on this machine; write a name such as "Europe/London" '
        "(they come with the system, or with the package tzdata)"
    ]
