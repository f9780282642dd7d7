"""A reply by itself, on its way from an agent's stream through a real voice to a line: its parts, and its end."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field

import pytest

from phone_daemon.call.reply import MAX_PHRASES, Reply
from phone_daemon.clock import run_counted
from phone_daemon.events import (
    Action,
    ActionKind,
    AgentEvent,
    EndReason,
    Frame,
    PlayoutDone,
    Token,
    ToolOutcome,
    ToolRun,
    Trouble,
    Understood,
)
from phone_daemon.tts.lead import Arrivals, Lead
from phone_daemon.tts.voice import Voice
from phone_daemon.wire.tape import TapeLine
from sidecars.host.channel import QueueChannel
from tests.fakes import UnevenHost

HOURS = "We are open from nine. On Friday we close at four. On Sunday we are closed."


@dataclass
class Ahead:
    """A reply that is thought and spoken, what was told of it, and what has become of it."""

    reply: Reply
    line: TapeLine
    voice: Voice
    told: list[tuple[str, dict[str, object]]] = field(default_factory=list)
    played: list[int] = field(default_factory=list)
    """Samples that the line has played, frame by frame."""
    closed: bool = False
    """Whether the agent's stream was closed."""

    @property
    def kinds(self) -> list[str]:
        return [kind for kind, _ in self.told]


def alone(
    stream: Callable[[], AsyncGenerator[AgentEvent, None]],
    script: Callable[[Ahead], Awaitable[None]],
    *,
    piece_s: float = 0.0,
    uneven: Arrivals | None = None,
) -> Ahead:
    """A reply to which `script` happens, on the sample clock. The engine takes `piece_s` for 0.1 s of speech; its last
    phrase came as `uneven`.
    """

    async def main() -> Ahead:
        host = UnevenHost("tts", "espeak", {})
        host.gaps_s = [piece_s]
        await host.start()
        line = TapeLine("call", "", "", lambda agent: ())
        voice = Voice(host, {})

        async def watched() -> AsyncGenerator[AgentEvent, None]:
            try:
                async with contextlib.aclosing(stream()) as events:
                    async for event in events:
                        yield event
            finally:
                ahead.closed = True

        told: list[tuple[str, dict[str, object]]] = []
        lead = Lead()
        if uneven is not None:
            lead.learn(uneven)
        reply = Reply(watched(), voice, line, lead_s=0.2, lead=lead, tell=lambda kind, data: told.append((kind, data)))
        reply.turn.reply = 1
        ahead = Ahead(reply, line, voice, told)

        async def listen() -> None:
            async for event in line.events():
                if isinstance(event, Frame) and event.reply == 1:
                    ahead.played.append(event.played)
                    reply.progress(event.played)
                elif isinstance(event, PlayoutDone):
                    reply.progress(event.played)

        others = [asyncio.create_task(line.run()), asyncio.create_task(listen())]
        try:
            await script(ahead)
        finally:
            line.hang_up(EndReason.AGENT_HUNG_UP)
            reply.cancel()
            await asyncio.gather(*others)
            await asyncio.wait(reply._tasks)
            voice.close()
            await host.close()
        return ahead

    return run_counted(main())


async def says(*events: AgentEvent | str) -> AsyncIterator[AgentEvent]:
    for event in events:
        yield Token(event) if isinstance(event, str) else event


def stream(*events: AgentEvent | str) -> Callable[[], AsyncGenerator[AgentEvent, None]]:
    async def streaming() -> AsyncGenerator[AgentEvent, None]:
        async for event in says(*events):
            yield event

    return streaming


