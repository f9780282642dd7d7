"""One SIP call inside the line card: its dialog, its audio port, its timers. Lives on the card's only thread."""

from __future__ import annotations

import functools
import time
from collections.abc import Callable
from typing import Any

import pjsua2 as pj

from phone_daemon.events import DTMF_KEYS, FRAME_SAMPLES, Digit, EndReason, HoldChanged, LineClosed
from phone_daemon.wire.line_card import native
from phone_daemon.wire.line_card.call_params import events, response
from phone_daemon.wire.line_card.guarded import guarded, log
from phone_daemon.wire.line_card.hold_music import HoldMusic
from phone_daemon.wire.line_card.options import Limits
from phone_daemon.wire.line_card.rtp_input import RtpInput
from phone_daemon.wire.line_card.screening import Dialog
from phone_daemon.wire.line_card.sdp import prefer
from phone_daemon.wire.line_card.transfer import Transfer, why
from phone_daemon.wire.playout import SILENCE, Playout, loud
from phone_daemon.wire.protocol import Answered, Report, Ringing

OUR_DOING = frozenset({EndReason.DRAINED, EndReason.FAILED})
"""Reasons for which another server may succeed: a call that still rings is refused with 503."""
LINGER_S = 0.2
"""Time between the agent's last sound and BYE or REFER: what was sent is still traveling, or waiting in jitter
buffers."""


