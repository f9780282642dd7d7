"""The socket on which the web process listens."""

from __future__ import annotations

import pytest

from phone_daemon.web.listener import listen


def test_a_port_in_use_is_named_with_what_to_do() -> None:
    with listen("127.0.0.1", 0) as first:
        port = first.getsockname()[1]
        with pytest.raises(OSError, match=rf"127\.0\.0\.1 port {port}: Address already in use; stop what holds it"):
            listen("127.0.0.1", port)


def test_an_address_of_another_machine_is_named_with_what_to_do() -> None:
    with pytest.raises(OSError, match=r"192\.0\.2\.1 port 0: Cannot assign requested address; set another bind"):
        listen("192.0.2.1", 0)