def test_nothing_is_told_or_played_before_it_is_confirmed_and_all_of_it_in_order_then() -> None:
    message = Action(ActionKind.TAKE_MESSAGE, "please call back")
    goodbye = Action(ActionKind.HANG_UP)

    async def script(ahead: Ahead) -> None:
        await asyncio.sleep(2.0)
        assert ahead.reply.thought and ahead.reply.tokens == 2
        assert not ahead.reply.confirmed and ahead.told == [] and ahead.reply.played == 0
        ahead.reply.confirm()
        assert ahead.reply.confirmed
        assert ahead.kinds == ["understood", "action", "fault"]
        await ahead.reply.run()
        await asyncio.sleep(1.0)

    ahead = alone(
        stream(Understood("hours", {"day": "friday"}), message, "Yes. ", Trouble("slow"), "No.", goodbye), script
    )
    assert ahead.told == [
        ("understood", {"intent": "hours", "slots": {"day": "friday"}}),
        ("action", {"kind": "take_message", "argument": "please call back"}),
        ("fault", {"part": "agent", "error": "slow"}),
        ("agent", {"text": "Yes. ", "reply": 1}),
        ("agent", {"text": "No.", "reply": 1}),
    ]
    turn = ahead.reply.turn
    assert (turn.intent, turn.slots, turn.agent, turn.faults) == (
        "hours",
        {"day": "friday"},
        "Yes. No.",
        ["agent: slow"],
    )
    assert ahead.reply.actions == [message, goodbye]
    assert ahead.reply.give_up_actions() == (goodbye,)
    assert turn.actions == ["take_message please call back", "hang_up cancelled"]
    assert ahead.reply.played == max(ahead.played) > 0
    assert ahead.reply.unsaid(ahead.reply.played) == ahead.reply.unsaid_words(ahead.reply.played) == ""
    stamps = [turn.at_ns[each] for each in ("llm_first_token", "first_phrase", "tts_first_audio", "tts_end")]
    assert stamps == sorted(stamps) and turn.at_ns["llm_end"] <= turn.at_ns["tts_end"]


def test_what_was_not_begun_and_not_heard_remains_to_be_said() -> None:
    async def script(ahead: Ahead) -> None:
        assert ahead.reply.unsaid(0) == ""
        ahead.reply.confirm()
        await asyncio.sleep(1.0)
        ahead.line.flush(1)
        assert ahead.reply.unsaid(0) == ahead.reply.unsaid_words(0) == HOURS
        after = ahead.reply.unsaid_words(ahead.reply.played)
        assert HOURS.endswith(after) and HOURS.index(after) not in (0, HOURS.index("On Friday"))
        assert ahead.reply.unsaid(ahead.reply.played) == HOURS

    alone(stream(HOURS), script)


def test_an_agent_is_stopped_when_its_stream_is_closed_and_its_tools_with_it() -> None:
    async def looks_up() -> AsyncGenerator[AgentEvent, None]:
        yield ToolRun("lookup")
        yield ToolRun("book")
        yield ToolRun("lookup", ToolOutcome.FAILED, "it is down")
        await asyncio.sleep(1000.0)

    async def script(ahead: Ahead) -> None:
        ahead.reply.confirm()
        await asyncio.sleep(0.5)
        assert not ahead.closed
        await ahead.reply.stop_agent()
        assert ahead.closed and not ahead.reply.thought
        await ahead.reply.stop_agent()

    ahead = alone(looks_up, script)
    assert ahead.told == [
        ("tool", {"name": "lookup", "outcome": "failed"}),
        ("fault", {"part": "lookup", "error": "it is down"}),
        ("tool", {"name": "book", "outcome": "cancelled"}),
    ]
    failed, cancelled = ahead.reply.turn.tools
    assert (failed.name, cancelled.name) == ("lookup", "book")
    assert failed.start_ns == failed.end_ns
    assert cancelled.end_ns - cancelled.start_ns == 500_000_000
    assert ahead.reply.turn.actions == ["lookup failed", "book cancelled"]


def test_a_voice_is_stopped_once_its_engine_has_confirmed_it_and_the_agent_goes_on() -> None:
    async def thinks_on() -> AsyncGenerator[AgentEvent, None]:
        yield Token(f"{HOURS} " * 20)
        await asyncio.sleep(1000.0)

    async def script(ahead: Ahead) -> None:
        reply = ahead.reply
        reply.confirm()
        await asyncio.sleep(0.3)
        think, *voice = reply._tasks
        assert ahead.voice._speaking is not None and not any(task.done() for task in voice)
        await reply.stop_voice()
        assert all(task.done() for task in voice) and not think.done() and not ahead.closed
        assert (ahead.voice._speaking, ahead.voice._stops) == (None, 0)
        assert [speech.pcm async for speech in ahead.voice.speak("Yes.")]

    alone(thinks_on, script, piece_s=0.05)


