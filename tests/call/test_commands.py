"""An operator's commands to a live call, in every state of the call; and through a real Redis."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest

from phone_daemon.call.call import Call
from phone_daemon.call.commands import serve_commands
from phone_daemon.call.floor import State
from phone_daemon.call.services import Services
from phone_daemon.events import EndReason
from phone_daemon.settings.settings import StateSettings
from phone_daemon.state.operator import CommandFailed, Commands
from phone_daemon.state.store import CommandKind
from phone_daemon.state.store import State as Store
from phone_daemon.telemetry.trace import Telemetry
from phone_daemon.telemetry.turn_record import CancelReport
from phone_daemon.wire.tape import TapeLine
from sidecars.local.inline import InlineHost
from tests import agents
from tests.fakes import TunedHost
from tests.phone import BOOKING, OPEN, OPTIONS, SETTINGS, Phone, plan, ring, speech
from tests.sidecars.speech import words

LONG = "We are open from half past eight until half past five. On Friday we close at four."


async def goes_to(phone: Phone, state: State) -> None:
    if state is State.GREETING:
        await phone.until(phone.hears("Hello"))
        return
    await phone.heard_out("How can I help")
    if state is not State.LISTENING:
        await phone.says(speech(OPEN))
        await phone.reaches(state)


@pytest.mark.parametrize("state", [State.GREETING, State.SPEAKING])
def test_an_interrupt_silences_an_agent_who_is_heard(tmp_path: Path, state: State) -> None:
    async def script(phone: Phone) -> None:
        await goes_to(phone, state)
        await asyncio.sleep(0.5)
        report = await phone.call.operator.interrupt()
        assert report is not None and not report.missed
        assert report.speech_onset_ns is None
        assert phone.state() is State.LISTENING
        played = phone.line.played[report.reply]
        await asyncio.sleep(1.0)
        assert phone.line.played[report.reply] == played

    left = ring(tmp_path, script, agent=agents.Lines(agents.text(LONG)))
    assert left.turns[-1]["barge_in"]["source"] == "command"


@pytest.mark.long
@pytest.mark.parametrize("ears_late_s", [0.0, 0.6])
def test_an_interrupt_finds_nothing_to_silence_while_nothing_is_heard(tmp_path: Path, ears_late_s: float) -> None:
    """The caller's question is still answered, whether or not it has been recognized yet."""

    async def script(phone: Phone) -> None:
        await goes_to(phone, State.LISTENING)
        assert await phone.call.operator.interrupt() is None
        await phone.says(speech(OPEN))
        await phone.reaches(State.THINKING)
        assert await phone.call.operator.interrupt() is None
        await phone.heard_out("We are open")

    stt = TunedHost("stt", "moonshine", OPTIONS)
    stt.late_s = ears_late_s
    left = ring(tmp_path, script, agent=agents.Lines(agents.text("We are open.", before_s=0.5)), stt=stt)
    assert [turn["interrupted"] for turn in left.turns] == [False, False]


@pytest.mark.parametrize("state", [State.GREETING, State.LISTENING, State.THINKING, State.SPEAKING])
def test_an_agent_says_what_it_is_told_whatever_it_is_doing(tmp_path: Path, state: State) -> None:
    told = "Please hold the line. Somebody will be with you."

    async def script(phone: Phone) -> None:
        await goes_to(phone, state)
        await asyncio.sleep(0.2)
        assert phone.call.operator.say(told)
        await phone.heard_out("be with you")

    agent = agents.Lines(agents.text(LONG, before_s=1.0))
    left = ring(tmp_path, script, agent=agent)
    assert left.turns[-1]["heard"] == told, "to the last word, although the reply before it was stopped meanwhile"
    assert agent.retracted == (state is State.THINKING)
    if state is State.THINKING:
        assert words(left.turns[-1]["caller"]) == OPEN
        assert ("caller", left.turns[-1]["caller"], False) in left.history


@pytest.mark.long
def test_what_the_caller_says_while_an_operator_speaks_up_is_in_the_history(tmp_path: Path) -> None:
    async def script(phone: Phone) -> None:
        await phone.heard_out("How can I help")
        phone.say(speech(BOOKING))
        await asyncio.sleep(2.2)
        assert phone.call.operator.say("One moment, please.")
        await phone.heard_out("One moment")

    stt = TunedHost("stt", "moonshine", OPTIONS)
    stt.late_s = 0.3
    left = ring(tmp_path, script, agent=agents.Lines(), stt=stt)
    assert words(left.turns[-1]["caller"]).startswith("i would like to book")
    assert left.history[-1] == ("agent", "One moment, please.", False)


@pytest.mark.long
def test_words_that_are_understood_after_an_operator_has_answered_them_start_no_second_reply(tmp_path: Path) -> None:
    async def script(phone: Phone) -> None:
        await phone.heard_out("How can I help")
        await phone.says(speech(OPEN))
        await phone.reaches(State.THINKING)
        assert phone.call.operator.say("We are open today.")
        await phone.heard_out("open today")

    stt = TunedHost("stt", "moonshine", OPTIONS)
    stt.late_s = 0.5
    agent = agents.Lines(agents.text("Never."))
    left = ring(tmp_path, script, agent=agent, stt=stt)
    assert agent.asked == []
    assert [words(turn["caller"]) for turn in left.turns] == ["", OPEN]


@pytest.mark.parametrize("state", [State.GREETING, State.LISTENING, State.THINKING, State.SPEAKING])
def test_a_call_is_hung_up_in_any_state(tmp_path: Path, state: State) -> None:
    async def script(phone: Phone) -> None:
        await goes_to(phone, state)
        phone.call.operator.hang_up(EndReason.DRAINED)
        phone.call.operator.hang_up(EndReason.DRAINED)
        await phone.reaches(State.CLOSED)

    left = ring(tmp_path, script, agent=agents.Lines(agents.text(LONG, before_s=1.0)))
    assert left.closed.reason is EndReason.DRAINED


