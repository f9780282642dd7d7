"""A response that refuses a SIP request which pjsip cannot answer itself. Pure."""

from __future__ import annotations

from phone_daemon.wire.line_card.message import parse

NEEDED = ("via", "from", "to", "call-id", "cseq")
"""What every response repeats (RFC 3261 section 8.2.6.2)."""


def refusal(text: str, tag: str, status: str) -> str | None:
    """A response to the request in `text`, such as "513 Message Too Large"; `tag` is our To tag. None if the request
    takes no response, or says too little for one.
    """
    message = parse(text)
    if message.code or message.method in ("", "ACK") or not all(map(message.header, NEEDED)):
        return None
    to = message.header("to")
    lines = [
        f"SIP/2.0 {status}",
        *(f"Via: {via}" for via in message.all("via")),
        f"From: {message.header('from')}",
        f"To: {to if message.to_tag else f'{to};tag={tag}'}",
        f"Call-ID: {message.header('call-id')}",
        f"CSeq: {message.header('cseq')}",
        "Content-Length: 0",
    ]
    return "\r\n".join((*lines, "", ""))
