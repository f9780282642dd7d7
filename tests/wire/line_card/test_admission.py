"""Who may call: trunks identified by their addresses, their registrar's address and port, or a secret that only it
knows.
"""

from __future__ import annotations

import pytest

from phone_daemon.wire.line_card.admission import Admission, Rule, encode
from phone_daemon.wire.line_card.message import SipMessage, parse

RULES = (
    Rule("carrier", networks=("192.0.2.0/24", "2001:db8::/32")),
    Rule("provider", peers=("198.51.100.5:5060",), line="abc123"),
    Rule("office", peers=("198.51.100.5:5060",), line="def456"),
)


def invite(uri: str = "sip:100@203.0.113.1", *headers: str) -> SipMessage:
    return parse("\r\n".join([f"INVITE {uri} SIP/2.0", *headers, "", ""]))


@pytest.mark.parametrize(
    ("uri", "address", "trunk"),
    [
        ("sip:100@x", "192.0.2.77:40000", "carrier"),
        ("sip:100@x", "[2001:db8::7]:5060", "carrier"),
        ("sip:100@x", "198.51.100.5:5060", "provider"),
        ("sip:620@x;line=def456", "198.51.100.5:5060", "office"),
        ("sip:620@x:5060;line=abc123;ob", "203.0.113.9:1234", "provider"),
        ("sip:100@x", "198.51.100.5:5061", None),
        ("sip:620@x;line=guess", "203.0.113.9:5060", None),
        ("sip:620@x;line=", "203.0.113.9:5060", None),
        ("sip:100@x", "203.0.113.9:5060", None),
        ("sip:100@x", "no address", None),
    ],
)
def test_a_request_is_a_trunks_or_a_strangers(uri: str, address: str, trunk: str | None) -> None:
    for admission in (Admission(RULES), Admission.decode(encode(RULES))):
        assert admission.trunk(invite(uri), address) == trunk


def test_without_rules_everybody_may_call_and_with_none_nobody() -> None:
    assert Admission().trunk(invite(), "203.0.113.9:5060") == ""
    assert Admission(()).trunk(invite(), "127.0.0.1:5060") is None


def test_the_edge_names_the_trunk_and_nobody_else_can() -> None:
    admission = Admission([Rule("", networks=("127.0.0.1",)), Rule("carrier", networks=("192.0.2.1",))])
    assert admission.trunk(invite("sip:1@x", "X-Trunk: office"), "127.0.0.1:5059") == "office"
    assert admission.trunk(invite("sip:1@x", "X-Trunk: office"), "192.0.2.1:5059") == "carrier"


def test_connections_may_come_from_where_requests_may() -> None:
    assert Admission(RULES).networks == ("192.0.2.0/24", "2001:db8::/32", "198.51.100.5")
    assert Admission(()).networks == ()
