"""The index of past calls: how calls are found, that it is only an index, and that removed calls are gone."""

from __future__ import annotations

import json
import os
import sqlite3
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from phone_daemon.telemetry.turn_log import JsonLines
from phone_daemon.web.call_store import FILE, CallStore, Removed, Wanted

NAMES = ["20260101T100000.000000Z-aaaa", "20260102T100000.000000Z-bbbb", "20260103T100000.000000Z-cccc"]


def leave(directory: Path, name: str, turns: list[dict[str, Any]], **about: Any) -> None:
    """The files of a call, as the daemon leaves them."""
    folder = directory / name
    folder.mkdir(parents=True)
    day = f"{name[:4]}-{name[4:6]}-{name[6:8]}T10:00:00.000000+00:00"
    call: dict[str, Any] = {
        "call": name,
        "caller": "",
        "called": "4711",
        "dialplan": "clinic",
        "reason": "caller_hung_up",
    }
    call |= {"seconds": 12.5, "wall": {"started": day, "ended": day}, **about}
    (folder / "call.json").write_text(json.dumps(call) + "\n")
    (folder / "turns.jsonl").write_text("".join(json.dumps(turn) + "\n" for turn in turns))
    (folder / "call.wav").write_bytes(b"RIFF" + bytes(1000))


def turn(caller: str, heard: str, **rest: Any) -> dict[str, Any]:
    return {"turn": 1, "caller": caller, "heard": heard, "ttfa_ms": 600.0, "interrupted": False, "faults": [], **rest}


@pytest.fixture
def store(tmp_path: Path) -> CallStore:
    leave(tmp_path, NAMES[0], [turn("I want to book an appointment", "On which day?")], caller="+442079460001")
    leave(
        tmp_path,
        NAMES[1],
        [turn("when do you open हिन्दी", "At eight.", ttfa_ms=2100.0, interrupted=True)],
        caller="anna",
    )
    leave(tmp_path, NAMES[2], [turn("<b>hello</b>", "Hi.")], caller="02079460001", reason="rtp_timeout")
    store = CallStore(tmp_path)
    assert store.sync() == 3
    return store


def names(store: CallStore, **wanted: Any) -> list[str]:
    return [call["call"][-4:] for call in store.search(Wanted(**wanted))[0]]


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        ({}, ["cccc", "bbbb", "aaaa"]),
        ({"words": "appointment"}, ["aaaa"]),
        ({"words": "day appoint"}, ["aaaa"]),
        ({"words": "appoint day"}, []),  # only the last word may be incomplete
        ({"words": "which day"}, ["aaaa"]),
        ({"words": "OPEN"}, ["bbbb"]),
        ({"words": 'hello" OR "x'}, []),
        ({"words": "<b>hello"}, ["cccc"]),
        ({"words": "NEAR(open do) - *"}, []),
        ({"words": '"'}, []),
        ({"words": "\N{PARTY POPPER}"}, []),  # nothing that can be found is not everything
        ({"words": "\N{PARTY POPPER} open\0"}, ["bbbb"]),
        ({"words": "हिन्"}, ["bbbb"]),
        ({"words": "  "}, ["cccc", "bbbb", "aaaa"]),
        ({"number": "+442079460001"}, ["aaaa"]),
        ({"number": "9460001"}, ["cccc", "aaaa"]),
        ({"number": " 442079460001"}, ["aaaa"]),  # "+" in an address
        ({"number": "+44 (20) 7946-0001"}, ["aaaa"]),
        ({"number": "020 7946 0001"}, ["cccc", "aaaa"]),
        ({"number": "anna"}, ["bbbb"]),
        ({"number": "0"}, []),
        ({"number": "%"}, []),
        ({"slower_than_ms": 2000}, ["bbbb"]),
        ({"failed": True}, ["cccc"]),
        ({"failed": False}, ["bbbb", "aaaa"]),
        ({"since": "2026-01-02", "until": "2026-01-03"}, ["bbbb"]),
        ({"dialplan": "parcels"}, []),
        ({"before": NAMES[1]}, ["aaaa"]),
    ],
)
def test_calls_are_found_by(store: CallStore, wanted: dict[str, Any], found: list[str]) -> None:
    assert names(store, **wanted) == found


def test_a_page_says_whether_there_are_more(store: CallStore) -> None:
    first, more = store.search(Wanted(limit=2))
    assert len(first) == 2 and more
    rest, more = store.search(Wanted(limit=2, before=first[-1]["call"]))
    assert [call["call"] for call in rest] == NAMES[:1] and not more


