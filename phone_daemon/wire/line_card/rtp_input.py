"""What one call receives by RTP: from whom, whether anything comes at all, and the keys in it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pjsua2 as pj

from phone_daemon.events import SourceChanged
from phone_daemon.wire.line_card import native
from phone_daemon.wire.line_card.guarded import log
from phone_daemon.wire.line_card.key_socket import KeySocket
from phone_daemon.wire.line_card.out_of_order import Reordering, end_probation, hold_back
from phone_daemon.wire.line_card.rtp_port import last_packet
from phone_daemon.wire.line_card.rtp_source import RtpSource


class RtpInput:
    """`call` is pjsua2's; `tell` gets each change of the trusted source."""

    def __init__(self, call: Any, timeout_s: float, tell: Callable[[SourceChanged], None]) -> None:
        self.stream = 0
        """Address of pjmedia's stream; 0 while there is no stream."""
        self.heard = False
        """Whether RTP has come in this call."""
        self.has_events = False
        """Whether keys come as telephone-events (RFC 4733), because both sides have agreed on them."""
        self._call = call
        self._timeout_s = timeout_s
        self._source = RtpSource(tell)
        self._keys = KeySocket(self._believes)
        self._reordering = Reordering(self._hold_back)
        self._media = -1
        self._port = 0
        self._packets = self._rejected = 0
        self._ssrc = 0
        self._last_packet: float | None = None
        self._due = float("inf")

    @property
    def trusted(self) -> bool:
        """Whether what is heard comes from the caller."""
        return self._source.trusted

    @property
    def known(self) -> bool:
        """Whether a packet from the caller has been seen since the last SDP."""
        return self._source.known

    def connect(self, media: int) -> None:
        """A session description was agreed on; `media` is its audio stream."""
        self._media = media
        info = self._call.getStreamInfo(media)
        self._source.expect(info.remoteRtpAddress)
        self._port = _port(self._call.getMedTransportInfo(media).localRtpName)
        self.has_events = 0 < info.audRxEventPt < 128
        # Only pjmedia can read what is encrypted (RFC 3711).
        if self.has_events and not info.proto & pj.PJMEDIA_TP_PROFILE_SRTP:
            self._keys.listen(self._port, info.audRxEventPt)
        else:
            self._keys.close()

    def expect(self, now: float) -> None:
        """Counts the time without RTP from `now`."""
        self._due = now + self._timeout_s

    def is_lost(self, now: float, *, paused: bool) -> bool:
        """Whether nothing has come for too long although it should have; while `paused`, nothing should. Call this
        several times a second."""
        try:
            # Kept while its parts are read, because they belong to it.
            stat = self._call.getStreamStat(self._media)
            received = stat.rtcp.rxStat
            packets, rejected = received.pkt, received.discard
            missing, late = stat.jbuf.lost + stat.jbuf.empty, stat.jbuf.discard
            transport = self._call.getMedTransportInfo(self._media)
        except pj.Error:
            return False
        self._reordering.look(packets, missing, late)
        if rejected > self._rejected:
            end_probation(self.stream)
        self._rejected = rejected
        grew, self._packets = packets != self._packets, packets
        if grew:
            self._last_packet = None
        if grew or paused or self._is_alive(transport, now):
            self.expect(now)
        elif now >= self._due:
            return True
        if packets:
            self.heard = True
            self._ssrc = native.sender_ssrc(self.stream, packets)
            self._source.look(transport.srcRtpName, self._port, fresh=grew, ssrc=self._ssrc, now=now)
        return False

    def _hold_back(self, delay_ms: int) -> None:
        if hold_back(self.stream, delay_ms):
            log("INFO", f"RTP comes out of order: delayed by {delay_ms} ms")

    def _is_alive(self, transport: Any, now: float) -> bool:
        """Whether anything came that is not audio: RTCP, or comfort noise (RFC 3389) from a caller who is muted."""
        if now < self._due - self._timeout_s / 2:
            return False  # too early to matter
        last = max(last_packet(self._port), last_packet(_port(transport.localRtcpName)))
        known, self._last_packet = self._last_packet, last
        return known not in (None, last)  # it is from the wall clock, which may be set back

    # ------------------------------------------------------------------------------------------------ keys

    @property
    def reads_keys(self) -> bool:
        """Whether keys are read here, because pjmedia does not get them."""
        return self._keys.active

    def keys(self, now: float) -> Iterator[str]:
        """Keys that were pressed since the last time."""
        for key in self._keys.read():
            self.heard = True
            self.expect(now)
            if key:
                yield key

    def _believes(self, sender: str, ssrc: int) -> bool:
        """Keys are believed from the sender with the audio's SSRC or address; before any audio has come, from
        anyone."""
        return sender == self._source.caller or ssrc == self._ssrc != 0 or not self._source.known

    def close(self) -> None:
        """Leaves the port to the next call. Idempotent."""
        self._keys.close()


def _port(name: str) -> int:
    return int(name.rpartition(":")[2])
