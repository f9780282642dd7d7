"""A reply with failing parts: the caller still hears something, and then has the floor."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from pathlib import Path

import pytest

from phone_daemon.agent.agent import CallerTurn, Message
from phone_daemon.call.floor import State
from phone_daemon.call.reply import APOLOGY, MAX_PHRASES
from phone_daemon.events import Action, ActionKind, AgentEvent, EndReason, Token, ToolOutcome, ToolRun
from phone_daemon.tts.heard import Heard
from phone_daemon.tts.phrases import FIRST_PATIENCE_S
from sidecars.host import host
from sidecars.host.channel import QueueChannel
from sidecars.local.inline import InlineHost
from tests import agents
from tests.fakes import MortalHost
from tests.phone import BOOKING, OPEN, Phone, calls, ring, speech
from tests.sidecars.speech import words


async def asks(phone: Phone) -> None:
    await phone.heard_out("How can I help")
    await phone.says(speech(OPEN))
    await phone.reaches(State.SPEAKING)


async def asks_and_listens(phone: Phone) -> None:
    await asks(phone)
    await phone.reaches(State.LISTENING)


# ------------------------------------------------------------------------------------------------ the agent


async def breaks_down() -> AsyncGenerator[AgentEvent, None]:
    raise RuntimeError("no model")
    yield


async def breaks_off() -> AsyncGenerator[AgentEvent, None]:
    yield Token("We are open today. But on ")
    raise RuntimeError("connection reset")


class Refusing(agents.Lines):
    """Raises when it is asked, not when it is read."""

    def reply(self, turn: CallerTurn, history: object) -> AsyncGenerator[AgentEvent, None]:
        raise RuntimeError("no model")


@pytest.mark.parametrize("agent", [agents.Lines(breaks_down), Refusing()])
def test_an_agent_that_fails_before_its_first_word_is_excused(tmp_path: Path, agent: agents.Lines) -> None:
    left = ring(tmp_path, asks_and_listens, agent=agent)
    assert left.turns[1]["heard"] == APOLOGY
    assert left.turns[1]["faults"] == ["agent: no model"]


def test_an_agent_that_fails_in_the_middle_is_heard_as_far_as_it_came(tmp_path: Path) -> None:
    left = ring(tmp_path, asks_and_listens, agent=agents.Lines(breaks_off))
    assert left.turns[1]["heard"] == "We are open today. But on"
    assert left.turns[1]["faults"] == ["agent: connection reset"]
    assert left.history[-1] == ("agent", "We are open today. But on", False)


@pytest.mark.long
def test_what_an_agent_has_said_before_it_stalls_is_spoken_meanwhile(tmp_path: Path) -> None:
    async def stalls() -> AsyncGenerator[AgentEvent, None]:
        yield Token("One moment ")
        yield Token("while ")
        await asyncio.sleep(3.0)
        yield Token("I look it up.")

    async def script(phone: Phone) -> None:
        await asks(phone)
        await asyncio.sleep(1.5)
        assert phone.line.played[2] > 3200, "it waits for the end of the sentence"
        await phone.reaches(State.LISTENING)

    left = ring(tmp_path, script, agent=agents.Lines(stalls))
    assert left.turns[1]["heard"] == "One moment while I look it up."
    assert left.turns[1]["underruns"] > 50


@pytest.mark.long
def test_an_agent_that_stalls_for_good_is_dropped_at_the_callers_next_words(tmp_path: Path) -> None:
    async def stalls() -> AsyncGenerator[AgentEvent, None]:
        await asyncio.sleep(1000.0)
        yield Token("never")

    agent = agents.Lines(stalls, agents.text("Of course."), moves_on=True)

    async def script(phone: Phone) -> None:
        await phone.heard_out("How can I help")
        await phone.says(speech(OPEN))
        await phone.reaches(State.THINKING)
        await asyncio.sleep(5.0)
        await phone.says(speech(BOOKING))
        await phone.heard_out("Of course")

    ring(tmp_path, script, agent=agent)
    assert words(agent.asked[-1].text).startswith(f"{OPEN} i would like")


@pytest.mark.long
def test_an_agent_that_never_ends_runs_only_so_far_ahead(tmp_path: Path) -> None:
    made = 0

    async def chatters() -> AsyncGenerator[AgentEvent, None]:
        nonlocal made
        while True:
            made += 1
            yield Token("And then I said that. ")

    async def script(phone: Phone) -> None:
        await asks(phone)
        await asyncio.sleep(1.0)
        await phone.says(speech(OPEN))
        await phone.reaches(State.LISTENING)

    ring(tmp_path, script, agent=agents.Lines(chatters, agents.text("Yes.")))
    assert made < MAX_PHRASES + 20


@pytest.mark.long
def test_a_tool_is_logged_with_the_time_it_took_and_one_that_was_stopped_as_cancelled(tmp_path: Path) -> None:
    async def looks_up() -> AsyncGenerator[AgentEvent, None]:
        yield Token("One moment. ")
        yield ToolRun("lookup")
        await asyncio.sleep(0.5)
        yield ToolRun("lookup", ToolOutcome.DONE)
        yield ToolRun("book")
        await asyncio.sleep(1000.0)

    async def script(phone: Phone) -> None:
        await asks(phone)
        await asyncio.sleep(1.5)
        await phone.says(speech(BOOKING))
        await phone.reaches(State.LISTENING)

    left = ring(tmp_path, script, agent=agents.Lines(looks_up, agents.text("Yes.")))
    done, cancelled = left.turns[1]["tools"]
    assert (done["name"], done["outcome"], done["ms"]) == ("lookup", "done", 500.0)
    assert (cancelled["name"], cancelled["outcome"]) == ("book", "cancelled")
    assert cancelled["at"] == pytest.approx(done["at"] + 0.5)
    assert 1000 < cancelled["ms"] < 3000


def test_why_a_tool_failed_is_among_the_faults_of_the_turn(tmp_path: Path) -> None:
    async def fails() -> AsyncGenerator[AgentEvent, None]:
        yield ToolRun("lookup")
        yield ToolRun("lookup", ToolOutcome.FAILED, "HTTP 500")
        yield Token("I could not find it.")

    left = ring(tmp_path, asks_and_listens, agent=agents.Lines(fails))
    assert left.turns[1]["faults"] == ["lookup: HTTP 500"]
    assert left.told("fault") == [{"part": "lookup", "error": "HTTP 500"}]
    assert [(tool["name"], tool["outcome"]) for tool in left.turns[1]["tools"]] == [("lookup", "failed")]


@pytest.mark.long
def test_a_phrase_is_waited_for_as_long_as_tokens_keep_coming(tmp_path: Path) -> None:
    """The timeout counts from the last token, not from the first."""
    slow = agents.text("We are open until five.", each_s=0.8 * FIRST_PATIENCE_S)
    left = ring(tmp_path, asks_and_listens, agent=agents.Lines(slow))
    assert [str(told["text"]).strip() for told in left.told("agent")][-1] == "We are open until five."


@pytest.mark.parametrize("end", [Action(ActionKind.HANG_UP), Action(ActionKind.TRANSFER, "sip:desk@127.0.0.1")])
def test_a_reply_without_a_word_may_end_the_call(tmp_path: Path, end: Action) -> None:
    async def script(phone: Phone) -> None:
        await phone.heard_out("How can I help")
        await phone.says(speech(OPEN))
        await phone.reaches(State.CLOSED)

    left = ring(tmp_path, script, agent=agents.Lines(agents.text("", then=[end])))
    assert left.line.transferred_to == end.argument
    assert left.closed.reason is (EndReason.TRANSFERRED if end.argument else EndReason.AGENT_HUNG_UP)
    assert [told["kind"] for told in left.told("action")] == [str(end.kind)]
    assert not left.turns[1]["interrupted"]


@pytest.mark.long
def test_a_turn_has_the_moments_that_happened_and_no_others(tmp_path: Path) -> None:
    left = ring(tmp_path, asks_and_listens, agent=agents.Lines(agents.text("Until five.")))
    caller, agent = "speech_onset speech_end early_start endpoint stt_final", "llm_first_token llm_end"
    voice = "first_phrase tts_first_audio tts_end rtp_first_audio playout_end"
    assert set(left.turns[1]["times"]) == set(f"{caller} {agent} {voice}".split())


@pytest.mark.long
def test_gaps_in_a_reply_that_was_interrupted_are_counted(tmp_path: Path) -> None:
    async def stalls() -> AsyncGenerator[AgentEvent, None]:
        yield Token("One moment, please. ")
        await asyncio.sleep(5.0)
        yield Token("We are open until five, on every day of the week. ")

    async def script(phone: Phone) -> None:
        await asks(phone)
        await phone.until(phone.hears("every day"))
        await phone.says(speech(BOOKING))
        await phone.reaches(State.LISTENING)

    left = ring(tmp_path, script, agent=agents.Lines(stalls, agents.text("Yes.")))
    assert left.turns[1]["interrupted"]
    assert left.turns[1]["underruns"] > 100


@pytest.mark.long
@pytest.mark.parametrize("how", ["hangs", "raises"])
def test_a_stream_that_does_not_close_keeps_nobody_waiting(tmp_path: Path, how: str) -> None:
    async def sticky() -> AsyncGenerator[AgentEvent, None]:
        try:
            yield Token("We are open from half past eight until half past five. ")
            await asyncio.sleep(1000.0)
        finally:
            if how == "raises":
                raise RuntimeError("already gone")
            await asyncio.sleep(1000.0)

    agent = agents.Lines(sticky, agents.text("Of course."))

    async def script(phone: Phone) -> None:
        await asks(phone)
        await asyncio.sleep(0.5)
        await phone.says(speech(BOOKING))
        await phone.heard_out("Of course")

    left = ring(tmp_path, script, agent=agent, settings=calls(leg_deadline_s=1.0))
    assert words(agent.asked[1].text) == BOOKING
    barge_in = left.turns[1]["barge_in"]
    if how == "hangs":
        assert barge_in["missed"] == ["llm_closed"]
        assert "cancel chain: deadline missed by llm_closed" in left.turns[1]["faults"]
    else:
        assert barge_in["missed"] == []
        assert "agent: already gone" in left.turns[1]["faults"]
    assert barge_in["legs_ms"]["listen_entered"] == 0
    assert barge_in["legs_ms"]["rtp_silent"] <= 20


def test_a_call_ends_though_its_agent_hangs(tmp_path: Path) -> None:
    class Sticky(agents.Lines):
        async def close(self) -> None:
            await super().close()
            await asyncio.sleep(1000.0)

    async def hangs() -> AsyncGenerator[AgentEvent, None]:
        try:
            yield Token("One moment, please. ")
            await asyncio.sleep(1000.0)
        finally:
            await asyncio.sleep(1000.0)

    agent = Sticky(hangs)
    left = ring(tmp_path, asks, agent=agent)
    assert agent.closed == 1
    assert [words(turn["caller"]) for turn in left.turns] == ["", OPEN]


def test_what_is_to_be_done_is_done_in_order_when_everything_was_played(tmp_path: Path) -> None:
    acts = [
        Action(ActionKind.TAKE_MESSAGE, "call back"),
        Action(ActionKind.SEND_DTMF, "12"),
        Action(ActionKind.TRANSFER, "sip:desk@127.0.0.1"),
    ]

    async def script(phone: Phone) -> None:
        await asks(phone)
        assert phone.line.sent_digits == ""
        await phone.reaches(State.CLOSED)

    left = ring(tmp_path, script, agent=agents.Lines(agents.text("One moment.", then=acts)))
    assert left.line.sent_digits == "12"
    assert left.line.transferred_to == "sip:desk@127.0.0.1"
    assert [told["kind"] for told in left.told("action")] == ["take_message", "send_dtmf", "transfer"]


# ------------------------------------------------------------------------------------------------ the voice

SAID = "We are open from half past eight until half past five. On Friday we close at four."


class NotingHost(InlineHost):
    """Records the texts that it is given to speak."""

    def __init__(self) -> None:
        super().__init__("tts", "espeak", {})
        self.asked: list[host.Message] = []

    def open(self, call: str = "") -> QueueChannel:
        channel = super().open(call)
        send = channel.send

        def noted(message: host.Message, payload: bytes = b"") -> None:
            self.asked += [message] if message["type"] == "Speak" else []
            send(message, payload)

        channel.send = noted  # type: ignore[method-assign]
        return channel


@pytest.mark.long
def test_the_voice_knows_what_of_a_sentence_was_said_before(tmp_path: Path) -> None:
    tts = NotingHost()
    text = "We are open from half past 8, and we close at six. See you."
    ring(tmp_path, asks_and_listens, agent=agents.Lines(agents.text(text)), tts=tts)
    assert [(asked["before"], asked["text"]) for asked in tts.asked[-3:]] == [
        ("", "We are open from half past eight,"),
        ("We are open from half past eight,", "and we close at six."),
        ("", "See you."),
    ]


@pytest.mark.long
def test_a_phrase_in_which_synthesis_dies_is_spoken_again(tmp_path: Path) -> None:
    tts = MortalHost("tts", "espeak", {})

    async def script(phone: Phone) -> None:
        await asks(phone)
        await tts.die()
        await phone.reaches(State.LISTENING)

    # The text is so long that synthesis, which runs ten seconds ahead, is still busy, and it is not kept from before.
    said = " ".join(f"In week {week}: {SAID}" for week in range(1, 6))
    left = ring(tmp_path, script, agent=agents.Lines(agents.text(said)), tts=tts)
    [fault] = left.turns[1]["faults"]
    assert fault == "tts: killed"
    assert left.turns[1]["heard"].count("We are open") >= 5
    assert left.turns[1]["heard"].endswith("we close at four.")


def test_without_synthesis_the_caller_hears_a_tone_and_no_word_counts_as_heard(tmp_path: Path) -> None:
    tts = MortalHost("tts", "espeak", {})

    async def script(phone: Phone) -> None:
        await phone.heard_out("How can I help")
        await tts.die(for_good=True)
        await phone.says(speech(OPEN))
        await phone.reaches(State.SPEAKING)
        await phone.reaches(State.LISTENING)

    left = ring(tmp_path, script, agent=agents.Lines(agents.text("Yes. No.")), tts=tts)
    assert left.line.played[2] > 800
    assert max(left.line.audio[2]) > 0
    assert left.turns[1]["heard"] == ""
    assert left.turns[1]["faults"] == ["tts: killed", *["tts: tts engine 'espeak' does not run"] * 3]
    assert left.history[-1][:2] == ("agent", "")


def test_what_is_said_after_the_tone_for_a_lost_phrase_counts_as_heard_to_its_last_word(tmp_path: Path) -> None:
    tts = MortalHost("tts", "espeak", {})

    async def script(phone: Phone) -> None:
        await phone.heard_out("How can I help")
        await tts.die(for_good=True)
        await phone.says(speech(OPEN))
        await phone.reaches(State.SPEAKING)  # with a tone instead of "yes"
        await tts.start()
        await phone.reaches(State.LISTENING)

    agent = agents.Lines(agents.text("Yes. We close at five.", each_s=1.0))
    assert ring(tmp_path, script, agent=agent, tts=tts).turns[1]["heard"] == "We close at five."


def test_a_reply_that_breaks_down_ends_with_a_tone_instead_of_silence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def script(phone: Phone) -> None:
        await phone.heard_out("How can I help")
        monkeypatch.setattr(Heard, "add", lambda self, speech: 1 / 0)
        await phone.says(speech(OPEN))
        await phone.reaches(State.SPEAKING)
        await phone.reaches(State.LISTENING)

    left = ring(tmp_path, script, agent=agents.Lines(agents.text(SAID)))
    assert left.turns[1]["faults"] == ["reply: division by zero"]
    assert left.line.played[2] > 800


def test_a_reply_without_a_sound_gives_the_floor_back(tmp_path: Path) -> None:
    agent = agents.Lines(agents.text("🙂"), agents.text("Of course."))

    async def script(phone: Phone) -> None:
        await phone.heard_out("How can I help")
        await phone.says(speech(OPEN))
        await phone.reaches(State.THINKING)
        await phone.reaches(State.LISTENING)
        await phone.says(speech(BOOKING))
        await phone.heard_out("Of course")

    left = ring(tmp_path, script, agent=agent)
    assert left.said() == [OPEN, BOOKING]
    assert agent.histories[1][-1] == Message("agent", left.turns[1]["heard"])
