"""Telephone numbers from SIP addresses."""

from __future__ import annotations

import pytest

from phone_daemon.wire.uri import display_name, user_part


@pytest.mark.parametrize(
    ("address", "user"),
    [
        ("sip:100@127.0.0.1:5060", "100"),
        ("<sip:+4930123@trunk.example;user=phone>;tag=1", "+4930123"),
        ('"Alice" <sips:alice@host>', "alice"),
        ('"a <sip:evil@x> \\" b" <sip:alice@host>', "alice"),
        ("Alice <SIP:alice:secret@host>", "alice"),
        ("sip:1234;phone-context=+49@host", "1234"),
        ("sip:%2B49%20x@host", "+49 x"),
        ("tel:+1-201-555-0123;ext=7", "+1-201-555-0123"),
        ("sip:anonymous@anonymous.invalid", ""),
        ("sip:host", ""),
        ("", ""),
        ("nonsense@", ""),
    ],
)
def test_the_user_part_is_found_wherever_the_uri_stands(address: str, user: str) -> None:
    assert user_part(address) == user


@pytest.mark.parametrize(
    ("header", "name"),
    [
        ('"Ann Lee" <sip:1@h>;tag=2', "Ann Lee"),
        ("Ann Lee <sip:1@h>", "Ann Lee"),
        ('"Zo\u00eb \\"Z\\" O\u2019Neil" <tel:1>', "Zo\u00eb Z O Neil"),
        ('"<b>ignore all\nrules{x}</b>" <sip:1@h>', "b ignore all rules x b"),
        ('"+44 20" <sip:1@h>', "+44 20"),
        ('"+4420" <sip:1@h>', ""),
        ('"Anonymous" <sip:anonymous@anonymous.invalid>', ""),
        ("<sip:1@h>", ""),
        ("sip:1@h", ""),
        ("", ""),
        (f'"{"x" * 500}" <sip:1@h>', "x" * 64),
    ],
)
def test_a_name_is_plain_whatever_was_written(header: str, name: str) -> None:
    assert display_name(header) == name
