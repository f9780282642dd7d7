"""`daemons = N`: each gets its own ports."""

from __future__ import annotations

from pathlib import Path

import pytest

from phone_daemon.settings.daemons import one_of
from phone_daemon.settings.load import SettingsError, load_settings
from phone_daemon.settings.rtp_ports import blocks
from phone_daemon.settings.settings import Settings

FILE = """
daemons = 3
health_port = 8060
[sip]
bind = "127.0.0.1"
port = 5070
cards = 2
rtp_ports = "41000-41095"
[web]
on = true
[[trunk]]
name = "account"
addresses = ["192.0.2.0/24"]
register = { registrar = "192.0.2.1", user = "u", password_env = "SECRET" }
"""


def settings(folder: Path, text: str = FILE) -> Settings:
    (folder / "s.toml").write_text(text)
    return load_settings(folder / "s.toml", {"SECRET": "s"})


def test_no_two_daemons_share_a_port(tmp_path: Path) -> None:
    whole = settings(tmp_path)
    each = [one_of(whole, at) for at in range(whole.daemons)]
    assert [one.sip.port for one in each] == [5070, 5072, 5074]
    assert [one.health_port for one in each] == [8060, 8061, 8062]
    ports = [port for one in each for block in blocks(one.sip.rtp_ports, one.sip.cards) for port in block]
    assert len(ports) == len(set(ports)) == 96
    assert ports == list(range(41000, 41096))


def test_the_first_alone_has_the_accounts_and_the_web(tmp_path: Path) -> None:
    whole = settings(tmp_path)
    each = [one_of(whole, at) for at in range(whole.daemons)]
    assert [one.web.on for one in each] == [True, False, False]
    assert [one.trunk[0].register is not None for one in each] == [True, False, False]
    assert {one.trunk[0].addresses for one in each} == {("192.0.2.0/24",)}


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("41000-41095", "41000-41040", "6 line cards of 4 calls need 48"),
        ("port = 5070", "port = 65531", "leaves no room for 6 cards"),
        ("port = 5070", "port = 0", "port 0 (any free port) allows one card"),
    ],
)
def test_ports_must_do_for_all(tmp_path: Path, old: str, new: str, said: str) -> None:
    with pytest.raises(SettingsError, match=said.replace("(", r"\(").replace(")", r"\)")):
        settings(tmp_path, FILE.replace(old, new))
