"""Where a line card can send, and how long it waits for a name."""

from __future__ import annotations

import socket
import threading
import time

import pytest

from phone_daemon.wire.line_card.reach import PROMPT_S, Names, Reach, is_address


@pytest.mark.parametrize(
    ("host", "transport", "sender", "can"),
    [
        *(("127.0.0.1", "udp", "127.0.0.1", True), ("127.0.0.1", "TCP", "127.0.0.1", True)),
        *(("127.0.0.1", "tls", "127.0.0.1", False), ("127.0.0.1", "ws", "127.0.0.1", False)),
        *(("localhost", "udp", "127.0.0.1", True), ("nobody.invalid", "udp", "127.0.0.1", False)),
        *(("0.0.0.0", "udp", "127.0.0.1", False), ("[::1]", "udp", "127.0.0.1", False)),
        ("203.0.113.9", "udp", "127.0.0.1", False),  # There is no way there from a loopback address.
        ("127.0.0.1", "udp", "8.8.8.8", False),  # It is the sender's own, behind its NAT.
    ],
)
def test_a_card_on_loopback_sends_to_loopback_by_the_transports_that_it_has(
    host: str, transport: str, sender: str, *, can: bool
) -> None:
    assert Reach("127.0.0.1", "udp,tcp", Names())(host, 5060, transport, sender) is can


def test_a_name_server_that_does_not_answer_costs_a_moment_once(monkeypatch: pytest.MonkeyPatch) -> None:
    answers, lookups = threading.Event(), list[str]()

    def never(name: str, *_: object) -> list[object]:
        lookups.append(name)
        answers.wait(10.0)
        return [(0, 0, 0, "", ("192.0.2.7", 0))]

    monkeypatch.setattr(socket, "getaddrinfo", never)
    names = Names()
    began = time.monotonic()
    assert names.address("slow.example") == ""
    assert time.monotonic() - began >= PROMPT_S
    assert [names.address(f"{number}.example") for number in range(100)] == [""] * 100
    assert lookups == ["slow.example"]
    answers.set()
    while not names.address("slow.example"):
        time.sleep(0.01)
    assert names.address("SLOW.example") == "192.0.2.7"
    assert lookups == ["slow.example"]


def test_what_is_an_address_is_not_looked_up() -> None:
    assert is_address("192.0.2.1") and not is_address("::1") and not is_address("192.0.2.256")
    assert Names().address("192.0.2.1") == "192.0.2.1"
