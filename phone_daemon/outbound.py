"""Outbound calls: somebody is called by an allowed trunk, and again if a rule says so, and the outcome is reported."""

from __future__ import annotations

import asyncio
import json
import logging
import re
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace

from phone_daemon.agent.agent import Agent
from phone_daemon.agent.recital import Recital
from phone_daemon.call.who_answered import WhoAnswered
from phone_daemon.dialplan.dialplan import BargeIn, Dialplan
from phone_daemon.events import TransferFailed
from phone_daemon.settings.outbound import OutboundSettings
from phone_daemon.settings.settings import SipSettings
from phone_daemon.wire.bridge import Bridge
from phone_daemon.wire.dialing import RETRIED, Ledger, Result, is_allowed, over_limit, result_of
from phone_daemon.wire.identity import e164
from phone_daemon.wire.sip import CallRefused, CardFailed, LineCards, SipLine
from phone_daemon.wire.trunk import Trunk
from phone_daemon.wire.trunks import Trunks
from sidecars.log import Event

log = logging.getLogger(__name__)

_NUMBER = re.compile(r"\+?[0-9*#]{2,32}", re.ASCII)
_PLACE = re.compile(r"\{(\w+)\}")


PARTIES = frozenset({"caller", "caller_name", "called"})
"""Names that are filled in once it is known who speaks with whom."""


class BadRequest(ValueError):
    """The request for a call makes no sense. The message is one line that says why."""


@dataclass(frozen=True, slots=True)
class DialRequest:
    """Whom to call, and for what purpose."""

    number: str
    dialplan: str
    values: Mapping[str, str] = field(default_factory=dict)
    """Values that replace `{name}` in the greeting, and that a language model gets."""
    trunk: str = ""
    """If empty, the first trunk that may call the number and is reachable."""
    retries: int | None = None
    """If None, as `[outbound]` specifies."""
    dry_run: bool = False

    def encode(self) -> str:
        return json.dumps({name: getattr(self, name) for name in self.__slots__})

    @classmethod
    def decode(cls, text: str) -> DialRequest:
        """Raises `BadRequest`."""
        try:
            asked = json.loads(text)
        except ValueError:
            asked = None
        match asked:
            case {"number": str(number), "dialplan": str(dialplan)}:
                values = asked.get("values", {})
                retries, trunk = asked.get("retries"), asked.get("trunk", "")
                if (
                    isinstance(values, dict)
                    and all(isinstance(each, str) for pair in values.items() for each in pair)
                    and (retries is None or (isinstance(retries, int) and 0 <= retries <= 20))
                    and isinstance(trunk, str)
                ):
                    return cls(number, dialplan, values, trunk, retries, bool(asked.get("dry_run", False)))
        raise BadRequest('to call somebody, "number" and "dialplan" are needed, both text')


@dataclass(frozen=True, slots=True)
class Outcome:
    """The outcome of an outbound call."""

    result: Result
    number: str
    """In E.164, as far as the settings allow."""
    trunk: str = ""
    code: int = 0
    """SIP status of the last refusal; 0 if there was none."""
    reason: str = ""
    """In one line: the other side's words, or ours."""
    call: str = ""
    """Id of the call that was answered."""
    attempts: int = 0
    answered_by: str = ""
    """`person` or `machine`, if the dialplan wants to know."""

    def shown(self) -> dict[str, object]:
        return {
            "result": str(self.result),
            **{name: getattr(self, name) for name in self.__slots__ if name != "result"},
        }


Begin = Callable[[SipLine, Dialplan, Agent | None, Trunk], "asyncio.Task[None] | None"]
"""Runs an answered call with a dialplan, and with another agent than its own if one is given; None if it could not
begin."""
Listen = Callable[[SipLine, Dialplan, bool], Awaitable[WhoAnswered]]
"""Finds out who answered; with `True`, also waits for a machine's beep."""
QUIET = BargeIn(policy="off", greeting=False, digits=False)
"""Nothing that a machine does interrupts the message."""


