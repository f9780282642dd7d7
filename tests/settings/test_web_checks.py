"""Mistakes in `[web]` and `[[webhook]]` are reported with line and remedy, before anything starts."""

from __future__ import annotations

import base64
from pathlib import Path

import pytest

from phone_daemon.settings.load import SettingsError, load_settings

SECRET = "whsec_" + base64.b64encode(bytes(32)).decode()


def problems(tmp_path: Path, text: str, environ: dict[str, str] | None = None) -> list[str]:
    path = tmp_path / "s.toml"
    path.write_text(f'[calls]\ndirectory = "calls"\n{text}')
    try:
        load_settings(path, environ or {}, serving=True)
    except SettingsError as error:
        return [line.removeprefix(f"{path}:") for line in error.lines]
    return []


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ('[web]\nbind = "localhost"', '"localhost" is not an IP address'),
        ('[web]\ntokens = "none.toml"', "no such file"),
        ('[web]\norigins = ["desk.example.com"]', '"desk.example.com" is not an origin'),
        ('[web]\norigins = ["https://desk.example.com/page"]', "is not an origin"),
        ('[web]\nhosts = ["http://a"]', "is not a host name"),
        ('[web]\nice_servers = ["turn"]', '"turn" is not a STUN or TURN server'),
        ('[web]\non = true\n[[webhook]]\nurl = "crm.example.com"', "is not an HTTP address"),
        (
            '[web]\non = true\n[[webhook]]\nurl = "http://a"\nevents = ["end"]',
            'unknown event "end"; did you',
        ),
        ('[web]\non = true\n[[webhook]]\nurl = "http://a"\nsecret_env = "S"', "the environment variable S is not set"),
        ('[[webhook]]\nurl = "http://a"', "needs the web process"),
        ("[web]\non = true\n[[webhook]]\n", "url"),
    ],
)
def test_a_mistake_is_told(tmp_path: Path, text: str, told: str) -> None:
    (line,) = problems(tmp_path, text)
    assert told in line
    assert line.partition(":")[0].isdigit()


def test_a_secret_that_is_none_is_not_shown(tmp_path: Path) -> None:
    (line,) = problems(
        tmp_path, '[web]\non = true\n[[webhook]]\nurl = "http://a"\nsecret_env = "S"', {"S": "my password"}
    )
    assert "holds no such secret; a secret of Standard Webhooks is" in line and "password" not in line


def test_what_is_right_is_taken(tmp_path: Path) -> None:
    text = (
        '[web]\non = true\norigins = ["https://desk.example.com"]\nhosts = ["phone.example.com"]\n'
        'ice_servers = ["stun:stun.example.com", "turn:me:secret@turn.example.com:3478"]\n'
        '[[webhook]]\nurl = "https://crm.example.com/calls?key=1"\nsecret_env = "S"\nevents = ["ended"]\n'
    )
    assert problems(tmp_path, text, {"S": SECRET}) == []