class Leg(pj.Call):  # type: ignore[misc]
    """`send` and `send_frame` (its fields) take messages to the daemon; `spare` keeps audio ports for the next call.

    Without `spare`, callers hear themselves. Drop the last reference only after `gone`.
    """

    def __init__(
        self,
        account: Any,
        call_id: int,
        *,
        placed: bool,
        limits: Limits,
        spare: list[native.Port] | None,
        send: Callable[[Report], None],
        send_frame: Callable[[int, bytes, bytes, int, int, int], None],
        replaced: Callable[[Leg, int], None] = lambda *_: None,
    ) -> None:
        super().__init__(account, call_id)
        self.playout = Playout()
        self.music = HoldMusic()
        self.briefing = bytearray()
        """Audio that a colleague hears before they are connected."""
        self.consulting = False
        """Whether a colleague is being called to take this caller over."""
        self.trunk = ""
        """The trunk that the call came through."""
        self.stale_frames = 0
        self.gone = False
        """Whether pjsua2 is done with the call."""
        self.dialog = Dialog()
        self._placed = placed
        self._limits = limits
        self._spare = spare
        self._send = send
        self._send_frame = send_frame
        self._replaced = replaced
        self._answered = self._acknowledged = False
        self.closed = False
        """Whether the daemon has been told that the call is over."""
        self._ending: EndReason | None = None
        self._port: native.Port | None = None
        self._said = b""
        self._media = -1
        self._sending = self._hearing = self._held = False
        self._position = 0
        self._flushed = 0
        self._rtp = RtpInput(self, limits.rtp_timeout_s, send)
        self._open = False
        """Whether the caller can hear us: ACK or the first RTP has come. Anything that is said earlier is often
        lost."""
        self._sounded = 0.0
        """When the agent's last sound was handed to RTP."""
        self._leave: Callable[[], None] | None = None
        self._bridged: Leg | None = None
        self._slot = -1
        """The call's own slot on the conference bridge."""
        self._ack_by = self._media_by = float("inf")
        self._unacknowledged = 0
        self._transfer = Transfer(self.dialog, self.tell)

    # ------------------------------------------------------------------------------------------- commands

    def ring(self) -> None:
        self.answer(response(pj.PJSIP_SC_RINGING))

    def pick_up(self) -> None:
        if self._answered or self.closed:
            return
        self._answered = True
        self._ack_by = self._media_by = time.monotonic() + self._limits.ack_timeout_s
        self.answer(response(pj.PJSIP_SC_OK))

    def refuse(self, code: int, retry_after: int = 0) -> None:
        param = response(code)
        if retry_after:
            header = pj.SipHeader()
            header.hName, header.hValue = "Retry-After", str(retry_after)
            param.txOption.headers.push_back(header)
        if not self.closed:
            self._ending = EndReason.REFUSED
            self.close(EndReason.REFUSED, code)
            self.hangup(param)

    def place(self, uri: str, caller: str, host: str) -> None:
        param = pj.CallOpParam(True)
        param.opt.videoCount = 0
        if caller:
            param.txOption.localUri = f"sip:{caller}@{host}"
        self.makeCall(uri, param)

    def flush(self, reply: int) -> None:
        self._flushed = max(self._flushed, reply)
        self.playout.flush(reply)

    def send_digits(self, digits: str) -> None:
        wanted = [digit for digit in digits.upper() if digit in DTMF_KEYS]
        if len(wanted) != len(digits):
            log("WARNING", "characters that are no DTMF digits were not sent")
        if wanted:
            self.sendDtmf(events("".join(wanted)))

    def hand_over(self, uri: str) -> None:
        """Sends REFER, once the agent's last sound has had time to arrive."""
        self._leave = functools.partial(
            self._transfer.begin, uri, lambda param: self.xfer(uri, param), self._limits.transfer_timeout_s
        )

    def replace_by(self, other: Leg, within_s: float, failed: Callable[[int, str], None]) -> None:
        """Sends REFER with Replaces: asks the caller's side to take our place in the call with `other` (RFC 3891).

        `failed` is called with the status and the reason if that does not happen `within_s`.
        """
        self._transfer.begin("the colleague", lambda param: self.xferReplaces(other, param), within_s, failed)

    def tell(self, report: Report) -> None:
        """Tells the daemon, unless the daemon already considers the call over."""
        if not self.closed:
            self._send(report)

    def bridge(self, other: Leg) -> None:
        """From now on this caller and `other` hear each other, and nobody else."""
        self.music.stop()
        self._bridged, other._bridged = other, self
        self._rejoin()

    def _rejoin(self) -> None:
        if self._bridged is not None and self._slot >= 0 and self._bridged._slot >= 0:
            native.join(self._slot, self._bridged._slot)

    def is_deaf(self, now: float) -> bool:
        """Whether no RTP has come for too long in a call that was bridged."""
        return self._hearing and self._rtp.is_lost(now, paused=not self._sending)

    def say_goodbye(self, reason: EndReason) -> None:
        """Like `hang_up`; if the agent wants it, only after its last sound has had time to arrive."""
        if reason is EndReason.AGENT_HUNG_UP:
            self._leave = functools.partial(self.hang_up, reason)
        else:
            self.hang_up(reason)

    def hang_up(self, reason: EndReason, code: int = 0, detail: str = "") -> None:
        """Ends the call. The daemon is told at once; pjsua2 releases the call when the BYE is answered."""
        ending, self._ending = self._ending, reason
        # First, because pjsua2 reports its own end of the call from within `hangup`.
        self.close(reason, code, detail)
        if not self.gone and ending is None:
            try:
                # Ignored once the call is answered. Without it pjsua2 declines for the whole number (603), and a trunk
                # would try nowhere else.
                self.hangup(response(503 if reason in OUR_DOING else 480))
            except pj.Error as error:
                log("WARNING", f"hang up: {why(error)}")

    def close(self, reason: EndReason, code: int = 0, detail: str = "") -> None:
        """Tells the daemon, once, that the call is over."""
        if not self.closed:
            self.closed = True
            self._send(LineClosed(reason, code, detail))

    def release(self) -> None:
        """Frees the audio port and the RTP port for the next call."""
        self._rtp.close()
        if self._port is not None and self._spare is not None:
            self._port.speak = bytes
            self._spare.append(self._port)
            self._port = None

    # ----------------------------------------------------------------------------------------------- audio

    @property
    def _live(self) -> bool:
        return self._answered and self._port is not None and not self.closed

    def _speak(self) -> bytes:
        """The agent's frame for this tick; none is taken while the caller is on hold and cannot hear it."""
        if not (self._live and self._sending and self._open):
            return b""
        if self.music:
            self._said = self.music.pull()
            return self._said
        said = self._said = self.playout.pull()
        if said and loud(said):
            self._sounded = time.monotonic()
        # Counted independently of the queue, which should prevent this.
        if said and self.playout.source <= self._flushed:
            self.stale_frames += 1
        return said

    def settle(self, at_ns: int) -> None:
        """Called after the bridge's tick, all of whose audio was handed to RTP at `at_ns`."""
        port = self._port
        if not self._live or port is None:
            return
        for key in self._rtp.keys(time.monotonic()):
            self.press(key)
        playout = self.playout
        for event in playout.settle(self._position, at_ns):
            self._send(event)
        heard = port.heard if self._hearing and self._rtp.trusted and not self._held else SILENCE
        self._send_frame(self._position, heard, self._said, playout.reply, playout.played, playout.queued)
        self._position += FRAME_SAMPLES
        port.heard, self._said = SILENCE, b""

    @property
    def restless(self) -> bool:
        """Whether to watch it at every tick, because it is about to end, or its sound may come from an unknown
        source."""
        return self._leave is not None or (self._hearing and not self._rtp.known)

    def watch(self, now: float) -> None:
        """Checks the timers and the RTP source; called several times a second."""
        if self.closed or self.gone:
            return
        if self.dialog.unacknowledged != self._unacknowledged:  # an answer to an offer of theirs, or its ACK
            self._unacknowledged = self.dialog.unacknowledged
            self._ack_by = now + self._limits.ack_timeout_s if self._unacknowledged else float("inf")
        if now >= self._ack_by:
            self.hang_up(EndReason.NO_ACK, detail=f"no ACK within {self._limits.ack_timeout_s:g} s")
        elif now >= self._media_by and self._media < 0:
            self.hang_up(EndReason.FAILED, detail=f"no media was agreed on within {self._limits.ack_timeout_s:g} s")
        elif self._transfer.timed_out(now):
            pass  # It has been reported.
        elif self._leave is not None and now >= self._sounded + LINGER_S:
            leave, self._leave = self._leave, None
            leave()
        elif self._live and self._hearing:
            if self._rtp.is_lost(now, paused=not self._sending):
                self.hang_up(EndReason.RTP_TIMEOUT, detail=f"no RTP for {self._limits.rtp_timeout_s:g} s")
            self._open = self._open or self._rtp.heard

    # ------------------------------------------------------------------------------------------- callbacks

    @guarded
    def onCallState(self, prm: Any) -> None:  # noqa: N802
        info = self.getInfo()
        if info.state == pj.PJSIP_INV_STATE_CONFIRMED:
            self._acknowledged = self._open = True
            self._ack_by = float("inf")
            if self._placed and not self._answered and self._media < 0:  # pjsua sends the BYE
                self.close(EndReason.FAILED, pj.PJSIP_SC_NOT_ACCEPTABLE_HERE, "no common codec")
            elif self._placed and not self._answered:
                self._answered = True
                self._media_by = time.monotonic() + self._limits.ack_timeout_s
                self._send(Answered())
                self._tell_hold()
        elif info.state == pj.PJSIP_INV_STATE_EARLY and self._placed:
            self._send(Ringing())
        elif info.state == pj.PJSIP_INV_STATE_DISCONNECTED:
            self.gone = True
            self.close(self._end_reason(info.lastStatusCode), info.lastStatusCode, info.lastReason)

    def _end_reason(self, code: int) -> EndReason:
        if self._ending is not None:
            return self._ending
        if self._transfer.under_way:
            return EndReason.TRANSFERRED
        if not self._answered:
            return EndReason.REFUSED if self._placed else EndReason.CALLER_HUNG_UP
        if code < 300:  # BYE, which may come before the ACK
            return EndReason.CALLER_HUNG_UP
        return EndReason.FAILED if self._acknowledged else EndReason.NO_ACK

    @guarded
    def onCallSdpCreated(self, prm: Any) -> None:  # noqa: N802
        # pjsua answers in the offer's order. It reports at most a kilobyte of an offer.
        offer, self.dialog.offer = prm.remSdp.wholeSdp or self.dialog.offer, ""
        if offer:
            prm.sdp.wholeSdp = prefer(prm.sdp.wholeSdp, offer, self._limits.codecs)

    @guarded
    def onCallMediaState(self, prm: Any) -> None:  # noqa: N802
        # `info` must outlive the loop: the list belongs to it.
        info = self.getInfo()
        self._sending = self._hearing = False
        for media in info.media:
            running = media.status in (pj.PJSUA_CALL_MEDIA_ACTIVE, pj.PJSUA_CALL_MEDIA_REMOTE_HOLD)
            if media.type == pj.PJMEDIA_TYPE_AUDIO and running:
                self._connect(media.index, media.dir, media.audioConfSlot)
                break
        self._rtp.expect(time.monotonic())
        self._tell_hold()

    def _tell_hold(self) -> None:
        held = self._answered and not self._sending
        if held is not self._held and not self.closed:
            self._held = held
            self._send(HoldChanged(held))

    def _connect(self, index: int, direction: int, slot: int) -> None:
        self._media = index
        self._sending = bool(direction & pj.PJMEDIA_DIR_ENCODING)
        self._hearing = bool(direction & pj.PJMEDIA_DIR_DECODING)
        # A call that is on hold from its start has no stream yet.
        streaming = slot != pj.PJSUA_INVALID_ID
        if streaming:
            self._rtp.connect(index)
        if self._spare is None:
            audio = self.getAudioMedia(index)
            audio.startTransmit(audio)
            return
        if self._port is None:
            self._port = self._spare.pop() if self._spare else native.Port()
            self._port.heard = SILENCE
            self._port.speak = self._speak
        if streaming:
            self._port.connect(slot)
            self._slot = slot
            self._rejoin()

    @guarded
    def onCreateMediaTransport(self, prm: Any) -> None:  # noqa: N802
        self._rtp.tap(int(prm.mediaTp))

    @guarded
    def onStreamCreated(self, prm: Any) -> None:  # noqa: N802
        self._rtp.stream = int(prm.stream)

    @guarded
    def onStreamDestroyed(self, prm: Any) -> None:  # noqa: N802
        self._rtp.stream = 0

    @guarded
    def onDtmfDigit(self, prm: Any) -> None:  # noqa: N802
        if not self._rtp.reads_keys:
            self.press(prm.digit)

    def accepted(self, now: float) -> None:
        """The other side has accepted a call of ours. If it keeps repeating that, it does not receive our ACK."""
        if self._placed and now >= self._media_by:
            self._ack_by = now

    def press(self, digit: str) -> None:
        """Reports a key that the caller pressed, while the call is live."""
        if self._answered and not self.closed and digit.upper() in DTMF_KEYS:
            self._send(Digit(digit.upper()))

    @guarded
    def onCallTransferStatus(self, prm: Any) -> None:  # noqa: N802
        if self._transfer.done(prm.statusCode, prm.reason, final=prm.finalNotify):
            self.hang_up(EndReason.TRANSFERRED, prm.statusCode)

    def onCallRedirected(self, prm: Any) -> int:  # noqa: N802
        # A redirection could lead anywhere, at our cost, so a 3xx counts as a refusal with its own status.
        return int(pj.PJSIP_REDIRECT_REJECT)

    @guarded
    def onCallTransferRequest(self, prm: Any) -> None:  # noqa: N802
        # If this were left to pjsua2, a caller could make us call anybody, at our cost.
        prm.statusCode = pj.PJSIP_SC_FORBIDDEN

    @guarded
    def onCallReplaceRequest(self, prm: Any) -> None:  # noqa: N802
        # A sender that knows the dialog's tags is a party to it: a PBX replaces this caller with another (RFC 3891).
        leaving = self._leave is not None or self._transfer.under_way or self._ending is not None
        if not self._live or self._placed or self.consulting or leaving:
            prm.statusCode = pj.PJSIP_SC_FORBIDDEN

    @guarded
    def onCallReplaced(self, prm: Any) -> None:  # noqa: N802
        self._replaced(self, prm.newCallId)

    def take_over(self, old: Leg) -> None:
        """Continues the conversation of `old` here, at the very same sample; the end of `old` is not reported."""
        old.closed = True
        self.playout, self.music, self._position, self._flushed = old.playout, old.music, old._position, old._flushed
        self._answered = self._acknowledged = self._open = True
        # Nobody received what pjsua2 reported about this call before it had an object.
        self.onCallMediaState(None)