# ------------------------------------------------------------------------------------------------ through Redis


async def test_an_operators_commands_are_carried_out_and_answered(tmp_path: Path) -> None:
    """In real time, with the embedded Redis: the agent is interrupted, told to speak, and hung up."""
    settings = replace(
        SETTINGS,
        state=StateSettings(directory=tmp_path),
        calls=replace(SETTINGS.calls, directory=tmp_path / "calls"),
    )
    stt, tts = InlineHost("stt", "moonshine", OPTIONS), InlineHost("tts", "espeak", {})
    await stt.start()
    await tts.start()
    telemetry = Telemetry(export=False)
    line = TapeLine("one", "caller", "reception", lambda agent: ())
    async with Store.open(settings.state) as store:
        told = asyncio.Queue[str]()
        services = Services(settings, stt, tts, store, telemetry, lambda note: told.put_nowait(note.kind))
        call = Call(line, plan(), agents.Lines(greeting=agents.text(LONG)), services)
        async with Commands(settings.state) as operator, asyncio.TaskGroup() as tasks, asyncio.timeout(20):
            running = tasks.create_task(call.run())
            tasks.create_task(line.run())
            await operator.call_of("caller")
            while await told.get() != "agent":
                pass
            answer = await operator.order("one", CommandKind.INTERRUPT)
            assert answer["reply"] == 1 and set(answer["legs_ms"]) >= {"rtp_silent", "total"}
            with pytest.raises(CommandFailed, match="the agent is not speaking"):
                await operator.order("one", CommandKind.INTERRUPT)
            assert await operator.order("one", CommandKind.SAY, "Hello.") == {"said": "Hello."}
            with pytest.raises(CommandFailed, match="for the daemon"):
                await operator.order("one", CommandKind.DRAIN)
            while await told.get() != "agent":
                pass
            interrupting = tasks.create_task(operator.order("one", CommandKind.INTERRUPT))
            hanging_up = tasks.create_task(operator.order("one", CommandKind.HANG_UP))
            assert await hanging_up == {"hung_up": True}
            assert (await interrupting)["reply"] == 2  # answered, although the line was closed in the meantime
            assert (await running).reason is EndReason.DRAINED
            with pytest.raises(CommandFailed):
                await operator.order("one", CommandKind.SAY, "Too late.")
    telemetry.close()


async def test_a_command_that_fails_is_answered_and_the_next_one_obeyed(tmp_path: Path) -> None:
    class Clumsy:
        hung_up = False

        async def interrupt(self) -> CancelReport | None:
            raise RuntimeError("stumbled")

        def say(self, text: str) -> bool:
            raise ValueError("cannot say that")

        def send_digits(self, digits: str) -> None: ...

        def hold(self, held: bool) -> bool:
            return held

        def transfer(self, uri: str) -> bool:
            return False

        def hang_up(self, reason: EndReason) -> None:
            self.hung_up = True

    call = Clumsy()
    settings = StateSettings(directory=tmp_path)
    async with Store.open(settings) as store, Commands(settings) as operator, asyncio.timeout(20):
        store.register("one", {"caller": "somebody"})
        obeying = asyncio.create_task(serve_commands(call, store, "one"))
        await operator.call_of("somebody")
        with pytest.raises(CommandFailed, match="interrupt failed: stumbled"):
            await operator.order("one", CommandKind.INTERRUPT)
        with pytest.raises(CommandFailed, match="say failed: cannot say that"):
            await operator.order("one", CommandKind.SAY, "x")
        for kind, argument, why in (
            (CommandKind.HOLD, "off", "the call cannot speak now"),
            (CommandKind.TRANSFER, "sip:desk@192.0.2.7", "the call cannot speak now"),
            (CommandKind.TRANSFER, "desk", "a call is transferred to a SIP URI"),
            (CommandKind.DTMF, "", "keys are 0 to 9"),
            (CommandKind.DTMF, "12x", "keys are 0 to 9"),
        ):
            with pytest.raises(CommandFailed, match=why):
                await operator.order("one", kind, argument)
        assert await operator.order("one", CommandKind.DTMF, "12#") == {"sent": "12#"}
        assert await operator.order("one", CommandKind.HOLD, "on") == {"held": True}
        assert await operator.order("one", CommandKind.HANG_UP) == {"hung_up": True}
        assert call.hung_up
        store.unregister("one", "over")
        await obeying


@pytest.mark.long
def test_a_caller_on_hold_is_told_so_and_hears_nothing_until_taken_back(tmp_path: Path) -> None:
    async def script(phone: Phone) -> None:
        await goes_to(phone, State.LISTENING)
        assert phone.call.operator.hold(True)
        await phone.heard_out("One moment")
        await phone.says(speech(OPEN))
        played = dict(phone.line.played)
        await asyncio.sleep(8.0)
        assert phone.line.played == played
        assert phone.call.operator.hold(False)
        await phone.heard_out("Thank you for waiting")

    left = ring(tmp_path, script, agent=agents.Lines(agents.text(LONG)))
    assert [note.data["held"] for note in left.notes if note.kind == "hold"] == [True, False]


def test_a_caller_who_is_transferred_is_told_so_first(tmp_path: Path) -> None:
    async def script(phone: Phone) -> None:
        await goes_to(phone, State.LISTENING)
        assert phone.call.operator.transfer("sip:reception@192.0.2.7")
        await phone.until(lambda: phone.line.transferred_to)
        assert phone.line.transferred_to == "sip:reception@192.0.2.7"

    left = ring(tmp_path, script)
    assert "putting you through" in left.turns[-1]["heard"]
