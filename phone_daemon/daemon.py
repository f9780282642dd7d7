"""The daemon: starts its parts, admits or refuses calls, runs them, and lets them finish when it is told to stop."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import logging
import os
from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import replace
from datetime import UTC, datetime
from types import TracebackType
from typing import Self

from phone_daemon.agent.agent import Agent, Parties
from phone_daemon.agent.factory import AgentFactory
from phone_daemon.call.call import Call
from phone_daemon.call.services import Services
from phone_daemon.call.who_answered import WhoAnswered, who_answered
from phone_daemon.called import dialplan_of_trunk
from phone_daemon.clock import now_ns
from phone_daemon.current_stt import CurrentStt
from phone_daemon.dialplan.dialplan import Dialplan, DialplanError, load_dialplans
from phone_daemon.dialplan.keys import OutboundKeys
from phone_daemon.engines import make_tts
from phone_daemon.events import EndReason, Note
from phone_daemon.health import Health
from phone_daemon.outbound import BadRequest, DialRequest, Outbound, Outcome, prepared
from phone_daemon.readiness import parts_of
from phone_daemon.settings.problems import nearest
from phone_daemon.settings.settings import Settings
from phone_daemon.state.store import Command, CommandKind, State
from phone_daemon.stt.utterance import Utterance
from phone_daemon.stt.vad import Vad
from phone_daemon.telemetry.machine import keep_shown
from phone_daemon.telemetry.trace import Telemetry
from phone_daemon.web.process import WebProcess
from phone_daemon.wire.dialing import Ledger
from phone_daemon.wire.sip import IncomingCall, LineCards
from phone_daemon.wire.sip_line import SipLine
from phone_daemon.wire.trunk import Trunk
from phone_daemon.wire.trunks import Trunks, edge_address
from phone_daemon.wire.uri import user_part
from sidecars import heap
from sidecars.host.host import HostLost
from sidecars.log import Event
from sidecars.tasks import Tasks

log = logging.getLogger(__name__)

ANY = "reception"
"""The number to dial if every number is answered."""
RETRY_AFTER_S = 30
"""How long a caller who is refused for lack of room is told to wait (RFC 3261, section 20.33)."""


def number_of(plan: Dialplan) -> str:
    """A number that this dialplan answers: the first that it names, or any number."""
    return next((each for each in plan.called if not each.endswith("*") and not each.startswith("/")), ANY)


def quiet(note: Note) -> None:
    """An observer that does nothing."""


class Daemon:
    """`async with Daemon(settings) as daemon: await daemon.serve()`.

    Entering raises `DialplanError`, `CardFailed`, or `HostLost` with one clear line if a part cannot start.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        watch: Callable[[Note], None] = quiet,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self.settings = settings
        self._watch = watch
        self._now = now
        self.dialplans = load_dialplans(settings)
        self._agents = AgentFactory(settings.llm)
        self._calls: dict[str, tuple[Call, asyncio.Task[None]]] = {}
        self._dialing = Tasks()
        """Outbound calls that nobody has answered yet."""
        self._asking = Tasks()
        """Calls that ring while their dialplan's webhook is asked."""
        self._draining = asyncio.Event()
        self._reloads = Tasks()
        self._one_reload = asyncio.Lock()
        self._showing = Tasks()
        self._bridges = Tasks()
        """Callers from the web who are being transferred, or are connected with a colleague."""
        self.web: WebProcess | None = None
        """The web process, if the settings enable it."""
        self._stack = AsyncExitStack()

    async def __aenter__(self) -> Self:
        try:
            await self._start()
        except BaseException:
            await self._stack.aclose()
            raise
        return self

    async def _start(self) -> None:
        settings = self.settings
        enter = self._stack.enter_async_context
        self._stt = CurrentStt(settings.stt, self.dialplans, os.environ)
        tts = make_tts(settings.tts, os.environ)
        self._stack.push_async_callback(self._agents.close)
        self._agents.open(self.dialplans)
        self._stack.push_async_callback(self._stt.close)
        Vad(settings.vad)  # loads its model now, and not when the first caller is waiting
        self._stack.push_async_callback(tts.close)
        state, *_ = await asyncio.gather(enter(State.open(settings.state)), self._stt.host.start(), tts.start())
        telemetry = Telemetry()
        self._stack.callback(telemetry.close)
        self._services = Services(settings, self._stt.host, tts, state, telemetry, self._notify)
        edge = edge_address(settings.edge.inner, settings.edge.inner_port) if settings.edge.bind else ""
        self.trunks = await enter(Trunks(settings.trunk, edge=edge, count=telemetry.registration))
        self.cards = await enter(LineCards(settings.sip, trunks=self.trunks))
        ledger = Ledger(settings.state.directory / "outbound.jsonl")
        out, sip = settings.outbound, settings.sip
        self._outbound = Outbound(
            out, sip, self.cards, self.trunks, ledger, listen=self._listen, count=telemetry.dialed
        )
        state.shown["cards"] = self._where_cards()
        every_s = settings.state.lease_s / 3
        self._showing.start(keep_shown(state.shown, settings.calls.directory, self._trunks_shown, every_s))
        self._stack.push_async_callback(self._showing.end)
        parts = parts_of(self.cards, self.trunks, self._agents, lambda: self._services, lambda: self.web)
        self.health = await enter(Health(settings.health_port, parts, lambda: len(self._calls), self._draining))
        if settings.web.on:
            first = next(iter(self.dialplans))
            web = WebProcess(
                settings,
                self.cards.queue,
                called=number_of(first),
                health_port=self.health.port,
                environ=os.environ,
            )
            self.web = await enter(web)
        self._stack.push_async_callback(self._end_calls)
        for tasks in (self._bridges, self._asking, self._reloads):
            self._stack.push_async_callback(tasks.end)

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._draining.set()
        await self._stack.aclose()

    @property
    def port(self) -> int:
        """SIP port (UDP) of the first line card."""
        return self.cards.ports[0]

    def _trunks_shown(self) -> list[dict[str, object]]:
        return [trunk.shown() for trunk in self.trunks]

    def _where_cards(self) -> str:
        """The line cards in the format of `[edge] cards`, for an edge that finds us in Redis; empty if they listen on
        every interface, which names no address."""
        host = self.settings.sip.bind
        if host in ("0.0.0.0", "::"):
            return ""
        return " ".join(f"{f'[{host}]' if ':' in host else host}:{port}" for port in self.cards.ports)

    @property
    def live(self) -> int:
        """Number of calls that are running."""
        return len(self._calls)

    def _notify(self, note: Note) -> None:
        if self.web is not None:
            self.web.tell(note)
        self._watch(note)

    async def serve(self) -> None:
        """Answers calls until `drain`; returns when the last call has ended or `drain_s` has passed."""
        accepting = asyncio.create_task(self._accept())
        obeying = asyncio.create_task(self._obey())
        try:
            drained = asyncio.create_task(self._draining.wait())
            await asyncio.wait([accepting, drained], return_when=asyncio.FIRST_COMPLETED)
            drained.cancel()
            if live := [*(task for _, task in self._calls.values()), *self._bridges]:
                log.info(Event("daemon.draining", calls=len(live), seconds=self.settings.calls.drain_s))
                await asyncio.wait(live, timeout=self.settings.calls.drain_s)
            if accepting.done():
                accepting.result()
        finally:
            for task in (accepting, obeying):
                task.cancel()
            await asyncio.gather(accepting, obeying, return_exceptions=True)
            await self._end_calls()

    @property
    def draining(self) -> bool:
        return self._draining.is_set()

    def drain(self) -> None:
        """Refuses new calls, and lets live ones finish."""
        self._draining.set()
        self.trunks.leave()
        self._dialing.cancel()

    # ------------------------------------------------------------------------------------------------ reloading

    def reload(self) -> None:
        """Rereads the dialplan files for future calls; live calls keep theirs.

        If they have mistakes, the mistakes are logged, and the dialplans stay as they are.
        """
        self._reloads.start(self._reload(), name="reload")

    async def _reload(self) -> None:
        async with self._one_reload:
            try:
                plans = await asyncio.to_thread(load_dialplans, self.settings)
                self._agents.open(plans)
                await self._stt.follow(plans, [task for _, task in self._calls.values()])
            except (DialplanError, HostLost) as error:
                log.error(Event("dialplans.kept", reason=" | ".join(str(error).splitlines())))
                return
            self.dialplans, self._services = plans, replace(self._services, stt=self._stt.host)
            log.info(Event("dialplans.reloaded", names=", ".join(plan.name for plan in plans)))

    # ---------------------------------------------------------------------------------------------------- calls

    async def _accept(self) -> None:
        async for incoming in self.cards.incoming():
            self._admit(incoming)

    def _admit(self, incoming: IncomingCall) -> None:
        if self.draining:
            incoming.refuse(503, RETRY_AFTER_S)
            return
        if incoming.join:
            self._join(incoming)
            return
        trunk = self.trunks.get(incoming.trunk)
        if trunk is not None and not trunk.has_room:
            log.info(Event("call.refused", call=incoming.id, status=503, reason="the trunk has its most calls"))
            incoming.refuse(503, RETRY_AFTER_S)
            return
        found = dialplan_of_trunk(trunk, incoming.numbers, self.dialplans, self._now(), self.settings.sip)
        if found is None:
            log.info(Event("call.refused", call=incoming.id, status=404, called=incoming.called, reason="no dialplan"))
            incoming.refuse(404)
            return
        plan, called = found
        if plan.start is None:
            self._take(incoming, plan, called, trunk)
            return
        incoming.ring()
        self._asking.start(self._ask_first(incoming, plan, called, trunk), name=f"start {incoming.id}")

    def _join(self, incoming: IncomingCall) -> None:
        """Lets a colleague take over a live call."""
        call, _ = self._calls.get(incoming.join, (None, None))
        if call is None:
            incoming.refuse(481)
        elif not call.operator.can_take_over:
            incoming.refuse(491)
        else:
            line = incoming.answer()
            if self.web is not None:
                # The first note of a leg tells its id; a colleague's leg has no other note.
                self.web.tell(Note(line.id, "joined", now_ns(), {"call": incoming.join}))
            call.operator.take_over(line)
            log.info(Event("call.taken_over", call=incoming.join))

    async def _ask_first(self, incoming: IncomingCall, plan: Dialplan, called: str, trunk: Trunk | None) -> None:
        """Takes a call as its dialplan's webhook answers, or as the dialplan says if there is no answer in time."""
        # A daemon whose dialplans have no such webhook needs no HTTP client.
        from phone_daemon.agent.llm.http import make_client  # noqa: PLC0415
        from phone_daemon.start import ask_first  # noqa: PLC0415

        parties = Parties(incoming.caller, incoming.caller_name, called)
        plans = [each.at(self._now()) for each in self.dialplans]
        async with make_client() as http:
            plan = await ask_first(http, plan, plans, incoming.id, parties, os.environ)
        if incoming.gone:
            log.info(Event("call.abandoned", call=incoming.id, reason="hung up while it rang"))
            return
        self._take(incoming, plan, called, trunk)

    def _take(self, incoming: IncomingCall, plan: Dialplan, called: str, trunk: Trunk | None) -> None:
        line = incoming.answer(called)
        if incoming.from_web:
            line.bridge = self._bridge
        parties = Parties(incoming.caller, incoming.caller_name, incoming.called)
        task = self._begin(line, plan, parties, trunk)
        if task is not None and trunk is not None:
            trunk.calls += 1
            task.add_done_callback(lambda _: setattr(trunk, "calls", trunk.calls - 1))

    def _begin(
        self, line: SipLine, plan: Dialplan, parties: Parties, trunk: Trunk | None, agent: Agent | None = None
    ) -> asyncio.Task[None] | None:
        """Runs an answered call; returns None if it could not begin and was hung up."""
        try:
            call = Call(line, plan, agent or self._agents.agent(plan, parties, self._now()), self._services)
        except Exception:
            log.exception(Event("call.failed", call=line.id, reason="it could not begin"))
            line.hang_up(EndReason.FAILED)
            return None
        task = asyncio.create_task(self._run(call, line.id), name=f"call {line.id}")
        self._calls[line.id] = call, task
        by_trunk = {"trunk": trunk.settings.name} if trunk is not None else {}
        log.info(Event("call.answered", call=line.id, dialplan=plan.name, **by_trunk))
        task.add_done_callback(functools.partial(self._forget, line.id))
        return task

    def _forget(self, call: str, _: asyncio.Task[None]) -> None:
        self._calls.pop(call, None)
        if not self._calls:
            asyncio.get_running_loop().run_in_executor(None, heap.trim)

    async def dial(self, request: DialRequest) -> Outcome:
        """Calls somebody, and lets a dialplan speak with them; returns once they have answered, or will not. Raises
        `BadRequest` with one clear line. Canceling it hangs up."""
        plan = next((plan for plan in self.dialplans if plan.name == request.dialplan), None)
        if plan is None:
            known = nearest(request.dialplan, (plan.name for plan in self.dialplans))
            raise BadRequest(f'there is no dialplan "{request.dialplan}"; {known}')
        if self.draining:
            raise BadRequest("the daemon makes no more calls: it is about to stop")
        ready = prepared(plan, request.values)

        def begin(line: SipLine, plan: Dialplan, agent: Agent | None, trunk: Trunk) -> asyncio.Task[None] | None:
            # For the agent, the person at the other end is the caller, no matter who called.
            return self._begin(line, plan, Parties(line.called, "", line.caller), trunk, agent)

        return await self._outbound.dial(request, ready, begin)

    def _bridge(self, caller: SipLine, uri: str, briefing: bytes) -> None:
        """Transfers a caller whose own side cannot be asked to do it: calls `uri`, and connects that party with the
        caller."""
        plan = replace(next(iter(self.dialplans)), outbound=OutboundKeys())  # it does not matter who answers
        handing = self._outbound.hand_over(caller, user_part(uri), briefing, plan)
        self._bridges.start(handing, name=f"bridge {caller.id}")

    async def _listen(self, line: SipLine, plan: Dialplan, until_beep: bool) -> WhoAnswered:
        services = self._services
        options = {"grammar": plan.name}
        return await who_answered(
            line,
            services.settings.vad,
            lambda: Utterance(services.stt, options, call=line.id),
            until_beep=until_beep,
        )

    async def _dial(self, command: Command) -> None:
        try:
            result = (await self.dial(DialRequest.decode(command.argument))).shown()
        except BadRequest as error:
            result = {"error": str(error)}
        self._services.store.ack(command, result)

    async def _run(self, call: Call, call_id: str) -> None:
        began_ns = now_ns()
        try:
            end = await call.run()
            took_s = round((now_ns() - began_ns) / 1e9, 1)
            log.info(Event("call.ended", call=call_id, reason=end.reason, seconds=took_s))
        except Exception:
            # A defect in the daemon ends this call and no other.
            log.exception(Event("call.failed", call=call_id))

    async def _obey(self) -> None:
        state = self._services.store
        async for command in state.commands():
            if command.kind is CommandKind.DRAIN:
                self.drain()
                state.ack(command, {"draining": len(self._calls)})
            elif command.kind is CommandKind.TRUNKS:
                state.ack(command, {"trunks": self._trunks_shown()})
            elif command.kind is CommandKind.DIAL:
                self._dialing.start(self._dial(command), name="dial")
            else:
                state.ack(command, {"error": f"{command.kind} is for a call, not for the daemon"})

    async def _end_calls(self) -> None:
        """Hangs up all calls that are still running."""
        tasks = [task for _, task in self._calls.values()]
        for call, _ in list(self._calls.values()):
            call.operator.hang_up(EndReason.DRAINED)
        if tasks:
            _, late = await asyncio.wait(tasks, timeout=2.0)
            for task in late:
                task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.gather(*late, return_exceptions=True)
