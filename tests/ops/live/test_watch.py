"""Live calls, shown and ended by an operator through a real Redis."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from ops.__main__ import main
from ops.live.events import event_of
from ops.live.watch import Operator, line_of
from phone_daemon.events import Note
from phone_daemon.settings.load import load_settings
from phone_daemon.settings.settings import StateSettings
from phone_daemon.state.client import connect
from phone_daemon.state.operator import CommandFailed
from phone_daemon.state.store import CALLS, DAEMONS, EVENTS, CommandKind, State, call_key


@pytest.fixture
async def state(tmp_path: Path) -> AsyncIterator[State]:
    async with State.open(StateSettings(directory=tmp_path)) as state:
        yield state


@pytest.fixture
async def operator(state: State, tmp_path: Path) -> AsyncIterator[Operator]:
    async with Operator(StateSettings(directory=tmp_path)) as operator:
        yield operator


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """Settings that lead to the same Redis."""
    path = tmp_path / "settings.toml"
    path.write_text('[state]\ndirectory = "."\n')
    return path


async def ops(capsys: pytest.CaptureFixture[str], *words: str | Path) -> tuple[int, str, str]:
    """Exit code, stdout, and stderr of one `phone-ops` command, run next to the daemon's loop."""
    code = await asyncio.to_thread(main, list(map(str, words)))
    told = capsys.readouterr()
    return code, told.out, told.err


async def written(state: State, tmp_path: Path, calls: int) -> None:
    """Waits until Redis lists this many calls, and this daemon."""
    client = connect(StateSettings(directory=tmp_path))
    async with asyncio.timeout(10):
        while await client.scard(CALLS) != calls or not await client.scard(DAEMONS):  # noqa: ASYNC110
            await asyncio.sleep(0.01)
    await client.aclose()


async def obey(state: State, call: str = "") -> None:
    async for command in state.commands(call):
        state.ack(command, {"kind": command.kind})
        if command.kind is CommandKind.HANG_UP:
            state.unregister(call, "drained")


