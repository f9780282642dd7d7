"""Decides which requests are answered before pjsua sees them, and how. Pure.

pjsua aborts on some requests, and answers others with 500 or not at all, which PBXes take for a dead call: INFO,
OPTIONS, NOTIFY, and SUBSCRIBE within a call, a re-INVITE without a codec of ours, and methods that it does not know.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from phone_daemon.wire.line_card import info, sdp
from phone_daemon.wire.line_card.message import SipMessage
from phone_daemon.wire.line_card.refusal import NEEDED

ALLOW = "INVITE, ACK, BYE, CANCEL, UPDATE, PRACK, INFO, OPTIONS, NOTIFY, REFER, SUBSCRIBE, MESSAGE"
METHODS = frozenset(ALLOW.split(", "))
SUPPORTED = frozenset({"100rel", "timer", "replaces", "norefersub"})
"""Extensions that a request may require (RFC 3261 section 8.2.2.3)."""
WITHIN = frozenset({"BYE", "UPDATE", "PRACK", "INFO", "REFER"})
"""Methods that need a call; pjsua does not answer them without one."""
SDP = "application/sdp"
SIPFRAG = "message/sipfrag"
SUCCESS = ("200", "204")
"""The success of the new INVITE in a NOTIFY; 202 is the answer to the REFER itself, and does not tell its outcome."""
_STATUS = re.compile(r"\s*SIP/2\.0[ \t]+(\d{3})\b", re.IGNORECASE | re.ASCII)
RETRY_AFTER_S = 5
"""How long callers are told to wait when all lines are busy: with so few lines, one is soon free."""
REMEMBERED = 64
"""Number of refused offers whose refusal may still be acknowledged."""


MOST_REPEATED = 3_000
"""The most bytes of an INVITE that its answer repeats. With our own headers and session description, more would not fit
into pjsip's buffer of 4,000, and no answer would be sent."""


