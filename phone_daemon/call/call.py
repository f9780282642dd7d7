"""One call, the only place where the stages meet.

Data flows in a circle: line → speech-to-text → floor → agent → text-to-speech → line. This file covers a call's life
from the answer to the last file that it leaves; `turn_taking.py` covers what happens in between. Everything that
waits is a task in the call's own TaskGroup, and ends with it.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

from phone_daemon.agent.agent import Agent, Message
from phone_daemon.call.agent_side import AgentSide
from phone_daemon.call.barge_in import BargeInPolicy, vocabulary
from phone_daemon.call.caller_side import CallerSide, Spawn
from phone_daemon.call.commands import serve_commands
from phone_daemon.call.echo_news import tell_echo
from phone_daemon.call.floor import State
from phone_daemon.call.operator_side import OperatorSide
from phone_daemon.call.services import Services
from phone_daemon.call.turn_taking import TurnTaking
from phone_daemon.clock import now_ns
from phone_daemon.dialplan.dialplan import Dialplan
from phone_daemon.dialplan.policy import Policy
from phone_daemon.events import (
    FRAME_SAMPLES,
    SAMPLE_RATE,
    WIDE_RATE,
    EndReason,
    Frame,
    LineClosed,
    LineEvent,
    SourceChanged,
    samples,
)
from phone_daemon.media.echo import EchoCanceller
from phone_daemon.media.fax import FaxTones
from phone_daemon.media.recorder import Recorder
from phone_daemon.stt.utterance import Utterance
from phone_daemon.tts.filler import Fillers
from phone_daemon.wire.line import Line
from sidecars.languages import is_english
from sidecars.log import Event

log = logging.getLogger(__name__)

OVERTIME_S = 60.0
"""How long after the time limit the call is ended if its agent never stops talking and so cannot say goodbye."""
END_S = 6.0
"""How long tasks may run on after the line has closed: longer than a last final transcript takes."""


class Call:
    """Runs one answered line to its end."""

    def __init__(self, line: Line, dialplan: Dialplan, agent: Agent, services: Services) -> None:
        self._line = line
        self._dialplan = dialplan
        self._agent = agent
        self._services = services
        self._settings = services.settings
        self._tell = partial(services.tell, line.id)
        directory = self._settings.calls.directory / line.id
        self._recorder, self._unrecorded = self._record(directory)
        self._rate = WIDE_RATE if line.wide else SAMPLE_RATE
        self._echo = EchoCanceller(off=not self._settings.echo.cancel, rate=self._rate)
        self._tasks = asyncio.TaskGroup()
        self._trace = services.telemetry.call(line.id, line.caller, line.called, dialplan.name, directory, now_ns())
        self._voice = services.open_voice(dialplan, line.id, wide=line.wide)
        fillers = Fillers(
            dialplan.fillers,
            dialplan.filler_after_s,
            services.fillers,
            repr((sorted(dialplan.voice.items()), line.wide)),
        )
        spawn = self._tasks.create_task
        self._caller_side = self._make_caller_side(spawn)
        self._agent_side = AgentSide(
            agent, line, self._voice, services.lead, fillers, self._settings.calls, self._trace, spawn, self._tell
        )
        if not is_english(dialplan.language):
            self._agent_side.resuming = ""
        self._turns = TurnTaking(
            line,
            dialplan,
            agent,
            services,
            self._caller_side,
            self._agent_side,
            BargeInPolicy(dialplan.barge_in, self._own_policy, vocabulary(dialplan)),
            fillers,
            self._echo,
            spawn,
            self._tell,
        )
        self.operator = OperatorSide(self._turns, line, spawn, self._tell, announce=self._settings.web.announce)
        self._closed: LineClosed | None = None
        self._fax: FaxTones | None = FaxTones()
        """None once it has been recognized."""

    async def run(self) -> LineClosed:
        """Returns how the call ended. Cancelling it hangs up."""
        line, store = self._line, self._services.store
        who: dict[str, object] = {"caller": line.caller, "called": line.called, "dialplan": self._dialplan.name}
        store.register(line.id, who)
        self._tell("started", who)
        try:
            async with asyncio.timeout(None) as patience, self._tasks:
                self._tasks.create_task(serve_commands(self.operator, store, line.id))
                if self._unrecorded:
                    self._tell("fault", {"part": "recorder", "error": self._unrecorded})
                self._turns.greet()
                async for event in line.events():
                    self._on(event)
                # Ends `serve_commands` once it has answered the commands that came in time.
                store.unregister(line.id, self._end.reason)
                patience.reschedule(asyncio.get_running_loop().time() + END_S)
        except TimeoutError:  # Those of tasks come in a group.
            log.error(Event("call.hung", call=line.id, reason=f"something ran {END_S:g} s after its end; stopped"))
        finally:
            line.hang_up(EndReason.FAILED)
            self._voice.close()
            self._caller_side.close()
            if self._recorder is not None:
                self._recorder.close()
                if self._recorder.fault:
                    self._tell("fault", {"part": "recorder", "error": self._recorder.fault})
            end = self._end
            self._trace.end(end.reason, now_ns())
            store.unregister(line.id, end.reason)
            early = self._agent_side.speculative
            drafts = {"kept": early.kept, "dropped": early.dropped, "wasted_tokens": early.wasted_tokens}
            about = {"reason": str(end.reason), "code": end.code, "detail": end.detail}
            self._tell("ended", {**about, "early_start": drafts})
            try:
                async with asyncio.timeout(END_S):
                    await self._agent.close()
            except Exception as error:
                log.error(Event("agent.close_failed", call=line.id, reason=repr(error)))
        return end

    @property
    def state(self) -> State:
        """Who has the floor."""
        return self._turns.floor.state

    @property
    def history(self) -> Sequence[Message]:
        """What was said and heard so far."""
        return self._agent_side.history

    def _make_caller_side(self, spawn: Spawn) -> CallerSide:
        services, dialplan, vad = self._services, self._dialplan, self._settings.vad
        if dialplan.barge_in.min_speech_s is not None:
            vad = replace(vad, min_speech_s=dialplan.barge_in.min_speech_s)

        def open_utterance(expected: str) -> Utterance:
            options = {"grammar": dialplan.name}
            return Utterance(services.stt, options, call=self._line.id, expected=expected, rate=self._rate)

        return CallerSide(open_utterance, vad, self._settings.turn, spawn=spawn, tell=self._tell, rate=self._rate)

    def _own_policy(self) -> Policy | None:
        """The dialplan's policy for replies like the one that has the floor."""
        reply = self._agent_side.reply
        intent = None if reply is None else self._dialplan.script.intents.get(reply.turn.intent)
        return None if intent is None else intent.barge_in

    @property
    def _end(self) -> LineClosed:
        return self._closed or LineClosed(EndReason.FAILED)

    def _record(self, directory: Path) -> tuple[Recorder | None, str]:
        """The recorder, or the reason why there is none; a call that cannot be recorded is answered all the same."""
        try:
            directory.mkdir(parents=True, exist_ok=True, mode=0o700)
            return (Recorder(directory / "call.wav") if self._settings.calls.record else None), ""
        except OSError as error:
            return None, f"this call leaves no files: {error}"

    def _on(self, event: LineEvent) -> None:
        match event:
            case Frame():
                self._on_frame(event)
            case SourceChanged(address, trusted):
                what = "is used again" if trusted else "is not used: no SDP named it"
                self._tell("fault", {"part": "line", "error": f"RTP from {address} {what}"})
            case LineClosed():
                if self._closed is None:
                    self._closed = event
                    self._turns.on(event)
            case _:
                self._turns.on(event)

    def _on_fax(self, tone: str) -> None:
        log.warning(Event("call.fax", call=self._line.id, tone=tone))
        self._tell("fax", {"tone": tone})
        if self._settings.calls.fax == "hang_up":
            self._line.hang_up(EndReason.FAX)

    def _on_frame(self, raw: Frame) -> None:
        frame = self._echo.clean(raw)
        if self._echo.news:
            reply = self._agent_side.reply
            tell_echo(self._echo.news, self._line.id, None if reply is None else reply.turn, self._tell)
        if self._recorder is not None:
            self._recorder.add(raw if self._settings.echo.record_raw else frame)
        if self._fax is not None and (tone := self._fax.hear(frame.pcm)):
            self._fax = None
            self._on_fax(tone)
        if self._agent_side.reply is not None and self._agent_side.has(frame.reply):
            self._agent_side.reply.progress(frame.played)
        if frame.position + FRAME_SAMPLES >= samples(self._settings.calls.limit_s + OVERTIME_S):
            self._line.hang_up()
        self._turns.hear(raw, frame)
        self._trace.origin_ns = self._caller_side.clock.ns(0)
