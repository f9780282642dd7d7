"""The edge's plan, from the settings."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

from ops.edge.plan import Card, EdgeError, Registrar, cards_in, plan_of, port_range
from ops.live.daemon_process import to_toml
from phone_daemon.settings.load import load_settings
from phone_daemon.settings.settings import Settings
from phone_daemon.settings.trunks import RegisterKeys
from phone_daemon.wire.srv import lookup
from tests.wire.test_srv import name_server


def settings(folder: Path, **edge: object) -> Settings:
    trunks = [
        {"name": "carrier", "addresses": ["192.0.2.0/24", "2001:db8::/32"], "trust": True},
        {"name": "account", "register": {"registrar": ["127.0.0.5:5070"], "user": "u", "password_env": "SECRET"}},
    ]
    sections = {
        "sip": {"port": 5070, "cards": 2},
        "edge": {"bind": "127.0.0.1", **edge},
        "trunk": trunks,
        "calls": {"limit_s": 600},
    }
    (folder / "s.toml").write_text(to_toml(sections))
    return load_settings(folder / "s.toml", {})


def test_line_cards_are_our_own_and_those_of_other_machines(tmp_path: Path) -> None:
    plan = plan_of(settings(tmp_path, cards=["10.0.0.2:5060-5061", "10.0.0.3:5060"]))
    assert [card.uri for card in plan.cards] == [
        "sip:10.0.0.2:5060", "sip:10.0.0.2:5061", "sip:10.0.0.3:5060", "sip:127.0.0.1:5070", "sip:127.0.0.1:5071",
    ]  # fmt: skip


def test_several_daemons_have_a_block_of_cards_each(tmp_path: Path) -> None:
    plan = plan_of(replace(settings(tmp_path), daemons=3))
    assert [card.port for card in plan.cards] == [5070, 5071, 5072, 5073, 5074, 5075]


def test_trunks_come_from_their_networks_and_registrars(tmp_path: Path) -> None:
    plan = plan_of(settings(tmp_path), environ={"SECRET": "s3cret"})
    assert [(trunk.name, trunk.networks, trunk.trusted) for trunk in plan.trunks] == [
        ("carrier", ("192.0.2.0/24", "2001:db8::/32"), True),
        ("account", ("127.0.0.5",), False),
    ]
    [account] = plan.accounts
    assert (account.trunk, account.keys.user, account.password) == ("account", "u", "s3cret")


def test_what_makes_no_edge_is_one_line(tmp_path: Path) -> None:
    good = settings(tmp_path)
    for edge, said in (
        ({"bind": ""}, "bind is not set"),
        ({"port": 5071}, "port of a line card on 127.0.0.1"),
        ({"inner_port": 5060}, "inner_port = 5060 is the port of port on"),
        ({"certificate": tmp_path / "c.pem"}, "belong together"),
        ({"cards": ("nonsense",)}, '"nonsense" names no line cards'),
    ):
        with pytest.raises(EdgeError, match=said) as error:
            plan_of(replace(good, edge=replace(good.edge, **edge)))
        assert len(str(error.value).splitlines()) == 1


@pytest.mark.parametrize("text", ["", "10.0.0.2", "10.0.0.2:0", "10.0.0.2:5063-5060", "10.0.0.2:70000", "a b:1"])
def test_what_names_no_cards(text: str) -> None:
    with pytest.raises(EdgeError):
        cards_in(text)


def test_cards_of_an_ipv6_host() -> None:
    assert cards_in("[2001:db8::1]:5060") == [Card("[2001:db8::1]", 5060)]


@pytest.mark.parametrize("text", ["", "30000", "30000-29999", "80-90", "1024-70000"])
def test_a_port_range_that_is_none(text: str) -> None:
    with pytest.raises(EdgeError, match="rtp_ports"):
        port_range(text)


async def test_a_registrar_that_is_known_by_its_services_has_all_of_them_and_calls_from_each_are_its_trunk_s(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    register = RegisterKeys(registrar=("example.test", "127.0.0.5:5070"), user="u", password_env="SECRET")
    made = settings(tmp_path)
    made = replace(made, trunk=(replace(made.trunk[1], register=register),))
    records = {"_sip._udp.example.test": ["20 1 5080 localhost.", "10 1 5070 localhost."]}
    async with name_server(records) as resolver:
        monkeypatch.setattr("ops.edge.plan.lookup", partial(lookup, resolver=resolver))
        plan = await asyncio.to_thread(plan_of, made)
    [account], [trunk] = plan.accounts, plan.trunks
    assert account.targets == (
        Registrar("example.test", "sip:127.0.0.1:5070;transport=udp"),
        Registrar("example.test", "sip:127.0.0.1:5080;transport=udp"),
        Registrar("127.0.0.5", "sip:127.0.0.5:5070;transport=udp"),
    )
    assert set(trunk.networks) == {"127.0.0.1", "127.0.0.5"}
