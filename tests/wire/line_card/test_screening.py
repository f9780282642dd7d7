"""Requests that are answered before pjsua sees them."""

from __future__ import annotations

import pytest

from ops.witness.probe import no_common_codec, offer
from phone_daemon.wire.line_card.message import SipMessage, parse
from phone_daemon.wire.line_card.screening import DROP, METHODS, PASS, Dialog, Screening


def request(
    method: str, body: str = "", kind: str = "", *, to_tag: str = "us", tag: str = "them", extra: str = ""
) -> SipMessage:
    to = f";tag={to_tag}" if to_tag else ""
    typed = f"Content-Type: {kind}\r\n" if kind else ""
    return parse(
        f"{method} sip:1@h SIP/2.0\r\nFrom: <sip:a@b>;tag={tag}\r\nTo: <sip:1@h>{to}\r\nCall-ID: c\r\n"
        f"CSeq: 5 {method}\r\n{extra}{typed}\r\n{body}"
    )


@pytest.fixture
def screening() -> Screening:
    return Screening(("PCMU",))


@pytest.fixture
def dialog() -> Dialog:
    return Dialog("them")


@pytest.mark.parametrize(
    ("kind", "body", "code", "digit"),
    [
        *(("", "", 200, ""), ("application/dtmf-relay", "Signal=5", 200, "5"), ("application/dtmf", "#", 200, "#")),
        *(("application/dtmf-relay", "Signal=", 200, ""), ("application/media_control+xml", "<x/>", 415, "")),
    ],
)
def test_info_is_answered_here(
    screening: Screening, dialog: Dialog, kind: str, body: str, code: int, digit: str
) -> None:
    verdict = screening.judge(request("INFO", body, kind), dialog, full=False)
    assert (verdict.code, verdict.digit) == (code, digit)


def test_a_key_may_be_one_part_of_an_info(screening: Screening, dialog: Dialog) -> None:
    body = "--b\r\nContent-Type: application/x\r\n\r\n<x/>\r\n--b\r\n{}\r\n\r\nSignal=7\r\nDuration=160\r\n--b--\r\n"
    kind = 'multipart/mixed; boundary="b"'
    key = request("INFO", body.format("c: application/dtmf-relay\r\nContent-Disposition: render"), kind)
    assert (screening.judge(key, dialog, full=False).code, screening.judge(key, Dialog("them"), full=False).digit) == (
        200,
        "7",
    )
    assert (
        screening.judge(request("INFO", body.format("Content-Type: text/plain"), kind), dialog, full=False).code == 415
    )


def test_a_retransmitted_info_is_answered_again_and_presses_nothing(screening: Screening, dialog: Dialog) -> None:
    info = request("INFO", "Signal=5", "application/dtmf-relay")
    verdicts = [screening.judge(info, dialog, full=False) for _ in range(2)]
    assert [(verdict.code, verdict.digit) for verdict in verdicts] == [(200, "5"), (200, "")]


def test_an_info_package_that_nobody_asked_for_is_469(screening: Screening, dialog: Dialog) -> None:
    assert screening.judge(request("INFO", extra="Info-Package: x\r\n"), dialog, full=False).code == 469


def test_options_in_a_call_is_a_sign_of_life_and_a_stranger_has_no_call(screening: Screening, dialog: Dialog) -> None:
    assert screening.judge(request("OPTIONS"), dialog, full=False).code == 200
    assert screening.judge(request("OPTIONS", tag="stranger"), dialog, full=False).code == 481
    assert screening.judge(request("INFO"), None, full=False).code == 481
    assert screening.judge(request("OPTIONS", to_tag=""), None, full=False) == PASS


def test_notify_is_for_a_transfer_alone(screening: Screening, dialog: Dialog) -> None:
    assert screening.judge(request("NOTIFY"), dialog, full=False).code == 481
    dialog.referring = True
    assert screening.judge(request("NOTIFY"), dialog, full=False) == PASS


def test_nobody_subscribes_to_a_call(screening: Screening, dialog: Dialog) -> None:
    assert screening.judge(request("SUBSCRIBE"), dialog, full=False).code == 489


@pytest.mark.parametrize("method", ["REGISTER", "PUBLISH", "INFORM", "invite"])
@pytest.mark.parametrize("to_tag", ["us", ""])
def test_a_method_that_is_not_ours_is_405_with_those_that_are(
    screening: Screening, dialog: Dialog, method: str, to_tag: str
) -> None:
    verdict = screening.judge(request(method, to_tag=to_tag), dialog if to_tag else None, full=False)
    assert verdict.code == 405
    assert "INVITE" in verdict.headers["Allow"]


