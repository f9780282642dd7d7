"""STUN and TURN servers as given by the settings."""

from __future__ import annotations

import pytest

from phone_daemon.web.webrtc.ice_servers import links, parse


def test_a_turn_server_has_a_user() -> None:
    stun, turn = parse(["stun:stun.example.com:3478", "turn:ann:s%40crt@turn.example.com:3478?transport=tcp"])
    assert (stun.urls, stun.username) == ("stun:stun.example.com:3478", None)
    assert (turn.urls, turn.username, turn.credential) == ("turn:turn.example.com:3478?transport=tcp", "ann", "s@crt")


def test_the_browser_is_told_in_link_headers() -> None:
    """As in RFC 9725, figure 5."""
    assert links(parse(["stun:s.example:3478", "turn:u:p@t.example:3478"])) == [
        '<stun:s.example:3478>; rel="ice-server"',
        '<turn:t.example:3478>; rel="ice-server"; username="u"; credential="p"; credential-type="password"',
    ]


@pytest.mark.parametrize(
    "uri", ["", "http://x", "turn:t.example:3478", "stun:u:p@s.example", "turn:u:geheim@t?transport=sctp"]
)
def test_an_invalid_server_is_reported_without_its_password(uri: str) -> None:
    with pytest.raises(ValueError, match=r"web\.ice_servers") as refused:
        parse([uri])
    assert "geheim" not in str(refused.value)