@dataclass(slots=True)
class Dialog:
    """The state of a live call that screening needs."""

    remote_tag: str = ""
    """The other side's tag; empty while it is not known."""
    referring: bool = False
    """Whether a REFER of ours is pending, so that NOTIFY requests are expected (RFC 3515)."""
    untold: bool = False
    """Whether the subscription to a REFER of ours has ended without reporting its outcome."""
    succeeded: bool = False
    """Whether the last NOTIFY says that a REFER of ours has succeeded; some say so without ending the subscription."""
    offer: str = ""
    """The latest session description that has not been answered yet."""
    last_invite: int = 0
    """CSeq of the last INVITE within the call."""
    unacknowledged: int = 0
    """`last_invite`, until its ACK comes; otherwise 0."""
    last_info: int = 0
    """CSeq of the last INFO, so that a retransmission does not press a key twice."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """The verdict on a message: it is left to pjsua unless it is answered with `code` or dropped."""

    code: int = 0
    headers: Mapping[str, str] = field(default_factory=dict)
    drop: bool = False
    digit: str = ""
    """The key that the caller pressed."""


PASS = Verdict()
DROP = Verdict(drop=True)


class Screening:
    """Judges each message that comes in; `codecs` are the encoding names that we support."""

    def __init__(self, codecs: Collection[str]) -> None:
        self._codecs = codecs
        self._refused: deque[tuple[str, int]] = deque(maxlen=REMEMBERED)

    def judge(self, message: SipMessage, dialog: Dialog | None, *, full: bool) -> Verdict:
        """`dialog`: the call with the message's Call-ID, if there is one; `full`: whether no more calls can be
        taken."""
        if message.code:
            return PASS
        if message.method == "ACK" and dialog is not None and message.cseq >= dialog.unacknowledged:
            dialog.unacknowledged = 0
        if (verdict := self._alone(message)) is not PASS or message.method == "ACK":
            return verdict
        if not message.to_tag:
            return self._outside(message, dialog, full=full)
        if dialog is not None and message.from_tag == dialog.remote_tag:
            return self._within(message, dialog)
        # Outside of a dialog pjsua answers some of these as if there were one.
        return Verdict(481) if message.method in ("INFO", "OPTIONS", "NOTIFY") else PASS

    def _alone(self, message: SipMessage) -> Verdict:
        """Judges a request by itself."""
        if message.method not in METHODS:
            return Verdict(405, {"Allow": ALLOW})
        acknowledges = message.method == "ACK"
        unknown = [each for each in message.entries("require") if each.lower() not in SUPPORTED]
        if unknown and message.method not in ("ACK", "CANCEL"):
            self._refused.append((message.header("call-id"), message.cseq))
            return Verdict(420, {"Unsupported": ", ".join(unknown)})
        if message.method == "INVITE" and _repeated(message) > MOST_REPEATED:
            self._refused.append((message.header("call-id"), message.cseq))
            return Verdict(513)
        if message.cseq_method != message.method:
            return DROP if acknowledges else Verdict(400)  # RFC 3261 section 8.1.1.5
        return DROP if acknowledges and (message.header("call-id"), message.cseq) in self._refused else PASS

    def _outside(self, message: SipMessage, dialog: Dialog | None, *, full: bool) -> Verdict:
        if message.method in WITHIN:
            return Verdict(481)
        new = message.method == "INVITE" and dialog is None
        if new and full:
            return Verdict(503, {"Retry-After": str(RETRY_AFTER_S)})
        return self._offer(message) if new else PASS

    def _within(self, message: SipMessage, dialog: Dialog) -> Verdict:
        if message.method in ("INVITE", "UPDATE"):
            dialog.offer = message.body
        match message.method:
            case "INFO":
                return self._info(message, dialog)
            case "OPTIONS":
                return Verdict(200, {"Allow": ALLOW, "Accept": SDP})
            case "NOTIFY":
                over = message.header("subscription-state").lower().startswith("terminated")
                status = _STATUS.match(message.body) if message.content_type == SIPFRAG else None
                dialog.untold = dialog.referring and over and status is None
                dialog.succeeded = dialog.referring and status is not None and status[1] in SUCCESS
                return PASS if dialog.referring else Verdict(481)
            case "SUBSCRIBE":
                return Verdict(489, {"Allow-Events": "refer"})  # RFC 6665 section 4.1.3
            case "INVITE" | "UPDATE":
                verdict = self._offer(message)
                if message.method == "INVITE" and verdict is PASS and message.cseq > dialog.last_invite:
                    dialog.last_invite = dialog.unacknowledged = message.cseq
                return verdict
        return PASS

    def _offer(self, message: SipMessage) -> Verdict:
        kind = message.content_type
        # pjsua answers a re-INVITE of this kind itself, and an UPDATE with 488.
        if message.method == "UPDATE" and kind not in ("", SDP, "multipart/mixed", "multipart/alternative"):
            return Verdict(415, {"Accept": SDP})
        if kind == SDP and not sdp.speaks(sdp.audio(message.body), self._codecs):
            self._refused.append((message.header("call-id"), message.cseq))
            return Verdict(488)
        return PASS

    @staticmethod
    def _info(message: SipMessage, dialog: Dialog) -> Verdict:
        again, dialog.last_info = message.cseq <= dialog.last_info, max(message.cseq, dialog.last_info)
        if message.header("info-package"):
            return Verdict(469, {"Recv-Info": ""})  # RFC 6086 section 4.2.2: we asked for none
        if not message.content_type:
            return Verdict(200)
        key = next((part for part in message.parts() if part.content_type in info.TYPES), None)
        if key is None:
            return Verdict(415, {"Accept": ", ".join(info.TYPES)})
        return Verdict(200, digit="" if again else info.dtmf_digit(key.body))


def _repeated(message: SipMessage) -> int:
    """The size of the headers that a response repeats, including Record-Route (RFC 3261 section 12.1.1)."""
    names = (*NEEDED, "record-route")
    return sum(len(name) + len(value) + 4 for name, value in message.headers if name in names)