@pytest.mark.parametrize("method", ["INVITE", "UPDATE"])
def test_a_new_offer_without_a_codec_of_ours_is_488_and_its_ack_is_nobodys(
    screening: Screening, dialog: Dialog, method: str
) -> None:
    sdp = "application/sdp"
    assert screening.judge(request(method, offer(4000), sdp), dialog, full=False) == PASS
    assert screening.judge(request("ACK"), dialog, full=False) == PASS
    assert screening.judge(request(method, no_common_codec(4000), sdp), dialog, full=False).code == 488
    assert screening.judge(request("ACK"), dialog, full=False) == DROP


@pytest.mark.parametrize("method", ["INVITE", "UPDATE", "INFO", "OPTIONS"])
def test_an_extension_that_is_required_and_unknown_is_420(screening: Screening, dialog: Dialog, method: str) -> None:
    verdict = screening.judge(request(method, extra="Require: timer, x-noise\r\n"), dialog, full=False)
    assert (verdict.code, verdict.headers) == (420, {"Unsupported": "x-noise"})
    assert screening.judge(request("ACK", extra="Require: x-noise\r\n"), dialog, full=False) == DROP
    known = screening.judge(request(method, extra="Require: timer\r\n"), dialog, full=False)
    assert known.code in (0, 200)


@pytest.mark.parametrize("host", ["IP4 nobody.example", "IP6 2001:db8::1"])
@pytest.mark.parametrize("to_tag", ["us", ""])
def test_an_offer_of_an_address_that_is_not_ipv4_is_488(
    screening: Screening, dialog: Dialog, host: str, to_tag: str
) -> None:
    sdp = offer(4000).replace("c=IN IP4 127.0.0.1", f"c=IN {host}")
    asked = request("INVITE", sdp, "application/sdp", to_tag=to_tag)
    assert screening.judge(asked, dialog if to_tag else None, full=False).code == 488


@pytest.mark.parametrize("method", ["BYE", "UPDATE", "PRACK", "INFO", "REFER"])
def test_what_needs_a_call_is_481_without_one(screening: Screening, method: str) -> None:
    assert screening.judge(request(method, to_tag=""), None, full=False).code == 481


def test_without_room_a_new_call_is_503_and_one_that_is_known_goes_on(screening: Screening, dialog: Dialog) -> None:
    verdict = screening.judge(request("INVITE", to_tag=""), None, full=True)
    assert verdict.code == 503
    assert int(verdict.headers["Retry-After"]) > 0
    assert screening.judge(request("INVITE", to_tag=""), dialog, full=True) == PASS


def test_responses_are_left_to_pjsua(screening: Screening) -> None:
    assert screening.judge(parse("SIP/2.0 200 OK\r\n\r\n"), None, full=True) == PASS


@pytest.mark.parametrize("method", sorted(METHODS))
def test_a_cseq_of_another_method_is_a_bad_request(screening: Screening, dialog: Dialog, method: str) -> None:
    wrong = parse(f"{method} sip:1@h SIP/2.0\r\nCall-ID: c\r\nCSeq: 5 REGISTER\r\n\r\n")
    verdict = screening.judge(wrong, dialog, full=False)
    assert verdict == DROP if method == "ACK" else verdict.code == 400


def test_an_update_with_a_body_of_another_kind_is_415(screening: Screening, dialog: Dialog) -> None:
    verdict = screening.judge(request("UPDATE", "hello", "text/plain"), dialog, full=False)
    assert (verdict.code, verdict.headers) == (415, {"Accept": "application/sdp"})
    assert screening.judge(request("UPDATE"), dialog, full=False) is PASS
    assert screening.judge(request("UPDATE", offer(9), "application/sdp"), dialog, full=False) is PASS


def test_a_new_offer_waits_for_its_ack_and_for_no_other(screening: Screening, dialog: Dialog) -> None:
    again = request("INVITE", offer(9), "application/sdp")
    assert screening.judge(again, dialog, full=False) is PASS
    assert dialog.unacknowledged == 5
    first = parse("ACK sip:1@h SIP/2.0\r\nCSeq: 4 ACK\r\n\r\n")
    screening.judge(first, dialog, full=False)
    assert dialog.unacknowledged == 5
    screening.judge(request("ACK"), dialog, full=False)
    assert dialog.unacknowledged == 0
    screening.judge(again, dialog, full=False)  # retransmitted, it comes late
    assert dialog.unacknowledged == 0


def test_an_invite_whose_answer_would_be_too_long_is_513(screening: Screening) -> None:
    for name in ("Via", "Record-Route"):
        hops = [f"{name}: SIP/2.0/UDP 192.0.2.{hop};branch=z9hG4bK{'x' * 60}\r\n" for hop in range(40)]
        invite = request("INVITE", offer(9), "application/sdp", to_tag="", extra="".join(hops))
        assert screening.judge(invite, None, full=False).code == 513
        assert screening.judge(request("ACK", to_tag="", extra="".join(hops)), None, full=False) is DROP
    invite = request("INVITE", offer(9), "application/sdp", to_tag="", extra="".join(hops[:25]))
    assert screening.judge(invite, None, full=False) is PASS
