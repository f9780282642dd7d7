"""TLS connections that fail, as Kamailio 5.6 says it."""

from __future__ import annotations

from ops.edge.handshakes import AGAIN_S, Handshakes


def failure(
    process: int, host: str, why: str = "accept:error:0A000418:SSL routines::tlsv1 alert unknown ca"
) -> list[str]:
    where = f"17({process}) ERROR: tls [tls_"
    return [
        f"{where}server.c:1330]: tls_h_read_f(): protocol level error",
        f"{where}util.h:50]: tls_err_ret(): TLS {why} (sni: unknown)",
        f"{where}server.c:1334]: tls_h_read_f(): src addr: {host}:42172",
        f"{where}server.c:1337]: tls_h_read_f(): dst addr: 192.0.2.7:5061",
    ]


def said(handshakes: Handshakes, lines: list[str], now: float = 0.0) -> list[str]:
    return [str(event) for line in lines if (event := handshakes.take(line, now))]


def test_it_is_said_who_failed_and_why() -> None:
    (event,) = said(Handshakes(), failure(1, "198.51.100.9"))
    assert "edge.tls_failed" in event
    assert "198.51.100.9" in event
    assert "tlsv1 alert unknown ca" in event
    assert "42172" not in event


def test_several_processes_may_speak_at_once() -> None:
    ours = "connect:error:0A000086:SSL routines::certificate verify failed"
    one, other = failure(1, "198.51.100.9"), failure(2, "203.0.113.5", ours)
    mixed = [line for pair in zip(one, other, strict=True) for line in pair]
    (event,) = said(Handshakes(), mixed)
    assert "unknown ca" in event
    assert "198.51.100.9" in event
    (event,) = said(Handshakes(), [*one[:2], *other[:3]])
    assert "verify failed" in event


def test_a_flood_of_them_is_one_line_a_minute_that_counts_the_others() -> None:
    handshakes = Handshakes()
    for _ in range(50):
        lines = said(handshakes, failure(1, "198.51.100.9"))
    assert lines == []
    (event,) = said(handshakes, failure(1, "198.51.100.9"), AGAIN_S + 1)
    assert "49" in event


def test_nothing_else_that_kamailio_says_is_passed_on() -> None:
    lines = [
        "4(5040) ERROR: <core> [core/parser/msg_parser.c:449]: parse_headers(): duplicate [From: <sip:+442079460123@x>",
        "4(5040) ERROR: tls [tls_server.c:1334]: tls_h_read_f(): src addr: 198.51.100.9:42172",
    ]
    assert said(Handshakes(), lines) == []