async def test_calls_are_listed_with_what_they_do(
    state: State, tmp_path: Path, config: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    state.register("one", {"caller": "5550100", "called": "100", "dialplan": "dental"})
    state.note(Note("one", "state", 1, {"state": "SPEAKING"}))
    await written(state, tmp_path, 1)
    code, out, _ = await ops(capsys, "calls", "-c", config)
    assert code == 0
    assert out.splitlines()[1].split() == ["one", "5550100", "100", "dental", "SPEAKING", "0"]
    _, out, _ = await ops(capsys, "calls", "-c", config, "--json")
    [call] = json.loads(out)
    assert (call["call"], call["daemon"]) == ("one", state.daemon)


async def test_a_daemon_is_found_by_its_settings_from_any_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """If a file does not say where the state is kept, it is in the folder next to the file."""
    (tmp_path / "d.toml").write_text("health_port = 0\n")
    async with State.open(load_settings(tmp_path / "d.toml", {}).state) as state:
        state.register("one", {"caller": "5550100", "called": "100", "dialplan": "dental"})
        await written(state, tmp_path / "var", 1)
        for folder, named in ((Path("/"), tmp_path / "d.toml"), (tmp_path, Path("d.toml"))):
            monkeypatch.chdir(folder)
            code, out, _ = await ops(capsys, "calls", "-c", named, "--json")
            assert (code, [call["call"] for call in json.loads(out)]) == (0, ["one"])


async def test_a_caller_cannot_steer_the_operators_terminal(
    state: State, tmp_path: Path, config: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    state.register("one", {"caller": "\x1b]0;owned\x07\x1b[2J", "called": "100", "dialplan": "dental"})
    await written(state, tmp_path, 1)
    _, out, _ = await ops(capsys, "calls", "-c", config)
    assert "owned" in out
    assert "\x1b" not in out
    assert "\x07" not in out


async def test_no_calls_is_no_error(
    state: State, tmp_path: Path, config: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    await written(state, tmp_path, 0)
    assert await ops(capsys, "calls", "-c", config) == (0, "no live calls\n", "")


async def test_a_call_is_followed_from_its_beginning_to_its_end(
    state: State, tmp_path: Path, config: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    state.register("one", {})
    state.note(Note("one", "started", 0, {"caller": "5550100", "called": "100", "dialplan": "dental"}))
    state.note(Note("other", "final", 1, {"text": "not mine"}))
    await written(state, tmp_path, 1)
    watching = asyncio.create_task(ops(capsys, "watch", "one", "-c", config))
    state.note(Note("one", "final", 1_500_000_000, {"text": "are you open"}))
    state.note(Note("one", "agent", 2_000_000_000, {"text": "We are.", "reply": 1}))
    legs = {"rtp_silent": 20.0, "total": 20.0}
    state.note(Note("one", "barge_in", 2, {"source": "speech", "reply": 1, "heard": "We", "legs_ms": legs}))
    state.note(Note("one", "ended", 3_000_000_000, {"reason": "caller_hung_up", "code": 0, "detail": ""}))
    code, out, _ = await asyncio.wait_for(watching, 10)
    assert code == 0
    assert "are you open" in out
    assert "We are." in out
    assert "interrupted (speech): silent after 20 ms" in out
    assert "not mine" not in out
    assert out.rstrip().endswith("ended: caller_hung_up")


def test_all_calls_are_followed_as_captions_a_line_each() -> None:
    def line(call: str, kind: str, **data: object) -> str:
        return line_of(event_of("1767261600000-0", call, kind, 0, data)).partition(" ")[2]

    assert line("call-abcd", "started", dialplan="dental") == "abcd   call  answered with dental: call-abcd"
    assert line("call-abcd", "partial", text="are", stable="") == ""
    legs = {"rtp_silent": 20.0}
    assert line("call-abcd", "barge_in", source="speech", legs_ms=legs, heard="We") == (
        "abcd         ↯ interrupted (speech): silent after 20 ms; heard “We”"
    )
    assert line("other-1234", "hold", held=True) == "1234         on hold"
    assert line("other-1234", "final") == "1234 caller  (kept private)"


async def test_a_call_can_be_followed_as_lines_of_json(
    state: State, tmp_path: Path, config: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    state.register("one", {})
    await written(state, tmp_path, 1)
    watching = asyncio.create_task(ops(capsys, "watch", "one", "--json", "-c", config))
    state.note(Note("one", "digit", 5, {"digit": "4"}))
    state.note(Note("one", "ended", 6, {"reason": "caller_hung_up", "code": 0, "detail": ""}))
    _, out, _ = await asyncio.wait_for(watching, 10)
    told: list[dict[str, Any]] = [json.loads(line) for line in out.splitlines()]
    assert [(each["kind"], each["at_ns"], each["data"].get("digit")) for each in told] == [
        ("digit", 5, "4"),
        ("ended", 6, None),
    ]


async def test_captions_say_so_where_texts_are_kept_private(
    tmp_path: Path, config: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    async with State.open(StateSettings(directory=tmp_path, texts=False)) as state:
        state.register("one", {})
        await written(state, tmp_path, 1)
        watching = asyncio.create_task(ops(capsys, "watch", "one", "-c", config))
        state.note(Note("one", "final", 1, {"text": "my number is 42"}))
        state.note(Note("one", "ended", 2, {"reason": "caller_hung_up", "code": 0, "detail": ""}))
        _, out, _ = await asyncio.wait_for(watching, 10)
    assert "(kept private)" in out
    assert "42" not in out


async def test_all_events_are_followed_as_they_come(state: State, operator: Operator, tmp_path: Path) -> None:
    state.note(Note("old", "final", 1, {"text": "before"}))
    client = connect(StateSettings(directory=tmp_path))
    async with asyncio.timeout(10):
        while not await client.xlen(EVENTS):  # noqa: ASYNC110
            await asyncio.sleep(0.01)
    seen: list[tuple[str, object]] = []

    async def follow() -> None:
        async for event in operator.events(past=False):
            seen.append((event.note.call, event.note.data["text"]))
            if len(seen) == 2:
                return

    following = asyncio.create_task(follow())
    async with asyncio.timeout(10):
        while not following.done():
            # Nothing said before the follower has started reaches it, so it is said again.
            state.note(Note("new", "final", 2, {"text": "after"}))
            await asyncio.wait([following], timeout=0.05)
    assert seen == [("new", "after")] * 2
    await client.aclose()


async def test_a_call_is_hung_up(
    state: State, tmp_path: Path, config: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    state.register("one", {})
    obeying = asyncio.create_task(obey(state, "one"))
    await written(state, tmp_path, 1)
    assert await ops(capsys, "hangup", "one", "-c", config) == (0, "one: hung up\n", "")
    await asyncio.wait_for(obeying, 5)
    assert await ops(capsys, "hangup", "one", "-c", config) == (
        1,
        "",
        "phone-ops: call one is not live\n",
    )


async def test_every_call_is_hung_up_and_each_failure_told(
    state: State, tmp_path: Path, config: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    state.register("one", {})
    obeying = asyncio.create_task(obey(state, "one"))
    await written(state, tmp_path, 1)
    client = connect(StateSettings(directory=tmp_path))
    await client.hset(call_key("zombie"), mapping={"call": "zombie", "daemon": "gone"})
    await client.sadd(CALLS, "zombie")
    await client.aclose()
    code, out, _ = await ops(capsys, "hangup", "--all", "--json", "-c", config)
    assert code == 1
    assert json.loads(out) == {
        "one": {"kind": "hang_up"},
        "zombie": {"error": "call zombie is not live"},
    }
    await asyncio.wait_for(obeying, 5)


async def test_a_daemon_is_drained(
    state: State, tmp_path: Path, config: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    obeying = asyncio.create_task(obey(state))
    await written(state, tmp_path, 0)
    code, out, _ = await ops(capsys, "drain", "-c", config)
    assert (code, out) == (0, f"{state.daemon}: takes no more calls\n")
    obeying.cancel()


async def test_a_daemon_that_does_not_answer_is_named(
    state: State, operator: Operator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("phone_daemon.state.operator.ANSWER_S", 0.1)
    await written(state, tmp_path, 0)
    with pytest.raises(CommandFailed, match=rf"daemon {state.daemon} did not answer within 0.1 s"):
        await operator.drain(state.daemon)


async def test_without_a_daemon_it_says_what_to_do(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for words in (["calls"], ["watch"], ["hangup", "--all"], ["drain"]):
        code, out, err = await ops(capsys, *words, "-c", config)
        assert (code, out) == (1, "")
        assert "start one, or give its settings with -c FILE" in err


async def test_state_that_is_off_cannot_be_asked(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "off.toml"
    path.write_text('[state]\nurl = "off"\n')
    code, _, err = await ops(capsys, "calls", "-c", path)
    assert code == 2
    assert '[state] url is "off"' in err
