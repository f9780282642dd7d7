"""One browser in one call, between aiortc's connection and a leg of the web process.

aiortc does ICE, DTLS, SRTP, SCTP, and RTCP. The audio bypasses its codecs: incoming packets go to our own buffer and
through libopus at 16 kHz, and outgoing packets are already encoded. So nothing is resampled, no thread is needed, and
at most two frames of the agent's audio ever wait here: a flushed reply is silent from the next packet on.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
from collections import deque
from collections.abc import Mapping
from fractions import Fraction
from typing import Any

from aiortc import RTCConfiguration, RTCDataChannel, RTCIceServer, RTCPeerConnection, RTCSessionDescription
from aiortc.codecs import CODECS
from aiortc.mediastreams import MediaStreamError, MediaStreamTrack
from aiortc.rtcrtpparameters import RTCRtpCodecParameters
from aiortc.rtp import RtpPacket
from aiortc.sdp import candidate_from_sdp
from av.packet import Packet

from phone_daemon.events import DTMF_KEYS, WIDE_RATE
from phone_daemon.web.desk import Desk, Refused
from phone_daemon.web.leg import Leg
from phone_daemon.web.webrtc.offer import MAX_CANDIDATES, NO_RESTART, BadOffer, Fragment, Offer, complete
from phone_daemon.web.webrtc.opus import Decoder, Encoder
from phone_daemon.web.webrtc.packet_buffer import PacketBuffer
from phone_daemon.wire.telephone_event import KeyPresses, read_event
from sidecars.log import Event

log = logging.getLogger(__name__)

CHANNEL = "events"
"""The data channel's label; the browser opens it."""
CONNECT_S = 20.0
"""The longest time from the answer until ICE and DTLS are done; after it the browser is dropped."""
GATHER_S = 5.0
"""A STUN or TURN server that takes longer contributes no candidate."""
WAITING = 2
"""The most encoded frames that wait for aiortc."""
BACKLOG = 65_536
"""The most bytes of notes that wait in the data channel; above it, notes are skipped and counted."""
MESSAGES_PER_S = 40
MAX_MESSAGE = 256
"""The most bytes in a data channel message from a browser, which only sends keys. More messages or further channels, or
longer messages, are a flood, and end the call."""
MOST_LATER = 2 * MAX_CANDIDATES
"""The most candidates of a browser after its offer: we send packets to each."""
LINGER_S = 1.0
"""How long a closed call's connection stays open for its last notes to arrive."""

# aiortc passes on no packet with a payload type that was not negotiated; it decodes none of ours.
CODECS["audio"] += [
    RTCRtpCodecParameters("audio/telephone-event", clockRate=rate, channels=1, payloadType=number)
    for rate, number in ((8_000, 110), (48_000, 111))
]

_TICK = 960
_TIME_BASE = Fraction(1, 48_000)


class Voice(MediaStreamTrack):
    """What the browser hears, as Opus packets. aiortc takes each packet as soon as it is there; beyond `WAITING`
    packets, the oldest are dropped."""

    kind = "audio"

    def __init__(self) -> None:
        super().__init__()
        self._packets: deque[Packet[Any]] = deque(maxlen=WAITING)
        self._more = asyncio.Event()
        self._time = 0

    def put(self, payload: bytes) -> None:
        """Offers the next 20 ms to aiortc."""
        packet = Packet(payload)
        packet.pts = self._time
        packet.time_base = _TIME_BASE
        self._time += _TICK
        self._packets.append(packet)
        self._more.set()

    async def recv(self) -> Packet[Any]:
        """Returns the next packet, for aiortc."""
        while not self._packets:
            if self.readyState != "live":
                raise MediaStreamError
            self._more.clear()
            await self._more.wait()
        return self._packets.popleft()

    def stop(self) -> None:
        """Ends the track and wakes whoever waits in `recv`."""
        super().stop()
        self._more.set()


