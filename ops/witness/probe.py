"""A bare SIP caller (RFC 3261) that checks on the wire what the product reports about itself.

It shares nothing with the product's line card. It speaks UDP to loopback addresses only, offers PCMU and
telephone-event, and can misbehave if a test needs that.

    async with Probe("sip:100@127.0.0.1:5060") as probe:
        await probe.answered()
        probe.rtp.play(pcm)
        ...                                  # leaving hangs up
"""

from __future__ import annotations

import asyncio
import ipaddress
import random
import re
import secrets
from collections.abc import Callable
from typing import Self

from ops.witness.rtp import PCMU, TELEPHONE_EVENT, RtpEnd
from ops.witness.sip_message import Message, parse

T1_S = 0.5
"""RFC 3261 section 17.1.1.1: the first retransmission interval."""
_URI = re.compile(r"sips?:(?:([^@;>]+)@)?([^:;>]+)(?::(\d+))?")
_BRACKETED = re.compile(r"<[^<>]*>")


class Refused(Exception):
    """The call was refused with a final response."""

    def __init__(self, message: Message) -> None:
        super().__init__(f"{message.code} {message.reason}")
        self.code = message.code
        self.headers = message.headers


def loopback(host: str) -> str:
    """`host` if it is a loopback address; a measurement must never ring a stranger. Raises `ValueError` otherwise."""
    try:
        if host == "localhost" or ipaddress.ip_address(host).is_loopback:
            return "127.0.0.1" if host == "localhost" else host
    except ValueError:
        pass
    raise ValueError(f"{host}: the probe calls loopback addresses only, such as 127.0.0.1")


def address(uri: str) -> tuple[str, int]:
    """Host and port of a SIP URI. Raises `ValueError` if it is not one, or leads off this machine."""
    match = _URI.fullmatch(uri)
    if not match:
        raise ValueError(f"{uri}: not a SIP URI such as sip:100@127.0.0.1:5060")
    return loopback(match[2]), int(match[3] or 5060)


def offer(port: int) -> str:
    """The probe's SDP offer (RFC 3264): PCMU and telephone-event at 20 ms."""
    return (
        "v=0\r\no=probe 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n"
        f"m=audio {port} RTP/AVP {PCMU} {TELEPHONE_EVENT}\r\na=rtpmap:{PCMU} PCMU/8000\r\n"
        f"a=rtpmap:{TELEPHONE_EVENT} telephone-event/8000\r\na=fmtp:{TELEPHONE_EVENT} 0-16\r\na=ptime:20\r\n"
        "a=sendrecv\r\n"
    )


def no_common_codec(port: int) -> str:
    """An offer that nobody can accept, with an invented codec only."""
    return (
        "v=0\r\no=probe 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n"
        f"m=audio {port} RTP/AVP 97\r\na=rtpmap:97 X-NOBODY/8000\r\n"
    )


async def until(condition: Callable[[], object], timeout: float = 10.0) -> None:
    """Waits for something that a thread or another process does. Raises `TimeoutError`."""
    async with asyncio.timeout(timeout):
        while not condition():  # noqa: ASYNC110 (a thread knows nothing of events)
            await asyncio.sleep(0.005)


