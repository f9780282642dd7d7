"""Requests for outgoing calls: nonsense gets one line, and texts are filled in."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from phone_daemon.agent.agent import Agent
from phone_daemon.call.who_answered import WhoAnswered
from phone_daemon.dialplan.dialplan import SHIPPED, Dialplan, Dialplans
from phone_daemon.dialplan.model import Model
from phone_daemon.outbound import BadRequest, DialRequest, Outbound, prepared
from phone_daemon.settings.outbound import OutboundSettings
from phone_daemon.settings.settings import SipSettings
from phone_daemon.settings.trunks import TrunkSettings
from phone_daemon.wire.dialing import Ledger, Result
from phone_daemon.wire.sip import LineCards, SipLine
from phone_daemon.wire.trunk import Trunk
from phone_daemon.wire.trunks import Trunks

(PLAN,) = Dialplans.load([SHIPPED / "dental_clinic.toml"])
GREETING = "Hello {name}, this is about {day}. You called from {caller}."


@pytest.fixture
def plan(tmp_path: Path) -> Dialplan:
    file = tmp_path / "reminder.toml"
    file.write_text('called = "x"\ngreeting = "Hello."\n[intents.a]\ncaller_says = ["a"]\nsay = "b"\n')
    (found,) = Dialplans.load([file])
    return replace(found, greeting=GREETING)


def begin(line: SipLine, plan: Dialplan, agent: Agent | None, trunk: Trunk) -> None:
    raise AssertionError("nobody answers here")


async def listen(line: SipLine, plan: Dialplan, until_beep: bool) -> WhoAnswered:
    raise AssertionError("nobody answers here")


def outbound(folder: Path, *trunks: TrunkSettings) -> Outbound:
    """No line cards: any attempt to call somebody fails."""
    sip = SipSettings(country="44")
    return Outbound(OutboundSettings(), sip, LineCards(sip), Trunks(trunks), Ledger(folder / "ledger"), listen=listen)


def test_a_request_survives_the_way_to_the_daemon() -> None:
    request = DialRequest("+442079460100", "reminder", {"name": "Ada"}, "a", 2, True)
    assert DialRequest.decode(request.encode()) == request
    assert DialRequest.decode('{"number": "1", "dialplan": "x"}') == DialRequest("1", "x")


@pytest.mark.parametrize(
    "text", ["", "[]", "{}", '{"number": 1, "dialplan": "x"}', '{"number": "1", "dialplan": "x", "values": {"a": 1}}',
             '{"number": "1", "dialplan": "x", "retries": 99}', '{"number": "1", "dialplan": "x", "trunk": 3}'],
)  # fmt: skip
def test_what_is_no_request_is_refused(text: str) -> None:
    with pytest.raises(BadRequest, match='"number" and "dialplan" are needed'):
        DialRequest.decode(text)


def test_what_is_set_stands_in_the_greeting_and_the_rest_is_filled_in_later(plan: Dialplan) -> None:
    ready = prepared(replace(plan, is_open=False), {"name": "Ada", "day": "Tuesday"})
    assert ready.opening == "Hello Ada, this is about Tuesday. You called from {caller}."


@pytest.mark.parametrize(
    ("values", "told"),
    [
        ({"name": "Ada"}, 'dialplan "reminder" says {day}, which is not set; --set day=…'),
        ({"name": "Ada", "day": "x", "nam": "y"},
         'dialplan "reminder" does not say {nam}; its greeting can be given: day, name'),
    ],
)  # fmt: skip
def test_what_is_not_set_or_not_said_is_named(plan: Dialplan, values: dict[str, str], told: str) -> None:
    with pytest.raises(BadRequest) as raised:
        prepared(plan, values)
    assert str(raised.value) == told


def test_a_language_model_is_told_what_it_does_not_say(plan: Dialplan) -> None:
    thinking = replace(plan, greeting="", agent="llm", model=Model(model="m", prompt="Ask {name} how it went."))
    ready = prepared(thinking, {"name": "Ada", "order": "4711"})
    assert ready.model is not None
    assert ready.model.prompt.startswith("Ask Ada how it went.")
    assert "- order: 4711" in ready.model.prompt


async def test_a_number_that_is_none_and_a_trunk_that_is_none_are_named(tmp_path: Path) -> None:
    trunk = TrunkSettings(name="a", addresses=("192.0.2.1",), proxy="192.0.2.1", allow=("*",))
    calls = outbound(tmp_path, trunk)
    for number in ("", "sip:ada@example.com", "0800-HELLO", "+44 20; rm"):
        with pytest.raises(BadRequest, match="is not a telephone number"):
            await calls.dial(DialRequest(number, "x"), PLAN, begin)
    with pytest.raises(BadRequest, match='there is no trunk "b"; there are: a'):
        await calls.dial(DialRequest("+442079460100", "x", trunk="b"), PLAN, begin)


async def test_a_trunk_that_is_not_there_yet_is_no_crash(tmp_path: Path) -> None:
    trunk = TrunkSettings(name="a", addresses=("192.0.2.1",), proxy="192.0.2.1", allow=("+44*",))
    outcome = await outbound(tmp_path, trunk).dial(DialRequest("020 7946 0100", "x"), PLAN, begin)
    assert (outcome.result, outcome.number, outcome.reason) == (
        Result.FAILED, "+442079460100", "the trunk is not there yet",
    )  # fmt: skip
