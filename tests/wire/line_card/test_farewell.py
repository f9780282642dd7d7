"""The BYE with which another card can end a call: its destination and its contents."""

from __future__ import annotations

import socket
import time

import pytest

from phone_daemon.wire.line_card.farewell import Dialogs, Farewells
from phone_daemon.wire.line_card.message import parse
from phone_daemon.wire.protocol import Farewell

OURS, THEIRS = "<sip:100@192.0.2.1>;tag=us", '"Ada, the first" <sip:ada@192.0.2.9>;tag=them'


def message(start: str, *, ours: str = OURS, more: str = "", cseq: str = "1 INVITE", via: str = "UDP") -> str:
    by_them = not start.startswith("SIP/2.0")
    sides = (THEIRS, ours) if by_them else (ours, THEIRS)
    return (
        f"{start}\r\nVia: SIP/2.0/{via} 192.0.2.9:5070\r\nFrom: {sides[0]}\r\nTo: {sides[1]}\r\nCall-ID: c1\r\n"
        f"CSeq: {cseq}\r\n{more}Content-Length: 0\r\n\r\n"
    )


def told(*messages: str, sender: str = "192.0.2.9:5070") -> list[Farewell]:
    """What the daemon learns when these arrive; the first opens the call."""
    reports: list[Farewell] = []
    dialogs = Dialogs("192.0.2.1:5060", reports.append)
    for at, text in enumerate(messages):
        if at == 0 and text.startswith("INVITE"):
            dialogs.opened(parse(text), sender)
        else:
            dialogs.look(parse(text), sender)
    dialogs.closed("c1")
    return reports


def invite(contact: str = "<sip:ada@192.0.2.9:5070>", more: str = "", via: str = "UDP") -> str:
    return message(
        "INVITE sip:100@192.0.2.1 SIP/2.0", ours="<sip:100@192.0.2.1>", more=f"Contact: {contact}\r\n{more}", via=via
    )


ACK = message("ACK sip:100@192.0.2.1 SIP/2.0", cseq="1 ACK")


def test_a_call_that_came_in_is_ended_in_its_own_dialog() -> None:
    bye, over = told(invite(), ACK)
    sent = parse(bye.bye)
    assert (sent.method, sent.uri, sent.header("call-id")) == ("BYE", "sip:ada@192.0.2.9:5070", "c1")
    assert (sent.header("from"), sent.header("to")) == (OURS, THEIRS)
    assert sent.header("via").startswith("SIP/2.0/UDP 192.0.2.1:5060;")
    assert (bye.address, bye.tcp) == ("192.0.2.9:5070", False)
    assert (over.call_id, over.bye) == ("c1", "")


def test_nothing_is_kept_of_a_call_that_is_not_acknowledged() -> None:
    assert not told(invite())


def test_it_goes_by_the_proxies_that_the_call_came_by() -> None:
    routes = (
        'Record-Route: <sip:192.0.2.5:5080;lr>, "a, b" <sip:far.example;lr>\r\nRecord-Route: <sip:third.example;lr>\r\n'
    )
    bye, _ = told(invite(more=routes), ACK)
    assert parse(bye.bye).all("route") == [
        "<sip:192.0.2.5:5080;lr>",
        '"a, b" <sip:far.example;lr>',
        "<sip:third.example;lr>",
    ]
    assert bye.address == "192.0.2.5:5080"


def test_a_name_is_not_looked_up_where_messages_come_from_is_known() -> None:
    bye, _ = told(invite("<sip:ada@phone.example>"), ACK, sender="198.51.100.4:6000")
    assert (parse(bye.bye).uri, bye.address) == ("sip:ada@phone.example", "198.51.100.4:6000")


def test_a_contact_s_name_may_hold_brackets_and_commas() -> None:
    bye, _ = told(invite('"Ada <the, first>" <sip:ada@192.0.2.9:5070;x=1,2>;q=1, <sip:other@192.0.2.8>'), ACK)
    assert parse(bye.bye).uri == "sip:ada@192.0.2.9:5070;x=1,2"


def test_a_call_of_ours_is_ended_by_the_route_that_its_answer_recorded() -> None:
    answer = message(
        "SIP/2.0 200 OK",
        more="Contact: sip:ada@192.0.2.9:5070;x=y\r\nRecord-Route: <sip:1.example;lr>,<sip:192.0.2.6;lr>\r\n",
    )
    bye, _ = told(answer)
    assert (parse(bye.bye).header("from"), parse(bye.bye).header("to")) == (OURS, THEIRS)
    assert parse(bye.bye).uri == "sip:ada@192.0.2.9:5070"
    assert parse(bye.bye).all("route") == ["<sip:192.0.2.6;lr>", "<sip:1.example;lr>"]
    assert bye.address == "192.0.2.6:5060"


@pytest.mark.parametrize("method", ["INVITE", "UPDATE"])
def test_a_caller_who_moves_is_told_at_the_new_place(method: str) -> None:
    moved = message(f"{method} sip:x SIP/2.0", cseq=f"2 {method}", more="Contact: <sip:ada@192.0.2.77>\r\n")
    _, bye, _ = told(invite(), ACK, moved)
    assert (parse(bye.bye).uri, bye.address) == ("sip:ada@192.0.2.77", "192.0.2.77:5060")


@pytest.fixture
def udp() -> socket.socket:
    end = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    end.bind(("127.0.0.1", 0))
    end.settimeout(5)
    return end


def test_it_is_sent_again_until_it_is_answered(udp: socket.socket) -> None:
    with udp, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as ours:
        farewells, now = Farewells(ours), time.monotonic()
        farewells.say(Farewell("c1", f"127.0.0.1:{udp.getsockname()[1]}", False, "BYE"), now)
        farewells.watch(now + 0.4)
        farewells.watch(now + 0.6)
        assert [udp.recv(100), udp.recv(100)] == [b"BYE", b"BYE"]
        assert not farewells.answered(parse("SIP/2.0 200 OK\r\nCall-ID: c2\r\nCSeq: 9 BYE\r\n\r\n"))
        assert farewells.answered(parse("SIP/2.0 481 Gone\r\nCall-ID: c1\r\nCSeq: 9 BYE\r\n\r\n"))
        farewells.watch(now + 2)
        udp.setblocking(False)
        with pytest.raises(BlockingIOError):
            udp.recv(100)


def test_it_goes_by_tcp_where_the_call_did(udp: socket.socket) -> None:
    with udp, socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(5)
        address = f"127.0.0.1:{server.getsockname()[1]}"
        report, _ = told(invite(f"<sip:ada@{address};transport=tcp>", via="TCP"), ACK)
        assert report.tcp
        farewells, now = Farewells(udp), time.monotonic()
        farewells.say(report, now)
        connection, _ = server.accept()
        with connection:
            farewells.watch(now + 0.1)
            assert connection.recv(4_000) == report.bye.encode()
            farewells.watch(now + 0.2)
            connection.sendall(b"SIP/2.0 200 OK\r\n\r\n")
            time.sleep(0.05)
            farewells.watch(now + 0.3)
            assert connection.recv(10) == b""


def test_nobody_at_the_other_end_is_no_failure(udp: socket.socket) -> None:
    with udp, socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        server.close()
        farewells, now = Farewells(udp), time.monotonic()
        farewells.say(Farewell("c1", f"127.0.0.1:{port}", True, "BYE"), now)
        for later in (0.1, 0.2, 7.0):
            farewells.watch(now + later)
        assert not farewells.answered(parse("SIP/2.0 200 OK\r\nCall-ID: c1\r\nCSeq: 9 BYE\r\n\r\n"))