def test_an_agent_that_is_far_ahead_waits_until_its_phrases_are_spoken() -> None:
    made = 0

    async def chatters() -> AsyncGenerator[AgentEvent, None]:
        nonlocal made
        while True:
            made += 1
            yield Token("And then I said that to them all. ")

    async def script(ahead: Ahead) -> None:
        await asyncio.sleep(1.0)
        waits_at = made
        assert MAX_PHRASES < waits_at < MAX_PHRASES + 20
        await asyncio.sleep(60.0)
        assert made == waits_at
        ahead.reply.confirm()
        await asyncio.sleep(20.0)
        assert waits_at < made < waits_at + 20

    alone(chatters, script)


def test_what_a_tool_does_waits_until_the_reply_is_the_one_that_is_heard() -> None:
    ran = []

    async def books() -> AsyncGenerator[AgentEvent, None]:
        yield ToolRun("book")
        ran.append("book")
        await asyncio.sleep(0.3)
        yield ToolRun("book", ToolOutcome.DONE)

    async def script(ahead: Ahead) -> None:
        await asyncio.sleep(1.0)
        assert ran == []
        ahead.reply.confirm()
        await ahead.reply.run()
        assert ran == ["book"]
        (tool,) = ahead.reply.turn.tools
        assert (tool.name, tool.outcome, tool.end_ns - tool.start_ns) == ("book", "done", 300_000_000)

    alone(books, script)


def test_a_reply_that_was_cancelled_ends_without_what_it_had_to_say() -> None:
    async def script(ahead: Ahead) -> None:
        ahead.reply.confirm()
        await asyncio.sleep(0.3)
        running = asyncio.create_task(ahead.reply.run())
        await asyncio.sleep(0.3)
        ahead.reply.cancel()
        ahead.reply.cancel()
        await running
        assert ahead.closed and all(task.done() for task in ahead.reply._tasks)
        assert 0 < ahead.reply.played < 8000

    alone(stream(HOURS), script)


def test_a_voice_that_keeps_ahead_needs_no_lead_and_one_that_falls_behind_does() -> None:
    async def script(ahead: Ahead) -> None:
        await asyncio.sleep(5.0)  # the clock itself says nothing about the voice
        ahead.reply.confirm()
        await ahead.reply.run()

    assert alone(stream(HOURS), script, piece_s=0.08).reply._lead.samples(8000) == 0
    assert alone(stream(HOURS), script, piece_s=0.15).reply._lead.samples(8000) > 1600


def test_a_phrase_that_is_whole_does_not_wait_for_a_lead() -> None:
    waited: dict[bool, float] = {}
    uneven = Arrivals()
    for waited_ns in (0, 1_000_000_000):
        uneven.add(1, waited_ns)

    async def script(ahead: Ahead) -> None:
        ahead.reply.confirm()
        running = asyncio.create_task(ahead.reply.run())
        begun = asyncio.get_running_loop().time()
        while not any(ahead.played):  # noqa: ASYNC110
            await asyncio.sleep(0.01)
        waited[bool(ahead.reply._lead.samples(8000))] = asyncio.get_running_loop().time() - begun
        await running

    async def goes_on() -> AsyncGenerator[AgentEvent, None]:
        yield Token("Yes. ")
        await asyncio.sleep(3.0)
        yield Token("We are open.")

    alone(goes_on, script)
    alone(goes_on, script, uneven=uneven)
    assert waited[True] == pytest.approx(waited[False], abs=0.03)


def test_a_fault_that_the_voice_survives_is_named_once() -> None:
    async def script(ahead: Ahead) -> None:
        ahead.reply.confirm()
        running = asyncio.create_task(ahead.reply.run())
        for phrase in ("We are open", "On Friday"):
            while phrase not in ahead.reply.heard.owed(0) or ahead.voice._speaking is None:  # noqa: ASYNC110
                await asyncio.sleep(0.01)
            assert isinstance(ahead.voice._channel, QueueChannel)
            ahead.voice._channel.put({"type": "Fault", "error": "the server is gone"}, b"")
        await running

    ahead = alone(stream(HOURS), script, piece_s=0.05)
    assert ahead.reply.turn.faults == ["tts: the server is gone"]
    assert ahead.kinds.count("fault") == 1
