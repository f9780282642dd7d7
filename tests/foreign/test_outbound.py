"""Outgoing calls through a third-party provider (Kamailio) to a third-party telephone (SIPp)."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from ops.live.daemon_process import DaemonProcess
from ops.witness.probe import until
from ops.witness.rtp import to_ulaw
from phone_daemon.agent.agent import Agent
from phone_daemon.call.who_answered import WhoAnswered
from phone_daemon.dialplan.dialplan import SHIPPED, Dialplan, Dialplans
from phone_daemon.events import EndReason
from phone_daemon.outbound import DialRequest, Outbound, Outcome
from phone_daemon.settings.outbound import OutboundSettings
from phone_daemon.settings.settings import SipSettings
from phone_daemon.wire.dialing import Ledger, Result
from phone_daemon.wire.sip import LineCards, SipLine
from phone_daemon.wire.trunk import Trunk
from phone_daemon.wire.trunks import Trunks
from tests.call.test_who_answered import GREETING, silence
from tests.foreign.kamailio import PASSWORD, USER, Kamailio
from tests.foreign.sipp import called, telephone
from tests.foreign.test_trunk_daemon import ops
from tests.foreign.test_trunks import SOON, account, registered
from tests.sidecars.speech import line, spoken
from tests.wire.calls import Ear, tone

NUMBER = "+442079460100"
(PLAN,) = Dialplans.load([SHIPPED / "dental_clinic.toml"])
ASK = DialRequest(NUMBER, "reminder")


async def nobody(line: SipLine, plan: Dialplan, until_beep: bool) -> WhoAnswered:
    raise AssertionError("the dialplan does not want to know")


class Dialer:
    """An outbound side with one account at Kamailio; answered lines are kept."""

    def __init__(self, outbound: Outbound, trunks: Trunks) -> None:
        self._outbound = outbound
        self.trunks = trunks
        self.ears: list[Ear] = []

    async def dial(self, request: DialRequest) -> Outcome:
        return await self._outbound.dial(request, PLAN, self._begin)

    def _begin(self, line: SipLine, plan: Dialplan, agent: Agent | None, trunk: Trunk) -> asyncio.Task[None]:
        self.ears.append(ear := Ear(line))
        return asyncio.create_task(self._until_closed(ear))

    @staticmethod
    async def _until_closed(ear: Ear) -> None:
        await ear.until(lambda: ear.line.closed)


@asynccontextmanager
async def dialer(
    folder: Path, scenario: str, *, ring_s: float = 10.0, retries: int = 0, calls: int = 1, **trunk: Any
) -> AsyncIterator[tuple[Dialer, Kamailio]]:
    async with AsyncExitStack() as stack:
        port = await stack.enter_async_context(telephone(folder, scenario, calls))
        provider = await stack.enter_async_context(Kamailio(folder, callee=f"127.0.0.1:{port}"))
        wanted = account(provider.port, **{"allow": ("+4420*",), **trunk})
        trunks = await stack.enter_async_context(Trunks([wanted], backoff=SOON, environ={"P": PASSWORD}))
        sip = SipSettings(port=0, country="44")
        cards = await stack.enter_async_context(LineCards(sip, trunks=trunks))
        settings = OutboundSettings(ring_s=ring_s, retries=retries, retry_after_s=0.0)
        await registered(trunks)
        ledger = Ledger(folder / "ledger.jsonl")
        yield Dialer(Outbound(settings, sip, cards, trunks, ledger, listen=nobody), trunks), provider


@pytest.mark.foreign
async def test_somebody_is_called_with_our_number_and_the_accounts_password(tmp_path: Path) -> None:
    async with dialer(tmp_path, called(ring_ms=300), caller_id="+442079460777") as (phone, provider):
        outcome = await phone.dial(replace(ASK, number="020 7946 0100"))
        (ear,) = phone.ears
        assert (outcome.result, outcome.number, outcome.call) == (Result.ANSWERED, NUMBER, ear.line.id)
        await ear.ticks(10)
        (trunk,) = phone.trunks
        assert trunk.calls == 1
        ear.line.hang_up()
        await ear.closed()
        await until(lambda: trunk.calls == 0)
        asked = provider.asked("INVITE")
        assert {each["user"] for each in asked} == {"+442079460777"}
        assert [each["auth"] for each in asked] == ["<null>", USER]


@pytest.mark.foreign
async def test_what_is_said_before_the_answer_is_no_answer(tmp_path: Path) -> None:
    async with dialer(tmp_path, called(early=True, ring_ms=1500)) as (phone, _):
        dialing = asyncio.create_task(phone.dial(ASK))
        await asyncio.sleep(1.0)
        assert not dialing.done()
        assert not phone.ears
        assert (await dialing).result is Result.ANSWERED
        phone.ears[0].line.hang_up()
        await phone.ears[0].closed()


@pytest.mark.foreign
@pytest.mark.parametrize(
    ("status", "result"),
    [
        *((486, Result.BUSY), (480, Result.NO_ANSWER), (603, Result.REJECTED), (404, Result.REJECTED)),
        (302, Result.REJECTED),  # Whoever is called does not send us elsewhere at our cost.
    ],
)
async def test_a_refusal_is_told_for_what_it_is(tmp_path: Path, status: int, result: Result) -> None:
    async with dialer(tmp_path, called(status)) as (phone, _):
        outcome = await phone.dial(ASK)
        assert (outcome.result, outcome.code, outcome.reason) == (result, status, "Sorry")
        assert not phone.ears


@pytest.mark.foreign
async def test_a_telephone_that_rings_and_rings_is_let_be(tmp_path: Path) -> None:
    async with dialer(tmp_path, called(0), ring_s=1.0) as (phone, provider):
        outcome = await phone.dial(ASK)
        assert (outcome.result, outcome.reason) == (Result.NO_ANSWER, "nobody answered within 1 s")
        await until(lambda: provider.asked("CANCEL"))


@pytest.mark.foreign
async def test_a_busy_number_is_called_again_as_the_rule_says(tmp_path: Path) -> None:
    async with dialer(tmp_path, called(486), retries=2, calls=3) as (phone, _):
        outcome = await phone.dial(ASK)
        assert (outcome.result, outcome.attempts) == (Result.BUSY, 3)


@pytest.mark.foreign
async def test_what_may_not_be_called_is_not_called(tmp_path: Path) -> None:
    async with dialer(tmp_path, called(486), calls=3, per_hour=2) as (phone, provider):
        dear = await phone.dial(replace(ASK, number="+8835100012345"))
        assert dear.result is Result.FORBIDDEN
        assert dear.reason == "no trunk may call +8835100012345: add it to `allow` under a [[trunk]]"
        dry = await phone.dial(replace(ASK, dry_run=True))
        assert (dry.result, dry.trunk) == (Result.WOULD_CALL, "provider")
        assert not provider.asked("INVITE")
        results = [(await phone.dial(ASK)).result for _ in range(3)]
        assert results == [Result.BUSY, Result.BUSY, Result.FORBIDDEN]


@pytest.mark.foreign
async def test_the_budget_ends_a_call(tmp_path: Path) -> None:
    async with dialer(tmp_path, called(), minutes_a_day=1) as (phone, _):
        ledger = Ledger(tmp_path / "ledger.jsonl")
        ledger.begin("provider", "earlier")
        ledger.end("provider", "earlier", 59.0)
        assert (await phone.dial(ASK)).result is Result.ANSWERED
        await phone.ears[0].closed()
        outcome = await phone.dial(ASK)
        assert outcome.result is Result.FORBIDDEN
        assert outcome.reason.endswith("in the last day (minutes_a_day = 1)")


@pytest.mark.foreign
async def test_phone_ops_dials_and_says_what_became_of_it(tmp_path: Path) -> None:
    (tmp_path / "reminder.toml").write_text(
        'called = "reminder"\ngreeting = "Hello {name}, your appointment is tomorrow."\n'
        '[intents.bye]\ncaller_says = ["goodbye"]\nsay = "Goodbye."\nthen = "hang_up"\n'
    )
    async with AsyncExitStack() as stack:
        port = await stack.enter_async_context(telephone(tmp_path, called()))
        provider = await stack.enter_async_context(Kamailio(tmp_path, callee=f"127.0.0.1:{port}"))
        register = {"registrar": f"127.0.0.1:{provider.port}", "user": USER, "password_env": "TRUNK_PASSWORD"}
        sections = {
            "trunk": [{"name": "provider", "register": register, "allow": ["+4420*"]}],
            "dialplans": [str(tmp_path / "reminder.toml")],
            "sip": {"bind": "127.0.0.1"},
        }
        daemon = DaemonProcess(tmp_path / "var", sections, environ={"TRUNK_PASSWORD": PASSWORD})
        await stack.enter_async_context(daemon)
        await until(lambda: "trunk.registered" in daemon.log())
        code, out, err = await ops(daemon, "dial", NUMBER, "--dialplan", "reminder")
        assert (code, err) == (
            1, 'phone-ops: dialplan "reminder" says {name}, which is not set; --set name=…\n'
        )  # fmt: skip
        words = ("dial", NUMBER, "--dialplan", "reminder", "--set", "name=Ada")
        code, out, _ = await ops(daemon, *words, "--dry-run")
        assert (code, out) == (0, f"{NUMBER}: would be called (by trunk provider, as 620) by trunk provider\n")
        code, out, _ = await ops(daemon, *words, "--json")
        outcome = json.loads(out)
        assert (code, outcome["result"]) == (0, "answered")
        (folder,) = daemon.calls()
        assert folder.name == outcome["call"]
        turns = folder / "turns.jsonl"
        await until(lambda: turns.exists() and "Hello Ada" in turns.read_text(), 20)
        code, out, _ = await ops(daemon, "dial", "+15551234567", "--dialplan", "reminder", "--set", "name=Ada")
        assert code == 1
        assert "not allowed (no trunk may call +15551234567" in out
        assert NUMBER not in daemon.log()


@pytest.mark.foreign
@pytest.mark.parametrize("machine", [True, False])
async def test_a_machine_gets_the_message_after_its_beep_and_a_person_the_dialplan(
    tmp_path: Path, machine: bool
) -> None:
    """The telephone plays a greeting and a beep, or one word; the daemon's own recording shows what it heard of the
    agent.
    """
    (tmp_path / "reminder.toml").write_text(
        'called = "reminder"\ngreeting = "Am I speaking with Ada?"\n'
        '[outbound]\nmachine = "leave_message"\nmessage = "This is a message for {name}. Please call us back."\n'
        '[intents.bye]\ncaller_says = ["goodbye"]\nsay = "Goodbye."\nthen = "hang_up"\n'
    )
    speech = line(spoken(GREETING if machine else "hello"))
    sound = silence(0.5) + speech + silence(0.5) + (tone(1000, 0.4) if machine else b"")
    (tmp_path / "says.ulaw").write_bytes(to_ulaw(sound + silence(10)))
    async with AsyncExitStack() as stack:
        port = await stack.enter_async_context(telephone(tmp_path, called(says=tmp_path / "says.ulaw")))
        sections = {
            "trunk": [{"name": "office", "addresses": ["127.0.0.1"], "proxy": f"127.0.0.1:{port}", "allow": ["+44*"]}],
            "dialplans": [str(tmp_path / "reminder.toml")],
            "sip": {"bind": "127.0.0.1"},
        }
        daemon = await stack.enter_async_context(DaemonProcess(tmp_path / "var", sections))
        code, out, err = await ops(daemon, "dial", NUMBER, "--dialplan", "reminder", "--set", "name=Ada", "--json")
        assert code == 0, err
        assert json.loads(out)["answered_by"] == ("machine" if machine else "person")
        (folder,) = daemon.calls()
        turns = folder / "turns.jsonl"
        wanted = "This is a message for Ada" if machine else "Am I speaking with Ada?"
        await until(lambda: turns.exists() and wanted in turns.read_text(), 20)
        if machine:
            # Nobody is left on the line: it hangs up by itself.
            await until(lambda: "call.ended" in daemon.log(), 20)
            assert EndReason.AGENT_HUNG_UP in daemon.log()
