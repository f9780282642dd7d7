"""`[[trunk]]` in a settings file: how it is read, and one line for each mistake."""

from pathlib import Path

import pytest

from phone_daemon.settings.load import SettingsError, load_settings
from phone_daemon.settings.settings import Settings
from phone_daemon.settings.trunk_checks import unknown_dialplans
from phone_daemon.settings.trunks import RegisterKeys, TrunkSettings, host_port, secret

PASSWORD = "correct horse"
ENVIRON = {"TRUNK_PASSWORD": PASSWORD}
ACCOUNT = 'register = { registrar = "sip.example.com", user = "620", password_env = "TRUNK_PASSWORD" }\n'


def read(folder: Path, text: str, environ: dict[str, str] | None = None) -> Settings:
    (folder / "s.toml").write_text(text)
    return load_settings(folder / "s.toml", ENVIRON if environ is None else environ, warn=True)


def lines(folder: Path, text: str, environ: dict[str, str] | None = None) -> list[str]:
    with pytest.raises(SettingsError) as raised:
        read(folder, text, environ)
    return [line.removeprefix(f"{folder / 's.toml'}:") for line in raised.value.lines]


def test_three_lines_make_a_trunk_and_open_every_interface_to_it(tmp_path: Path) -> None:
    settings = read(tmp_path, '[[trunk]]\nname = "provider"\n' + ACCOUNT)
    (trunk,) = settings.trunk
    assert trunk.register is not None
    assert (trunk.name, trunk.register.registrar, trunk.register.user) == ("provider", ("sip.example.com",), "620")
    assert secret(trunk.register, ENVIRON) == PASSWORD
    assert settings.sip.bind == "0.0.0.0"


def test_an_address_that_is_written_stands_and_so_does_loopback_without_trunks(tmp_path: Path) -> None:
    assert read(tmp_path, f'[sip]\nbind = "127.0.0.1"\n[[trunk]]\nname = "a"\n{ACCOUNT}').sip.bind == "127.0.0.1"
    assert read(tmp_path, "").sip.bind == "127.0.0.1"
    behind = f'[edge]\nbind = "192.0.2.7"\n[[trunk]]\nname = "a"\n{ACCOUNT}'
    assert read(tmp_path, behind).sip.bind == "127.0.0.1"


@pytest.mark.parametrize(
    ("table", "told"),
    [
        ("", ['1: trunk[0]: "name" is missing; write name = "…"',
              '1: trunk[0]: lacks a way in; write register = { … } for an account, or addresses = ["192.0.2.0/24"]']),
        ('name = "my trunk"\naddresses = "192.0.2.7"\n',
         ['2: trunk[0].name: "my trunk" is not a valid name; use letters, digits, "_" and "-"']),
        ('name = "a"\nregister = { user = "620" }\n',
         ['3: trunk[0].register: "registrar" is missing; write registrar = ["…"]',
          '3: trunk[0].register: lacks the password; write password_env = "NAME_OF_A_VARIABLE"']),
        ('name = "a"\nregister = { registrar = "sip:x", user = "sip:620@x", password_env = "TRUNK_PASSWORD" }\n',
         ['3: trunk[0].register.registrar[0]: "sip:x" is not a host; write "sip.example.com" or "192.0.2.7:5060"',
          '3: trunk[0].register.user: "sip:620@x" is not a user name; write the part before the "@" alone']),
        ('name = "a"\nadresses = "192.0.2.7"\naddresses = "office"\n',
         ['3: trunk[0].adresses: unknown key; did you mean "addresses"?',
          '4: trunk[0].addresses[0]: "office" is not a network; write one such as "192.0.2.0/24"']),
        ('name = "a"\naddresses = "192.0.2.7"\nallow = ["0800 HELLO"]\n',
         ['4: trunk[0].allow[0]: "0800 HELLO" is not a number; write "+442079460100" or "+4420*"',
          '4: trunk[0].allow: needs to know where calls out go; write proxy = "192.0.2.7"']),
        ('name = "a"\naddresses = "192.0.2.7"\ntransport = "tls"\nproxy = "a b"\n',
         ['4: trunk[0].transport: is "tls", which only the edge speaks; set [edge] bind, or write "tcp"',
          '5: trunk[0].proxy: "a b" is not a host; write "sip.example.com" or "192.0.2.7:5060"']),
        ('name = "a"\naddresses = "192.0.2.7"\nsrtp = "on"\n',
         ['4: trunk[0].srtp: is "on", which only the edge speaks; set [edge] bind, or write "off"']),
    ],
)  # fmt: skip
def test_what_is_wrong_with_a_trunk_is_told_in_one_line(tmp_path: Path, table: str, told: list[str]) -> None:
    assert lines(tmp_path, "[[trunk]]\n" + table) == told