class Probe(asyncio.DatagramProtocol):
    """One outgoing call. `acknowledge=False` sends no ACK by itself; `sdp` writes another offer for an RTP port;
    `extra` holds more header lines for the INVITE, each with its line end.

    `rtp` is the media end (given, or one of its own), and is closed with the call. `responses` keeps every status code
    in order; `bye` is the number of BYEs received. Raises
    `ValueError` for a URI that does not lead to a loopback address.
    """

    def __init__(
        self,
        uri: str,
        *,
        caller: str = "probe",
        acknowledge: bool = True,
        sdp: Callable[[int], str] = offer,
        extra: str = "",
        rtp: RtpEnd | None = None,
    ) -> None:
        self.target = address(uri)
        self._uri = uri
        self._caller, self._acknowledge, self._sdp, self._extra = caller, acknowledge, sdp, extra
        self._call_id, self._tag = secrets.token_hex(12), secrets.token_hex(6)
        self._branch = f"z9hG4bK{secrets.token_hex(8)}"
        self._cseq = random.randrange(1, 1000)
        self._to = f"<{uri}>"
        self._remote_uri, self._remote = uri, self.target
        self._routes: tuple[str, ...] = ()
        self._ack: bytes | None = None
        self._transactions: dict[str, asyncio.Future[Message]] = {}
        self._provisional = asyncio.Event()
        self._final: asyncio.Future[Message] = asyncio.get_running_loop().create_future()
        self._over: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self._invite_task: asyncio.Task[None] | None = None
        self.responses: list[int] = []
        self.byes = 0
        self.refer_code = 202
        """The answer to a REFER."""
        self.transferred_to = ""
        self._refer = 0
        self.rtp = rtp or RtpEnd()

    async def __aenter__(self) -> Self:
        try:
            loop = asyncio.get_running_loop()
            self._transport, _ = await loop.create_datagram_endpoint(lambda: self, local_addr=("127.0.0.1", 0))
            self.port: int = self._transport.get_extra_info("sockname")[1]
            invite = self._request("INVITE", self._branch, self._sdp(self.rtp.port), extra=self._extra)
            self._invite_task = loop.create_task(self._retransmit(invite, self._provisional, self.target))
        except BaseException:
            self.rtp.close()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        try:
            await self.cancel()
            await self.hang_up()
        finally:
            if self._invite_task:
                self._invite_task.cancel()
            self._transport.close()
            await asyncio.to_thread(self.rtp.close)

    # ------------------------------------------------------------------------------------------ what a test does

    async def answered(self, timeout: float = 10.0) -> Message:
        """Waits for 200 OK; RTP flows from then on. Raises `Refused`, or `TimeoutError` if nobody answers."""
        async with asyncio.timeout(timeout):
            return await asyncio.shield(self._final)

    async def ended(self, timeout: float = 10.0) -> str:
        """Waits until the call is over and says why: `bye` (theirs), `hung_up` (ours), `refused`, `cancelled`."""
        async with asyncio.timeout(timeout):
            return await asyncio.shield(self._over)

    @property
    def live(self) -> bool:
        """Answered and not over."""
        return self._final.done() and not self._final.exception() and not self._over.done()

    async def hang_up(self) -> int:
        """Sends BYE and returns the status code of its answer (408 after 3 s without one); 0 if the call is over."""
        if not self.live:
            return 0
        self._end("hung_up")
        return (await self._ask("BYE")).code

    async def cancel(self) -> None:
        """Sends CANCEL for an unanswered INVITE and waits for the 487 (RFC 3261 section 9.1), bounded."""
        if self._final.done() or self._over.done():
            return
        if self._provisional.is_set():  # before any provisional response CANCEL must not be sent
            self._send(self._request("CANCEL", self._branch), self.target)
            await asyncio.wait([self._final], timeout=2.0)
        if self.live:  # the 200 crossed our CANCEL on its way
            await self.hang_up()
        self._end("cancelled")

    def acknowledge(self) -> None:
        """Sends the ACK that `acknowledge=False` held back."""
        if self._ack is None:
            raise RuntimeError("there is nothing to acknowledge yet")
        self._acknowledge = True
        self._send(self._ack, self._remote)

    async def info(self, digit: str) -> int:
        """Sends a DTMF digit by SIP INFO (application/dtmf-relay); returns the status code."""
        return (await self._ask("INFO", f"Signal={digit}\r\nDuration=160\r\n", "application/dtmf-relay")).code

    async def notify(self, status: str, *, last: bool = False) -> int:
        """Reports the progress of the REFER (RFC 3515), such as "180 Ringing"; returns the answer's status code."""
        state = "terminated;reason=noresource" if last else "active;expires=60"
        extra = f"Event: refer;id={self._refer}\r\nSubscription-State: {state}\r\n"
        return (await self.ask("NOTIFY", f"SIP/2.0 {status}\r\n", "message/sipfrag;version=2.0", extra)).code

    async def ask(self, method: str, body: str = "", kind: str = "application/sdp", extra: str = "") -> Message:
        """A request within the dialog, optionally with more header lines; 408 after 3 s without an answer."""
        return await self._ask(method, body, kind, extra)

    # -------------------------------------------------------------------------------------------- what arrives

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        try:
            message = parse(data)
            number, method = message.cseq
        except ValueError:
            return
        if message.method:
            self._requested(message, addr)
            return
        if message.headers.get("call-id") != self._call_id:
            return
        self.responses.append(message.code)
        if method == "INVITE":
            self._invite_answered(message, number)
        elif message.code >= 200 and (waiting := self._transactions.get(method)) and not waiting.done():
            waiting.set_result(message)

    def error_received(self, exc: Exception) -> None:
        """ICMP port unreachable: nobody is listening. Retransmission continues until `answered` times out."""

    def _invite_answered(self, message: Message, number: int) -> None:
        self._provisional.set()
        if (waiting := self._transactions.get("INVITE")) and message.code >= 200:
            # For a re-INVITE: the ACK of a 2xx has its own transaction, but the ACK of a refusal does not.
            branch = (
                f"z9hG4bK{secrets.token_hex(8)}"
                if message.code < 300
                else re.findall("branch=([^;]+)", message.vias[0])[0]
            )
            self._send(self._request("ACK", branch, number=number), self._remote)
            if not waiting.done():
                waiting.set_result(message)
            return
        if message.code < 200:
            return
        self._to = message.headers.get("to", self._to)
        if message.code >= 300:
            # The ACK of a refusal belongs to the INVITE's own transaction (RFC 3261 section 17.1.1.3).
            self._send(self._request("ACK", self._branch, number=number), self.target)
            self._end("cancelled" if message.code == 487 else "refused")
            if not self._final.done():
                self._final.set_exception(Refused(message))
                self._final.exception()  # avoids a warning if nobody awaits it
            return
        if self._ack is None:
            if contact := _URI.search(said := message.headers.get("contact", "")):
                # Within angle brackets the parameters are the URI's, and are returned with it.
                within = _BRACKETED.search(said)
                self._remote_uri = within[0].strip("<>") if within else contact[0]
                # Proxies that stay on the path come first (RFC 3261 section 12.1.2).
                self._routes = message.routes[::-1]
                hop = _URI.search(self._routes[0]) if self._routes else contact
                assert hop is not None
                self._remote = (loopback(hop[2]), int(hop[3] or 5060))
            self._ack = self._request("ACK", f"z9hG4bK{secrets.token_hex(8)}", number=number)
        if self._acknowledge:
            self._send(self._ack, self._remote)
        if not self._final.done():
            self._media(message.body)
            self._final.set_result(message)

    def _media(self, sdp: str) -> None:
        host = re.search(r"^c=IN IP4 (\S+)", sdp, re.M)
        port = re.search(r"^m=audio ([1-9]\d*)", sdp, re.M)
        if host and port:
            self.rtp.aim(loopback(host[1]), int(port[1]))

    def _requested(self, message: Message, source: tuple[str, int]) -> None:
        code, reason = (200, "OK") if message.method != "REFER" else (self.refer_code, "Referred")
        if message.method == "ACK":
            return
        if message.headers.get("call-id") != self._call_id:
            code, reason = 481, "Call/Transaction Does Not Exist"
        body = self._sdp(self.rtp.port) if message.method in ("INVITE", "UPDATE") and message.body else ""
        lines = [f"SIP/2.0 {code} {reason}", *(f"Via: {via}" for via in message.vias)]
        lines += [f"{name}: {message.headers.get(name.lower(), '')}" for name in ("From", "To", "Call-ID", "CSeq")]
        lines += [f"Contact: <sip:{self._caller}@127.0.0.1:{self.port}>"]
        self._send(self._text(lines, body, "application/sdp"), source)
        if code == 481:
            return
        if message.method == "BYE":
            self.byes += 1
            self._end("bye")
        elif message.method == "REFER":
            self.transferred_to = message.headers.get("refer-to", "").strip("<>")
            self._refer = message.cseq[0]

    # --------------------------------------------------------------------------------------------- what is sent

    def _end(self, how: str) -> None:
        if not self._over.done():
            self._over.set_result(how)
        self.rtp.sending = False

    def _request(
        self,
        method: str,
        branch: str,
        body: str = "",
        kind: str = "application/sdp",
        *,
        number: int = 0,
        extra: str = "",
    ) -> bytes:
        lines = [
            f"{method} {self._uri if method == 'CANCEL' else self._remote_uri} SIP/2.0",
            f"Via: SIP/2.0/UDP 127.0.0.1:{self.port};rport;branch={branch}",
            "Max-Forwards: 70",
            *(f"Route: {route}" for route in self._routes),
            f"From: <sip:{self._caller}@127.0.0.1>;tag={self._tag}",
            f"To: {self._to}",
            f"Call-ID: {self._call_id}",
            f"CSeq: {number or self._cseq} {method}",
            f"Contact: <sip:{self._caller}@127.0.0.1:{self.port}>",
            *extra.split("\r\n")[:-1],
        ]
        return self._text(lines, body, kind)

    @staticmethod
    def _text(lines: list[str], body: str, kind: str) -> bytes:
        typed = [f"Content-Type: {kind}"] if body else []
        return "\r\n".join([*lines, *typed, f"Content-Length: {len(body)}", "", body]).encode()

    def _send(self, datagram: bytes, target: tuple[str, int]) -> None:
        if not self._transport.is_closing():
            self._transport.sendto(datagram, target)

    async def _ask(self, method: str, body: str = "", kind: str = "application/sdp", extra: str = "") -> Message:
        """Retransmitted until answered."""
        self._cseq += 1
        answer = self._transactions[method] = asyncio.get_running_loop().create_future()
        heard = asyncio.Event()
        answer.add_done_callback(lambda _: heard.set())
        request = self._request(method, f"z9hG4bK{secrets.token_hex(8)}", body, kind, extra=extra)
        task = asyncio.create_task(self._retransmit(request, heard, self._remote))
        try:
            async with asyncio.timeout(3.0):
                message: Message = await answer
                return message
        except TimeoutError:
            return Message(code=408, reason="Request Timeout")
        finally:
            task.cancel()

    async def _retransmit(self, datagram: bytes, until: asyncio.Event, target: tuple[str, int]) -> None:
        """Sends at once and then after T1, 2 T1, 4 T1 … (timers A and E of RFC 3261) until something is heard."""
        interval = T1_S
        while not until.is_set() and interval <= 64 * T1_S:
            self._send(datagram, target)
            try:
                async with asyncio.timeout(interval):
                    await until.wait()
            except TimeoutError:
                interval *= 2