class Peer:
    """A browser that has sent an offer. The call is placed once it is connected, because nobody would hear the greeting
    before. `close` may be called at any time, from either side, and more than once.
    """

    rate = WIDE_RATE

    def __init__(self, desk: Desk, servers: list[RTCIceServer], caller: str, called: str, join: str = "") -> None:
        """`join`: the live call whose caller the browser talks with, in place of the agent."""
        self.over = asyncio.Event()
        self.packets = PacketBuffer(Decoder(WIDE_RATE))
        self.missed = 0
        """Notes that were skipped because the browser did not take them."""
        self._desk = desk
        self._caller, self._called, self._join = caller, called, join
        self._connection = RTCPeerConnection(RTCConfiguration(iceServers=servers))
        self._voice = Voice()
        self._encoder = Encoder(WIDE_RATE)
        self._channel: RTCDataChannel | None = None
        self._early: deque[str] = deque(maxlen=64)
        """Notes from before the channel was opened."""
        self._keys: dict[int, KeyPresses] = {}
        """Those of each payload type of telephone-event."""
        self._ufrags: frozenset[str] = frozenset()
        self._opus = 0
        self._leg: Leg | None = None
        self._candidates = 0
        """Candidates that came after the offer."""
        self._allowance = float(MESSAGES_PER_S)
        self._allowed_at = 0.0
        self._connected = asyncio.Event()
        self._life: asyncio.Task[None] | None = None
        self._ending: asyncio.Task[None] | None = None

    async def answer(self, offer: Offer) -> str:
        """Returns the SDP answer with all of our candidates. Raises `BadOffer` if aiortc cannot use the offer."""
        connection = self._connection
        self._ufrags = offer.ufrags
        self._opus, self._keys = offer.opus, {kind: KeyPresses(rate) for kind, rate in offer.keys.items()}
        connection.on("connectionstatechange", self._state_changed)
        connection.on("datachannel", self._channel_opened)
        connection.addTransceiver(self._voice, direction="sendrecv")
        try:
            await connection.setRemoteDescription(RTCSessionDescription(offer.sdp, "offer"))
            self._listen_in()
            async with asyncio.timeout(GATHER_S):
                await connection.setLocalDescription(await connection.createAnswer())
        except TimeoutError:
            await self._end()
            raise BadOffer(
                504, f"no candidates within {GATHER_S:g} s: the STUN or TURN server does not answer"
            ) from None
        except Exception as error:
            # aiortc reports malformed SDP in many ways: AssertionError, StopIteration, KeyError, …
            await self._end()
            raise BadOffer(400, f"the offer cannot be read: {type(error).__name__} {error}".rstrip()) from error
        except BaseException:
            await self._end()
            raise
        self._life = asyncio.create_task(self._live())
        # Not in a `finally` of the task: a task that is cancelled before its first step runs nothing at all.
        self._life.add_done_callback(self._leave)
        return complete(connection.localDescription.sdp, offer)

    async def add_candidates(self, later: Fragment) -> None:
        """Adds candidates that the browser found after its offer. Raises `BadOffer` if one is not a candidate, if there
        are too many, or if they are for another ICE session.
        """
        if not later.ufrags <= self._ufrags:
            raise BadOffer(422, NO_RESTART)
        self._candidates += len(later.candidates)
        if self._candidates > MOST_LATER:
            raise BadOffer(422, f"more than {MOST_LATER} candidates after the offer")
        for mid, text in later.candidates:
            try:
                candidate = candidate_from_sdp(text)
                candidate.sdpMid = self._mid(mid)
                await self._connection.addIceCandidate(candidate)
            except (AssertionError, LookupError, ValueError) as error:
                raise BadOffer(400, f"no ICE candidate: {text[:60]!r}") from error

    def _mid(self, mid: str) -> str:
        """The media whose connection a candidate for `mid` is for: aiortc silently drops those for bundled media."""
        data = self._connection.sctp
        apart = data is not None and not data._bundled and data.mid == mid
        return mid if apart else str(self._connection.getTransceivers()[0].mid)

    def close(self) -> None:
        """The browser hangs up, or is gone."""
        if self._life is not None:
            self._life.cancel()

    # ------------------------------------------------------------------------------------------------- life

    async def _live(self) -> None:
        try:
            async with asyncio.timeout(CONNECT_S):
                await self._connected.wait()
            self._leg = await self._desk.offer(self, self._caller, self._called, self._join)
            await self.over.wait()
        except TimeoutError:
            log.info(Event("webrtc.not_connected", reason=f"no connection within {CONNECT_S:g} s of the answer"))
        except Refused as error:
            self._tell({"kind": "refused", "data": {"code": error.code, "why": str(error)}})

    def _leave(self, life: asyncio.Task[None]) -> None:
        if not life.cancelled() and (error := life.exception()) is not None:
            log.error(Event("webrtc.failed", reason=repr(error)))
        if self._leg is not None:
            self._leg.hang_up()
        self._ending = asyncio.create_task(self._end())

    async def _end(self) -> None:
        self.over.set()
        if self._connection.connectionState == "connected":
            await asyncio.sleep(LINGER_S)
        self._voice.stop()
        try:
            await self._connection.close()
        except Exception as error:
            log.error(Event("webrtc.close_failed", reason=repr(error)))

    def _state_changed(self) -> None:
        state = self._connection.connectionState
        if state == "connected":
            self._connected.set()
        elif state in ("failed", "closed"):
            self.close()

    # -------------------------------------------------------------------------------------------- from the browser

    def _listen_in(self) -> None:
        """Takes RTP packets from aiortc's receiver, which continues with RTCP and decodes nothing."""
        receiver = self._connection.getTransceivers()[0].receiver
        count = receiver._handle_rtp_packet

        async def take(packet: RtpPacket, arrival_time_ms: int) -> None:
            receiver._handle_disconnect()  # This ends its decoder's thread.
            self._take(packet)
            await count(packet, arrival_time_ms)

        receiver._handle_rtp_packet = take  # type: ignore[method-assign]

    def _take(self, packet: RtpPacket) -> None:
        if packet.payload_type == self._opus:
            self.packets.add(packet.sequence_number, packet.payload)
        elif (keys := self._keys.get(packet.payload_type)) is not None:
            event = read_event(
                packet.payload, packet.sequence_number, packet.timestamp, packet.ssrc, bool(packet.marker)
            )
            if event is not None and (digit := keys.feed(event)):
                self._press(digit)

    def _channel_opened(self, channel: RTCDataChannel) -> None:
        if channel.label != CHANNEL or self._channel is not None:
            if self._allowed():
                channel.close()
            return
        self._channel = channel
        channel.on("message", self._message)
        while self._early:
            channel.send(self._early.popleft())

    def _message(self, message: str | bytes) -> None:
        """Handles a message of the form `{"digit": "5"}`; no other is accepted."""
        if not self._allowed(len(message)):
            return
        with contextlib.suppress(ValueError):
            said = json.loads(message)
            digit = said.get("digit") if isinstance(said, dict) else None
            if isinstance(digit, str) and digit in DTMF_KEYS:
                self._press(digit)

    def _allowed(self, size: int = 0) -> bool:
        """Whether the browser may send another message; if it may not, its call ends."""
        now = asyncio.get_running_loop().time()
        self._allowance = min(self._allowance + (now - self._allowed_at) * MESSAGES_PER_S, MESSAGES_PER_S) - 1
        self._allowed_at = now
        if size <= MAX_MESSAGE and self._allowance >= 0:
            return True
        if not self.over.is_set():
            log.warning(Event("webrtc.flood", reason=f"over {MESSAGES_PER_S} messages a second or {MAX_MESSAGE} bytes"))
        self.close()
        return False

    def _press(self, digit: str) -> None:
        if self._leg is not None:
            self._leg.digit(digit)

    # ---------------------------------------------------------------------------------------------- to the browser

    def audio(self, reply: int, pcm: bytes) -> None:
        """Sends 20 ms of the agent's audio, and gives the leg 20 ms of the caller's."""
        self._voice.put(self._encoder.encode(pcm))
        heard = self.packets.pull()
        if self._leg is not None and self.packets.quiet < 50:
            self._leg.bring(heard)

    def flushed(self, reply: int, played: int) -> None:
        """Tells the browser. Nothing needs to be dropped, because audio that was not played is not here."""
        self._tell({"kind": "flushed", "data": {"reply": reply, "played": played}})

    def finished(self, reply: int, played: int) -> None:
        """Tells the browser."""
        self._tell({"kind": "finished", "data": {"reply": reply, "played": played}})

    def digits(self, digits: str) -> None:
        """Shows that the agent presses keys; a browser has no use for their sound."""
        self._tell({"kind": "agent_digits", "data": {"digits": digits}})

    def note(self, note: Mapping[str, Any]) -> None:
        """Sends a note of the call, for the captions."""
        self._tell(note)

    def closed(self, reason: str, detail: str) -> None:
        """Tells the browser that the call is over, and disconnects it."""
        self._tell({"kind": "closed", "data": {"reason": reason, "detail": detail}})
        self.over.set()

    def _tell(self, message: Mapping[str, Any]) -> None:
        text = json.dumps({**message, "missed": self.missed} if self.missed else message)
        channel = self._channel
        if channel is None:
            self._early.append(text)
        elif channel.readyState != "open" or channel.bufferedAmount > BACKLOG:
            self.missed += 1
        else:
            channel.send(text)
            self.missed = 0