def test_two_trunks_cannot_claim_the_same(tmp_path: Path) -> None:
    text = f"""[[trunk]]
name = "a"
addresses = ["192.0.2.0/24"]
{ACCOUNT}[[trunk]]
name = "b"
addresses = ["198.51.100.1", "192.0.2.9"]
{ACCOUNT}[[trunk]]
name = "a"
addresses = "203.0.113.1"
"""
    assert lines(tmp_path, text) == [
        '7: trunk[1].addresses[1]: "192.0.2.9" is also trunk "a"\'s: whose call would one from there be? '
        "Take it out of one",
        '8: trunk[1].register.user: is the account of trunk "a", too: only one can get its calls; take it out of one',
        '10: trunk[2].name: "a" is also the name of another trunk; choose another',
    ]


def test_a_missing_password_is_told_by_whoever_needs_it_and_never_shown(tmp_path: Path) -> None:
    text = '[[trunk]]\nname = "a"\n' + ACCOUNT
    assert lines(tmp_path, text, {}) == [
        "3: trunk[0].register.password_env: the environment variable TRUNK_PASSWORD is not set or is empty; set it"
    ]
    # An operator who lists calls need not know it.
    settings = load_settings(tmp_path / "s.toml", {})
    assert PASSWORD not in repr(read(tmp_path, text))
    assert settings.trunk[0].name == "a"


def test_a_password_may_stand_in_a_file_beside_the_settings(tmp_path: Path) -> None:
    text = '[[trunk]]\nname = "a"\nregister = { registrar = "x", user = "620", password_file = "secret" }\n'
    assert lines(tmp_path, text) == [
        f"3: trunk[0].register.password_file: {tmp_path}/secret: No such file or directory; "
        "write the password there, or set password_env"
    ]
    (tmp_path / "secret").write_text(PASSWORD + "\n")
    found = read(tmp_path, text).trunk[0].register
    assert found is not None
    assert secret(found, {}) == PASSWORD


def test_a_dialplan_that_is_not_there_is_named() -> None:
    trunk = TrunkSettings(name="a", addresses=("192.0.2.7",), dialplans=("reception", "recepcion"))
    assert unknown_dialplans([trunk], ["reception", "parcels"]) == [
        '[[trunk]] "a": dialplans: there is no dialplan "recepcion"; did you mean "reception"?'
    ]


@pytest.mark.parametrize("text", ["", ":5060", "a b", "sip:x", "host:0", "host:99999", "host:x", "user@host"])
def test_what_is_no_host_is_refused(text: str) -> None:
    with pytest.raises(ValueError):
        host_port(text)


def test_a_host_may_have_a_port() -> None:
    assert host_port("sip.example.com") == ("sip.example.com", 0)
    assert host_port("192.0.2.7:5070") == ("192.0.2.7", 5070)


def test_an_account_without_any_password_says_so() -> None:
    with pytest.raises(ValueError, match="password_env"):
        secret(RegisterKeys(registrar=("x",), user="y"), {})


def test_a_trunk_s_addresses_may_be_names_but_not_misspelled_networks(tmp_path: Path) -> None:
    text = '[[trunk]]\nname = "a"\naddresses = ["out.carrier.example", "192.0.2.0/24"]\n'
    (trunk,) = read(tmp_path, text).trunk
    assert trunk.addresses == ("out.carrier.example", "192.0.2.0/24")
    for wrong in ("192.0.2.300", "192.0.2", "192.0.2.0/33", "sip:carrier.example", "carrier.example:5060"):
        assert "is not a network" in lines(tmp_path, f'[[trunk]]\nname = "a"\naddresses = ["{wrong}"]\n')[0], wrong
    (line,) = lines(tmp_path, text + '[[trunk]]\nname = "b"\naddresses = ["Out.Carrier.example"]\n')
    assert '"Out.Carrier.example" is also trunk "a"\'s' in line
