"""How a call ends, whatever happens around it, and what it reports and leaves behind."""

from __future__ import annotations

import asyncio
import resource
from collections.abc import Callable
from pathlib import Path

import pytest

from phone_daemon.agent.agent import CallerTurn
from phone_daemon.call import call
from phone_daemon.call.floor import State
from phone_daemon.events import EndReason, LineClosed, PlayoutDone, SourceChanged
from tests import agents
from tests.phone import BOOKING, LONG, OPEN, Phone, calls, late_stt, ring, speech
from tests.sidecars.speech import words

# ------------------------------------------------------------------------------------------------ the end

CANCELLING = "the chain still runs"


@pytest.mark.long
@pytest.mark.parametrize(
    "state", [State.GREETING, State.LISTENING, State.THINKING, State.SPEAKING, State.CLOSING, CANCELLING]
)
def test_a_call_cut_off_in_any_state_leaves_all_its_files(tmp_path: Path, state: State | str) -> None:
    """`ring` asserts that neither a task nor a session is left."""
    agent = agents.Lines(agents.text(LONG, before_s=1.0), agents.goodbye("Goodbye."))

    async def script(phone: Phone) -> None:
        if state is State.GREETING:
            await phone.until(phone.hears("Hello"))
            await asyncio.sleep(0.2)
            return
        await phone.heard_out("How can I help")
        if state is State.LISTENING:
            phone.say(speech(BOOKING))
            await asyncio.sleep(1.9)
            return
        await phone.says(speech(OPEN))
        await phone.reaches(State.THINKING)
        if state is State.THINKING:
            return
        await phone.reaches(State.SPEAKING)
        await asyncio.sleep(1.0)
        if state is State.SPEAKING:
            return
        phone.say(speech(OPEN))
        await phone.until(lambda: phone.told("state")[-1]["state"] == "LISTENING")
        if state == CANCELLING:
            return  # the chain is still running: `Flushed` comes with the next tick
        await phone.reaches(State.CLOSING, State.CLOSED)

    left = ring(tmp_path, script, agent=agent)
    assert left.closed.reason in (EndReason.CALLER_HUNG_UP, EndReason.AGENT_HUNG_UP)
    assert left.recorded_s() > 0.1
    spans = (left.folder / "spans.jsonl").read_text().splitlines()
    assert sum('"name": "turn"' in span for span in spans) == len(left.turns)
    assert sum('"name": "call"' in span for span in spans) == 1
    assert agent.closed == 1
    expected = {
        State.GREETING: [""],
        State.LISTENING: ["", "i would like to book"],
        State.THINKING: ["", OPEN],
        State.SPEAKING: ["", OPEN],
        CANCELLING: ["", OPEN],
        State.CLOSING: ["", OPEN, OPEN],
    }[state]
    said = [words(turn["caller"]) for turn in left.turns][: len(expected)]
    assert all(is_.startswith(should) for is_, should in zip(said, expected, strict=True)), said
    if state == CANCELLING:
        assert left.turns[1]["interrupted"]


@pytest.mark.long
def test_words_whose_final_was_on_its_way_when_the_line_closed_are_in_the_log(tmp_path: Path) -> None:
    async def script(phone: Phone) -> None:
        await phone.heard_out("How can I help")
        await phone.says(speech(BOOKING))
        await phone.reaches(State.THINKING)

    left = ring(tmp_path, script, agent=agents.Lines(agents.text("Yes.")), stt=late_stt(0.5))
    assert left.said() == [BOOKING]


@pytest.mark.long
def test_what_happens_on_the_line_after_the_last_word_changes_nothing(tmp_path: Path) -> None:
    """A closing call receives late keys, voices, and playout events; and a line may close only once."""
    agent = agents.Lines(agents.goodbye("Goodbye."))

    async def script(phone: Phone) -> None:
        await phone.heard_out("How can I help")
        await phone.says(speech(OPEN))
        phone.line.hang_up = lambda reason=EndReason.AGENT_HUNG_UP: None  # type: ignore[method-assign]
        await phone.reaches(State.CLOSING)
        phone.press("12#")
        await phone.says(speech(BOOKING))
        assert await phone.call.operator.interrupt() is None
        assert not phone.call.operator.say("Wait.")
        assert phone.state() is State.CLOSING
        phone.call._on(PlayoutDone(2, 1, 0, 0, 0))
        del phone.line.hang_up
        phone.call.operator.hang_up(EndReason.DRAINED)
        await phone.reaches(State.CLOSED)
        phone.call._on(PlayoutDone(2, 1, 0, 0, 0))
        phone.call._on(LineClosed(EndReason.FAILED))
        assert await phone.call.operator.interrupt() is None
        assert not phone.call.operator.say("Wait.")

    left = ring(tmp_path, script, agent=agent)
    assert left.closed.reason is EndReason.DRAINED
    assert len(left.turns) == 2


@pytest.mark.long
def test_a_call_that_lasts_too_long_is_told_so_and_ended(tmp_path: Path) -> None:
    async def script(phone: Phone) -> None:
        await phone.reaches(State.CLOSED)

    left = ring(tmp_path, script, settings=calls(limit_s=9.0))
    assert left.closed.reason is EndReason.AGENT_HUNG_UP
    assert "our time is up" in left.turns[-1]["heard"]
    [ended] = left.told("ended")
    assert ended == {
        "reason": str(left.closed.reason),
        "code": left.closed.code,
        "detail": left.closed.detail,
        "early_start": {"kept": 0, "dropped": 0, "wasted_tokens": 0},
    }


