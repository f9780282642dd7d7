"""Intercepts SIP messages that are too long for pjsip's buffer, which would truncate them."""

from __future__ import annotations

import secrets
import socket
from collections import OrderedDict
from typing import Any

from phone_daemon.wire.line_card import long_message
from phone_daemon.wire.line_card.message import parse
from phone_daemon.wire.line_card.refusal import refusal
from phone_daemon.wire.line_card.second_socket import longer_than, second_socket

MAX_WAITING = 16
_KNOCK = (
    "OPTIONS sip:{token}@127.0.0.1 SIP/2.0\r\nVia: SIP/2.0/UDP {host}:{port};branch=z9hG4bK{token}\r\n"
    "From: <sip:card@127.0.0.1>;tag=1\r\nTo: <sip:card@127.0.0.1>\r\nCall-ID: {token}\r\nCSeq: 1 OPTIONS\r\n"
    "Content-Length: 0\r\n\r\n"
)
_TOKEN = slice(len("OPTIONS sip:"), len("OPTIONS sip:") + 32)


class LongMessages:
    """Messages that come to UDP `host:port`, which belongs to pjsip, and are longer than `long_message.ROOM`.

    Each message is shortened, and a datagram of ours is sent to pjsip; when pjsip receives it, `claim` has the short
    message that takes its place. A message that cannot be shortened is answered with 513 (RFC 3261 section 21.5.7).
    """

    def __init__(self, host: str, port: int) -> None:
        self._socket = second_socket(port, longer_than(long_message.ROOM))
        self._pjsip = (host, port)
        self._waiting: OrderedDict[str, tuple[bytes, tuple[str, int]]] = OrderedDict()
        self._heads: OrderedDict[str, str] = OrderedDict()

    @property
    def sockets(self) -> list[socket.socket]:
        """The sockets to wait for."""
        return [] if self._socket is None else [self._socket]

    def receive(self) -> None:
        """Takes the messages that have come. Never waits."""
        while self._socket is not None:
            try:
                datagram, (host, port, *_) = self._socket.recvfrom(65_535)
            except OSError:
                return
            short, answer = self.fit(datagram)
            if answer:
                self._socket.sendto(answer, (host, port))
            if short:
                self.submit(short, (host, port))

    def submit(self, message: bytes, sender: tuple[str, int]) -> None:
        """Makes pjsip receive `message` as if it had just come from `sender`."""
        if self._socket is not None:
            token = secrets.token_hex(16)
            _keep(self._waiting, token, (message, sender))
            knock = _KNOCK.format(token=token, host=self._pjsip[0], port=self._pjsip[1])
            self._socket.sendto(knock.encode(), self._pjsip)

    def fit(self, message: bytes) -> tuple[bytes, bytes]:
        """The short message that pjsip gets in place of this one, and the answer to its sender; or neither."""
        text = message.decode("utf-8", "replace")
        short = long_message.shorten(text)
        if short is None:
            return b"", self.refuse(message)
        _keep(self._heads, parse(text).header("call-id"), long_message.head(text))
        return short.encode(), b""

    @staticmethod
    def refuse(message: bytes) -> bytes:
        """A 513 response to the request that begins this way; empty if it takes no response."""
        text = message.decode("utf-8", "replace")
        return (refusal(text, secrets.token_hex(6), "513 Message Too Large") or "").encode()

    def claim(self, text: str) -> tuple[bytes, tuple[str, int]] | None:
        """The short message that `text` stands for, and its sender; None if `text` stands for itself."""
        return self._waiting.pop(text[_TOKEN], None) if self._waiting else None

    def head(self, call_id: str) -> str:
        """The original start line and headers of the call's INVITE, if it was a long one; can be taken once."""
        return self._heads.pop(call_id, "")


def _keep(kept: OrderedDict[str, Any], key: str, value: object) -> None:
    kept[key] = value
    if len(kept) > MAX_WAITING:
        kept.popitem(last=False)
