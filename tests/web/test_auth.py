"""Tokens: their owners, rights, and expiry; and the errors for a wrong file."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from phone_daemon.web.auth import Role, Tokens, TokensError

NOW = datetime(2026, 6, 1, tzinfo=UTC)
LONG = "0123456789abcdef"


def written(tmp_path: Path, text: str, mode: int = 0o600) -> Path:
    path = tmp_path / "tokens.toml"
    path.write_text(text)
    path.chmod(mode)
    return path


def test_a_file_gives_each_name_a_role_until_its_day(tmp_path: Path) -> None:
    path = written(
        tmp_path,
        f'[desk]\ntoken = "{LONG}1"\nrole = "operate"\n'
        f'[guest]\ntoken = "{LONG}2"\nrole = "watch"\nexpires = 2026-06-02\n'
        f'[old]\ntoken = "{LONG}3"\nrole = "admin"\nexpires = 2026-05-31T12:00:00Z\n',
    )
    tokens = Tokens.load(path, {})
    desk, guest = tokens.who(f"{LONG}1", NOW), tokens.who(f"{LONG}2", NOW)
    assert desk is not None and (desk.name, desk.role) == ("desk", Role.OPERATE)
    assert guest is not None and guest.role is Role.WATCH
    with pytest.raises(PermissionError, match="expired on 2026-05-31 12:00 UTC"):
        tokens.who(f"{LONG}3", NOW)
    assert tokens.who("anything else", NOW) is None
    assert tokens.who("", NOW) is None


def test_the_variable_gives_tokens_without_a_file() -> None:
    tokens = Tokens.load(None, {"PHONE_WEB_TOKENS": f"watch:{LONG}w admin:{LONG}a"}, made=f"{LONG}m")
    watch, admin = tokens.who(f"{LONG}w", NOW), tokens.who(f"{LONG}a", NOW)
    assert watch is not None and watch.role is Role.WATCH
    assert admin is not None and admin.role is Role.ADMIN
    assert tokens.who(f"{LONG}m", NOW) is None


def test_without_any_the_one_that_was_made_is_the_administrators() -> None:
    who = Tokens.load(None, {}, made=f"{LONG}m").who(f"{LONG}m", NOW)
    assert who is not None and who.role is Role.ADMIN


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ('[a]\ntoken = "short"\nrole = "watch"\n', r"\[a\]: a token has at least 16 plain characters; `openssl"),
        (f'[a]\ntoken = "{LONG}"\nrole = "king"\n', r'\[a\]: "king" is not a role; write watch, operate or admin'),
        (f'[a]\ntoken = "{LONG}"\n', r'\[a\]: "None" is not a role'),
        (f'[a]\ntoken = "{LONG}"\nrole = "watch"\nexpires = "soon"\n', r"expires is a date, such as"),
        (f'[a]\ntoken = "{LONG}"\nrole = "watch"\nuntil = 1\n', r'unknown key "until"; there are token, role'),
        (f'[a]\ntoken = "{LONG}"\nrole = "watch"\n[b]\ntoken = "{LONG}"\nrole = "admin"\n', r"has the token of \[a\]"),
        ("a = 1\n", r"\[a\] is not a table"),
        ("what?", r"tokens.toml: .*write a table for each name"),
    ],
)
def test_what_is_wrong_in_a_file_is_told_in_one_line(tmp_path: Path, text: str, told: str) -> None:
    with pytest.raises(TokensError, match=told) as raised:
        Tokens.load(written(tmp_path, text), {})
    assert "\n" not in str(raised.value)
    assert LONG not in str(raised.value)


def test_a_file_that_everybody_may_read_is_refused(tmp_path: Path) -> None:
    path = written(tmp_path, f'[a]\ntoken = "{LONG}"\nrole = "watch"\n', 0o644)
    with pytest.raises(TokensError, match="chmod 600"):
        Tokens.load(path, {})
    with pytest.raises(TokensError, match="No such file"):
        Tokens.load(tmp_path / "none.toml", {})
    with pytest.raises(TokensError, match="entry 2"):
        Tokens.load(None, {"PHONE_WEB_TOKENS": f"watch:{LONG} {LONG}"})
