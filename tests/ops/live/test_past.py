"""`phone-ops index | forget`: the output, and that forgotten data is nowhere left, including Redis."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest

from ops.__main__ import main
from phone_daemon.events import Note
from phone_daemon.settings.settings import StateSettings
from phone_daemon.state.client import connect
from phone_daemon.state.store import EVENTS, State
from tests.web.test_call_store import NAMES, leave, turn


@pytest.fixture
def config(tmp_path: Path) -> str:
    leave(tmp_path / "calls", NAMES[0], [turn("my name is Ann", "Hello")], caller="+442079460001")
    leave(tmp_path / "calls", NAMES[1], [turn("hello", "Hello")], caller="+442079460002")
    path = tmp_path / "s.toml"
    path.write_text('[calls]\ndirectory = "calls"\n[state]\ndirectory = "."\n')
    return str(path)


def test_the_index_is_made_from_the_folders(config: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["index", "-c", config]) == 0
    assert capsys.readouterr().out.startswith("2 calls in ")
    assert main(["index", "-c", config, "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {"calls": 2}


def test_a_person_is_forgotten_and_it_is_said_what_that_was(
    config: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["forget", "020 7946 0001", "-c", config]) == 0
    told = capsys.readouterr().out
    assert told.startswith("removed 1 call: 1 recording, 1 turn of transcript, ")
    assert not (tmp_path / "calls" / NAMES[0]).exists() and (tmp_path / "calls" / NAMES[1]).exists()
    assert main(["forget", "020 7946 0001", "-c", config]) == 0
    assert capsys.readouterr().out == "no call from or to 020 7946 0001: nothing to remove\n"
    assert main(["forget", " ", "-c", config]) == 2


def test_events_in_redis_go_as_well(config: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    settings = StateSettings(directory=tmp_path)

    async def left() -> list[str]:
        client = connect(settings)
        entries = await client.xrange(EVENTS)
        await client.aclose()
        return [str(fields["call"]) for _, fields in entries or ()]  # type: ignore[index]

    async def forget() -> list[str]:
        async with State.open(settings) as state:
            for call in NAMES[:2]:
                state.note(Note(call, "final", 1, {"text": "my name is Ann"}))
            async with asyncio.timeout(10):
                while len(await left()) < 2:  # noqa: ASYNC110 (Redis has no event for it)
                    await asyncio.sleep(0.05)
            assert await asyncio.to_thread(main, ["forget", "+442079460001", "-c", config]) == 0
            return await left()

    assert asyncio.run(forget()) == [NAMES[1]]
    assert ", 1 event\n" in capsys.readouterr().out


def test_a_call_that_goes_on_is_named(config: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    leave(tmp_path / "calls", NAMES[2], [], caller="+442079460001", reason="")
    assert main(["forget", "+442079460001", "-c", config]) == 1
    assert f"call {NAMES[2]} is live; hang up" in capsys.readouterr().err