@pytest.mark.long
def test_an_agent_that_never_stops_is_hung_up_in_the_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(call, "OVERTIME_S", 5.0)
    agent = agents.Lines(greeting=agents.text("La la la la la. " * 2000))

    async def script(phone: Phone) -> None:
        await phone.until(phone.is_in(State.CLOSED), 120)

    left = ring(tmp_path, script, agent=agent, settings=calls(limit_s=5.0, record=False))
    assert left.closed.reason is EndReason.AGENT_HUNG_UP
    assert 10 <= left.notes[-1].at_ns / 1e9 < 11
    assert left.turns[0]["heard"].startswith("La la la")


# ------------------------------------------------------------------------------------------------ its surroundings


def test_whoever_watches_cannot_end_a_call(tmp_path: Path) -> None:
    def watch(note: object) -> None:
        raise RuntimeError("the screen is broken")

    async def script(phone: Phone) -> None:
        await phone.heard_out("How can I help")

    left = ring(tmp_path, script, watch=watch)
    assert left.closed.reason is EndReason.CALLER_HUNG_UP


def test_a_call_that_cannot_be_written_down_is_answered_and_says_so(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")

    async def script(phone: Phone) -> None:
        await phone.heard_out("How can I help")

    left = ring(tmp_path / "file", script)
    assert left.closed.reason is EndReason.CALLER_HUNG_UP
    [fault] = left.told("fault")
    assert fault["part"] == "recorder" and str(tmp_path / "file") in str(fault["error"])


def test_without_recording_a_call_leaves_everything_but_the_recording(tmp_path: Path) -> None:
    async def script(phone: Phone) -> None:
        await phone.heard_out("How can I help")

    left = ring(tmp_path, script, settings=calls(record=False))
    assert sorted(path.name for path in left.folder.iterdir()) == ["call.json", "spans.jsonl", "turns.jsonl"]
    assert not left.told("fault")


def test_a_call_that_cannot_be_written_down_is_answered_all_the_same(tmp_path: Path) -> None:
    """And logs this, once."""
    (tmp_path / "calls").write_text("a file where the folder should be")

    async def script(phone: Phone) -> None:
        await phone.heard_out("How can I help")
        await phone.says(speech(OPEN))
        await phone.heard_out("At nine")

    agent = agents.Lines(agents.text("At nine."))
    left = ring(tmp_path / "calls", script, agent=agent)
    assert [words(turn.text) for turn in agent.asked] == [OPEN]
    assert [fault["error"] for fault in left.told("fault") if "no files" in str(fault["error"])]
    assert left.closed.reason is EndReason.CALLER_HUNG_UP


# ------------------------------------------------------------------------------------------------ what is told


def test_a_call_tells_who_phones_whom_when_it_starts(tmp_path: Path) -> None:
    async def script(phone: Phone) -> None:
        await phone.heard_out("How can I help")

    left = ring(tmp_path, script, agent=agents.Lines())
    assert left.notes[0].kind == "started"
    assert left.told("started") == [{"caller": "caller", "called": "reception", "dialplan": "dental_clinic"}]


def test_rtp_from_elsewhere_is_told_and_whether_it_is_taken(tmp_path: Path) -> None:
    async def script(phone: Phone) -> None:
        await phone.heard_out("How can I help")
        phone.line.tells(SourceChanged("192.0.2.7:4000", trusted=False))
        phone.line.tells(SourceChanged("192.0.2.8:4000", trusted=True))
        await asyncio.sleep(0.1)

    left = ring(tmp_path, script, agent=agents.Lines())
    assert left.told("fault") == [
        {"part": "line", "error": "RTP from 192.0.2.7:4000 is not used: no SDP named it"},
        {"part": "line", "error": "RTP from 192.0.2.8:4000 is used again"},
    ]


def test_a_recording_that_breaks_off_is_told_and_the_call_goes_on(tmp_path: Path) -> None:
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)

    async def script(phone: Phone) -> None:
        await phone.heard_out("How can I help")
        # As if the disk were full.
        resource.setrlimit(resource.RLIMIT_FSIZE, ((tmp_path / "call" / "call.wav").stat().st_size, limits[1]))
        await phone.says(speech(OPEN))
        await phone.heard_out("Until five")

    try:
        left = ring(tmp_path, script, agent=agents.Lines(agents.text("Until five.")))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    (fault,) = left.told("fault")
    assert fault["part"] == "recorder"
    assert "File too large" in str(fault["error"])
    assert left.turns[1]["heard"] == "Until five."


def test_a_silence_is_asked_about_as_one_and_has_no_words(tmp_path: Path) -> None:
    agent = agents.Lines(agents.text("Are you still there?"))

    async def script(phone: Phone) -> None:
        await phone.heard_out("How can I help")
        await phone.heard_out("still there")

    ring(tmp_path, script, agent=agent)
    assert agent.asked == [CallerTurn("", silent=1)]


def test_silences_are_counted_until_the_caller_says_or_presses_something(tmp_path: Path) -> None:
    agent = agents.Lines(agents.text("Are you still there?"))

    def asked_again(count: int) -> Callable[[], bool]:
        return lambda: len(agent.asked) > count

    async def silence(phone: Phone, count: int) -> None:
        for _ in range(count):
            await phone.until(asked_again(len(agent.asked)))
            await phone.reaches(State.SPEAKING)
            await phone.reaches(State.LISTENING)

    async def script(phone: Phone) -> None:
        await phone.heard_out("How can I help")
        await silence(phone, 2)
        await phone.says(speech(OPEN))
        await phone.reaches(State.SPEAKING)
        await phone.reaches(State.LISTENING)
        await silence(phone, 2)
        agent.digits = 1
        phone.press("3")
        await silence(phone, 2)

    ring(tmp_path, script, agent=agent)
    assert [turn.silent for turn in agent.asked] == [1, 2, 0, 1, 2, 0, 1]
    assert [turn.digits for turn in agent.asked] == [False] * 5 + [True, False]