def test_a_row_tells_the_call(store: CallStore) -> None:
    (call,), _ = store.search(Wanted(words="open"))
    assert call["snippet"] == "when do you open हिन्दी"
    assert (call["turns"], call["interruptions"], call["ttfa_ms"], call["seconds"]) == (1, 1, 2100.0, 12.5)


def test_the_index_is_only_an_index(store: CallStore, tmp_path: Path) -> None:
    store.close()
    (tmp_path / FILE).write_bytes(b"this is no database, and never was one" * 100)
    (tmp_path / f"{FILE}-wal").unlink(missing_ok=True)
    again = CallStore(tmp_path)
    assert again.rebuild() == 3
    assert names(again) == ["cccc", "bbbb", "aaaa"]
    again.close()
    with sqlite3.connect(tmp_path / FILE) as db:
        db.execute("PRAGMA user_version = 99")
    assert CallStore(tmp_path).rebuild() == 3


def test_a_cut_line_and_a_killed_daemon_cost_no_more_than_themselves(store: CallStore, tmp_path: Path) -> None:
    folder = tmp_path / "20260104T100000.000000Z-dddd"
    folder.mkdir()
    (folder / "turns.jsonl").write_text(json.dumps(turn("one", "two")) + '\n{"turn": 2, "call')
    store.sync()
    assert names(store, words="one") == ["dddd"]
    found = store.get(folder.name)
    assert found is not None and len(found[1]) == 1


def test_a_person_who_is_forgotten_is_nowhere_on_the_disk(store: CallStore, tmp_path: Path) -> None:
    removed, live = store.forget("+44 20 7946 0001")
    assert (removed.calls, removed.recordings, removed.turns, live) == (2, 2, 2, [])
    assert names(store) == ["bbbb"]
    store.close()
    left = b"".join(path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())
    assert b"book an appointment" not in left
    assert b"7946" not in left


def test_a_short_number_is_not_the_end_of_longer_ones(store: CallStore) -> None:
    assert store.forget("1")[0] == Removed()
    assert store.forget("anna")[0].calls == 1


def test_a_call_that_goes_on_is_kept(store: CallStore, tmp_path: Path) -> None:
    live = "20260105T100000.000000Z-eeee"
    leave(tmp_path, live, [turn("hello", "hi")], caller="anna", reason="")
    removed, still = store.forget("anna")
    assert removed.calls == 1 and still == [live]
    for each in (tmp_path / live).iterdir():
        os.utime(each, (0, 0))
    assert store.forget("anna")[0].calls == 1


def test_a_live_call_in_which_nothing_is_written_for_long_is_kept_until_its_daemon_is_gone(tmp_path: Path) -> None:
    """An hour on hold without a recording; and a killed daemon's call goes at once, even one from a clock ahead."""
    live = "20260105T100000.000000Z-eeee"
    leave(tmp_path, live, [], caller="anna", reason="")
    store = CallStore(tmp_path)
    turns = JsonLines(tmp_path / live / "turns.jsonl")
    for hour in (-3600, 3600):
        for each in (tmp_path / live).iterdir():
            os.utime(each, (0, time.time() + hour))
        assert store.forget("anna") == (Removed(), [live])
        assert not store.remove_past(live)
    turns.close()
    assert store.remove_past(live)


def test_old_calls_go_by_age_and_then_by_size(store: CallStore, tmp_path: Path) -> None:
    now = datetime(2026, 1, 10, tzinfo=UTC)
    assert store.expire(0, 0, now) == Removed()
    assert store.expire(8, 0, now).calls == 1
    assert names(store) == ["cccc", "bbbb"]
    size = store.search(Wanted())[0][0]["bytes"]
    assert store.expire(0, 1.5 * size / 1e9, now).calls == 1
    assert names(store) == ["cccc"]
    assert [each.name for each in tmp_path.iterdir() if each.is_dir()] == [NAMES[2]]


@pytest.mark.parametrize("name", ["..", ".", "../etc", "a/b", "/etc", "a\0b", "", ".hidden", "x" * 200])
def test_what_is_no_calls_id_leads_nowhere(store: CallStore, name: str) -> None:
    assert store.recording(name) is None
    assert store.get(name) is None
    assert not store.add(name)


def test_a_recording_that_is_a_link_is_not_followed(store: CallStore, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("secret")
    wav = tmp_path / NAMES[0] / "call.wav"
    wav.unlink()
    wav.symlink_to(tmp_path / "secret")
    assert store.recording(NAMES[0]) is None
    assert store.recording(NAMES[1]) == tmp_path / NAMES[1] / "call.wav"