class Outbound:
    """The outbound calls of one daemon. `count` is called with every outcome."""

    def __init__(
        self,
        settings: OutboundSettings,
        sip: SipSettings,
        cards: LineCards,
        trunks: Trunks,
        ledger: Ledger,
        *,
        listen: Listen,
        count: Callable[[str], None] = lambda result: None,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._settings = settings
        self._sip = sip
        self._cards = cards
        self._trunks = trunks
        self._ledger = ledger
        self._listen = listen
        self._count = count
        self._sleep = sleep

    async def dial(self, request: DialRequest, plan: Dialplan, begin: Begin) -> Outcome:
        """Calls, and calls again as the rule says; returns once somebody has answered or nobody will.

        Raises `BadRequest`. Cancelling it hangs up.
        """
        number = e164(request.number, self._sip)
        if not _NUMBER.fullmatch(number):
            raise BadRequest(f'"{request.number}" is not a telephone number; write one such as "+442079460100"')
        if request.trunk and self._trunks.get(request.trunk) is None:
            known = ", ".join(trunk.settings.name for trunk in self._trunks) or "none"
            raise BadRequest(f'there is no trunk "{request.trunk}"; there are: {known}')
        retries = self._settings.retries if request.retries is None else request.retries
        attempts = 0
        while True:
            outcome = await self._try(request, number, plan, begin)
            attempts += outcome.attempts
            outcome = replace(outcome, attempts=attempts)
            self._tell(outcome)
            if outcome.result not in RETRIED or retries == 0:
                return outcome
            retries -= 1
            await self._sleep(self._settings.retry_after_s)

    async def hand_over(self, caller: SipLine, number: str, briefing: bytes, plan: Dialplan) -> None:
        """Calls a colleague, plays `briefing` to them, and connects them with `caller`, until either hangs up.

        If that fails, the caller's line reports it (`TransferFailed`), and the call continues. `plan` must not ask who
        answered. Cancelling it hangs up on the colleague.
        """
        bridge: Bridge | None = None
        bridging: asyncio.Task[None] | None = None

        def begin(colleague: SipLine, plan: Dialplan, agent: Agent | None, trunk: Trunk) -> asyncio.Task[None]:
            nonlocal bridge, bridging
            bridge = Bridge(caller, colleague)
            bridging = asyncio.create_task(bridge.run(briefing))
            return bridging

        dialing = asyncio.create_task(self.dial(DialRequest(number, plan.name, retries=0), plan, begin))
        gone = asyncio.create_task(caller.over.wait())
        try:
            await asyncio.wait([dialing, gone], return_when=asyncio.FIRST_COMPLETED)
            if bridging is not None:
                await bridging
            if caller.closed is None:
                caller.push(_not_joined(dialing))
        finally:
            ending = [task for task in (dialing, gone, bridging) if task is not None]
            for task in ending:
                task.cancel()
            await asyncio.gather(*ending, return_exceptions=True)

    async def _try(self, request: DialRequest, number: str, plan: Dialplan, begin: Begin) -> Outcome:
        """Tries each allowed trunk once, until one gets through to the other side, whatever that side answers."""
        outcome = self._none_may(number, request.trunk)
        attempts = 0
        for trunk in self._candidates(number, request.trunk):
            name = trunk.settings.name
            if refusal := self._refusal(trunk):
                outcome = Outcome(Result.FORBIDDEN, number, name, reason=refusal)
                continue
            if request.dry_run:
                return Outcome(
                    Result.WOULD_CALL, number, name, reason=f"by trunk {name}, as {self._trunks.caller(trunk)}"
                )
            attempts += 1
            outcome = replace(await self._call(trunk, number, plan, begin), attempts=attempts)
            if outcome.result is not Result.FAILED:
                break
        return outcome

    def _candidates(self, number: str, wanted: str) -> list[Trunk]:
        """Trunks that may call the number, with the reachable ones first."""
        may = [
            trunk
            for trunk in self._trunks
            if wanted in ("", trunk.settings.name) and is_allowed(number, trunk.settings.allow)
        ]
        return sorted(may, key=lambda trunk: not trunk.good)

    @staticmethod
    def _none_may(number: str, wanted: str) -> Outcome:
        which = f'trunk "{wanted}" may not' if wanted else "no trunk may"
        return Outcome(
            Result.FORBIDDEN, number, wanted, reason=f"{which} call {number}: add it to `allow` under a [[trunk]]"
        )

    def _refusal(self, trunk: Trunk) -> str:
        if not trunk.has_room:
            return f'trunk "{trunk.settings.name}" has its {trunk.settings.max_calls} calls (max_calls)'
        return over_limit(trunk.settings, self._ledger.spent(trunk.settings.name))

    async def _call(self, trunk: Trunk, number: str, plan: Dialplan, begin: Begin) -> Outcome:
        name = trunk.settings.name
        if not trunk.route:
            return Outcome(Result.FAILED, number, name, reason=trunk.detail or "the trunk is not there yet")
        line: SipLine | None = None
        meter = _Meter(trunk, self._ledger)
        try:
            async with asyncio.timeout(self._settings.ring_s):
                line = await self._cards.place(self._trunks.uri(trunk, number), self._trunks.caller(trunk), name)
        except TimeoutError:
            reason = f"nobody answered within {self._settings.ring_s:g} s"
            return Outcome(Result.NO_ANSWER, number, name, reason=reason)
        except CallRefused as error:
            return Outcome(result_of(error.code, rang=error.rang), number, name, error.code, error.reason)
        except CardFailed as error:
            return Outcome(Result.FAILED, number, name, reason=str(error))
        finally:
            if line is None:
                meter.stop()
        meter.answered(line)
        outcome = Outcome(Result.ANSWERED, number, name, 200, call=line.id)
        call: asyncio.Task[None] | None = None
        try:
            who = await self._who(line, plan)
            outcome = replace(outcome, answered_by=who)
            if who is not WhoAnswered.MACHINE or plan.outbound.machine == "go_on":
                call = begin(line, plan, None, trunk)
            elif plan.outbound.machine == "leave_message":
                call = begin(line, replace(plan, barge_in=QUIET), Recital(plan.outbound.message), trunk)
        finally:
            if call is None:
                line.hang_up()
                meter.stop()
            else:
                call.add_done_callback(meter.stop)
        return outcome

    async def _who(self, line: SipLine, plan: Dialplan) -> str:
        """Who answered, if it matters to the dialplan; otherwise empty."""
        if plan.outbound.machine == "go_on":
            return ""
        who = await self._listen(line, plan, plan.outbound.machine == "leave_message")
        log.info(Event("call.answered_by", call=line.id, who=who))
        return who

    def _tell(self, outcome: Outcome) -> None:
        # The number that we call is personal, and stays out of the log.
        about = {"result": outcome.result, "trunk": outcome.trunk, "code": outcome.code, "attempts": outcome.attempts}
        level = logging.WARNING if outcome.result in (Result.FORBIDDEN, Result.FAILED) else logging.INFO
        reason = outcome.reason.replace(outcome.number, "the number")
        log.log(level, Event("call.dialed", **about, reason=reason, **({"call": outcome.call} if outcome.call else {})))
        self._count(outcome.result)


def _not_joined(dialing: asyncio.Task[Outcome]) -> TransferFailed:
    """Why a caller was not transferred."""
    if (error := dialing.exception()) is not None:
        return TransferFailed(404 if isinstance(error, BadRequest) else 500, str(error))
    outcome = dialing.result()
    if outcome.result is Result.ANSWERED:
        return TransferFailed(480, "they hung up while they were told who is there")
    code = outcome.code or _CODES.get(outcome.result, 503)
    return TransferFailed(code, outcome.reason.replace(outcome.number, "the number"))


_CODES = {Result.BUSY: 486, Result.NO_ANSWER: 408, Result.FORBIDDEN: 403}


class _Meter:
    """The cost of one call: recorded when the call ends, and the call is ended when the budget is used up."""

    def __init__(self, trunk: Trunk, ledger: Ledger) -> None:
        self._trunk = trunk
        self._ledger = ledger
        self._name = trunk.settings.name
        self._call = f"{self._name}-{time.time_ns():x}"
        self._timer: asyncio.TimerHandle | None = None
        self._since: float | None = None
        trunk.calls += 1
        ledger.begin(self._name, self._call)

    def answered(self, line: SipLine) -> None:
        loop, minutes = asyncio.get_running_loop(), self._trunk.settings.minutes_a_day

        def over() -> None:
            log.warning(Event("call.over_budget", call=line.id, trunk=self._name, minutes_a_day=minutes))
            line.hang_up()

        self._since = loop.time()
        self._timer = loop.call_later(max(60 * minutes - self._ledger.spent(self._name).seconds, 0.0), over)

    def stop(self, _: object = None) -> None:
        seconds = 0.0
        if self._timer is not None and self._since is not None:
            self._timer.cancel()
            seconds = asyncio.get_running_loop().time() - self._since
        self._trunk.calls -= 1
        self._ledger.end(self._name, self._call, seconds)


def prepared(plan: Dialplan, values: Mapping[str, str]) -> Dialplan:
    """`plan` for an outbound call: open, with `values` in its greeting and in its model's prompt. Raises
    `BadRequest`."""
    model = plan.model
    wanted = {*_PLACE.findall(f"{plan.greeting} {plan.outbound.message} {model.prompt if model else ''}")} - PARTIES
    if missing := sorted(wanted - set(values)):
        raise BadRequest(f'dialplan "{plan.name}" says {{{missing[0]}}}, which is not set; --set {missing[0]}=…')
    if model is None and (unknown := sorted(set(values) - wanted)):
        known = ", ".join(sorted(wanted)) or "nothing"
        raise BadRequest(f'dialplan "{plan.name}" does not say {{{unknown[0]}}}; its greeting can be given: {known}')

    def fill(text: str) -> str:
        return _PLACE.sub(lambda match: values.get(match[1], match[0]), text)

    if model is not None:
        facts = [f"- {name}: {value}" for name, value in values.items() if name not in wanted]
        known = "\n\nYou have called them. What you know:\n" + "\n".join(facts) if facts else ""
        model = replace(model, prompt=fill(model.prompt) + known if model.prompt or facts else model.prompt)
    outbound = replace(plan.outbound, message=fill(plan.outbound.message))
    return replace(plan, greeting=fill(plan.greeting), outbound=outbound, model=model, is_open=True)
