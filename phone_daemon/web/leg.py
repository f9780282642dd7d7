"""One call in the web process: what a line card's leg is for SIP, for a client that uses HTTP, WebRTC, or a WebSocket.

It runs on the desk's clock (`desk.py`). Every 20 ms it takes a frame of the client's audio from the jitter buffer,
gives the client one of the agent's frames, and reports both to the daemon in the line card protocol.
"""

from __future__ import annotations

import functools
import logging
from collections.abc import Callable, Mapping
from typing import Any, Protocol

from phone_daemon.clock import now_ns
from phone_daemon.events import (
    DTMF_KEYS,
    FRAME_SAMPLES,
    PTIME_S,
    WIDE_RATE,
    Digit,
    EndReason,
    Flushed,
    LineClosed,
    PlayoutDone,
)
from phone_daemon.media.half_band import Doubler, Halver
from phone_daemon.media.line_noise import LineNoise
from phone_daemon.web.jitter_buffer import JitterBuffer
from phone_daemon.wire import protocol
from phone_daemon.wire.line_card.hold_music import HoldMusic
from phone_daemon.wire.playout import Playout, loud
from sidecars.log import Event

log = logging.getLogger(__name__)

LINGER_TICKS = 10
"""The pause between the agent's last sound and its hanging up: sent audio is still traveling or in the client's
buffer."""


class Client(Protocol):
    """The far end of a leg. Its methods are called on the event loop, in order, and must return at once. An exception
    ends the call.
    """

    rate: int
    """The sample rate of audio in both directions, `SAMPLE_RATE` or `WIDE_RATE`."""

    def audio(self, reply: int, pcm: bytes) -> None:
        """Called every 20 ms with the next part of the agent's reply `reply`, at `rate`; empty means silence."""
        ...

    def flushed(self, reply: int, played: int) -> None:
        """The agent was interrupted: audio of this reply, or of an earlier one, that is still waiting must not be
        heard. `played`: how many of its samples were given to `audio`, counted at 8 kHz.
        """
        ...

    def finished(self, reply: int, played: int) -> None:
        """The last sample of a reply was given to `audio`."""
        ...

    def digits(self, digits: str) -> None:
        """The agent presses keys (DTMF)."""
        ...

    def note(self, note: Mapping[str, Any]) -> None:
        """Something happened in the call: `call`, `kind`, `at_ns` and `data` of `events.Note`."""
        ...

    def closed(self, reason: str, detail: str) -> None:
        """The call is over; called last and only once. `reason` is an `EndReason`."""
        ...


class Leg:
    """One call's leg. `send` and `send_frame` take messages for the daemon; the latter takes the fields of a frame, or
    of a wide frame if the client has wideband audio. `idle_s`: the longest time without audio from the client.
    """

    def __init__(
        self, client: Client, send: Callable[[protocol.Report], None], send_frame: Callable[..., None], idle_s: float
    ) -> None:
        self.call = ""
        """The call's id, known once its first note has come."""
        self.closed = False
        """The daemon has been told that the call is over, or has said so itself."""
        self.refused: int | None = None
        """The SIP status with which the daemon refused the call."""
        self.answered = False
        self.playout = Playout(client.rate)
        self._client = client
        self._send = send
        self._send_frame = send_frame
        self._jitter = JitterBuffer(client.rate)
        self._wideband = _Wideband() if client.rate == WIDE_RATE else None
        self._music = HoldMusic()
        self._brought = b""
        self._position = 0
        self._idle_ticks = round(idle_s / PTIME_S)
        self._quiet_ticks = 0
        self._muted = False
        self._since_sound = LINGER_TICKS
        self._leaving: Callable[[], None] | None = None

    # ---------------------------------------------------------------------------------------------- client

    def hear(self, pcm: bytes) -> None:
        """Takes the caller's audio: 16-bit little-endian mono at the client's rate, of any length."""
        self._quiet_ticks = 0
        self._muted = False
        self._jitter.put(pcm)

    def bring(self, frame: bytes) -> None:
        """Takes this tick's frame directly, without the jitter buffer, from a client that has its own."""
        self._quiet_ticks = 0
        self._muted = False
        self._brought = frame

    def mute(self) -> None:
        """The caller's microphone is off until `hear` is called again: silence without a time limit."""
        self._muted = True

    def digit(self, digit: str) -> None:
        """The caller presses a key: `0-9 * # A-D`. Raises `ValueError` for anything else."""
        if digit.upper() not in DTMF_KEYS:
            raise ValueError(f"{digit!r:.20} is no key of a telephone: 0 to 9, *, # and A to D are")
        if self.answered and not self.closed:
            self._send(Digit(digit.upper()))

    def hang_up(self) -> None:
        """The caller hangs up, or is gone. Harmless if the call is already over."""
        self.close(EndReason.CALLER_HUNG_UP)

    # ---------------------------------------------------------------------------------------------- daemon

    def take(self, command: protocol.Command) -> None:
        """Carries out the daemon's command for this call."""
        match command:
            case protocol.Answer():
                self.answered = True
            case protocol.Refuse(code, _):
                self.refused = code
                self.close(EndReason.REFUSED, code)
            case protocol.Play(reply, pcm):
                self.playout.play(reply, pcm if self._wideband is None else self._wideband.doubled(reply, pcm))
            case protocol.PlayWide(reply, pcm):
                self.playout.play(reply, pcm)
            case protocol.Finish(reply):
                self.playout.finish(reply)
            case protocol.Duck(reply, down):
                self.playout.duck(reply, down)
            case protocol.Flush(reply):
                self.playout.flush(reply)
                # At once rather than at the next tick, because the client has its own buffer to empty.
                self._settle(now_ns())
            case protocol.SendDigits(digits):
                self._client_does(lambda: self._client.digits(digits))
            case protocol.Music(pcm) if pcm:
                self._music.add(pcm)
            case protocol.Music():
                self._music.stop()
            case protocol.HangUp(reason):
                if reason is EndReason.AGENT_HUNG_UP and self.answered:
                    self._leaving = functools.partial(self.close, reason)
                else:
                    self.close(reason)

    def told(self, note: Mapping[str, Any]) -> None:
        """Passes on a note of this call."""
        self.call = str(note.get("call", ""))
        self._client_does(lambda: self._client.note(note))

    def tick(self, at_ns: int) -> None:
        """20 ms have passed."""
        if not self.answered or self.closed:
            return
        playout = self.playout
        sound = self._hold_music() if self._music else playout.pull()
        if sound and loud(sound):
            self._since_sound = 0
        self._client_does(lambda: self._client.audio(playout.reply if self._music else playout.source, sound))
        self._settle(at_ns)
        heard, self._brought = self._brought or self._jitter.take(), b""
        pcm, agent, *wide = (heard, sound) if self._wideband is None else self._wideband.halved(heard, sound)
        self._send_frame(self._position, pcm, agent, playout.reply, playout.played, playout.queued, *wide)
        self._position += FRAME_SAMPLES
        self._quiet_ticks += 1
        self._since_sound += 1
        if self._leaving is not None and self._since_sound > LINGER_TICKS:
            self._leaving()
        elif self._quiet_ticks > self._idle_ticks and not self._muted:
            self.close(EndReason.RTP_TIMEOUT, detail=f"no audio for {self._idle_ticks * PTIME_S:g} s")

    def close(self, reason: EndReason, code: int = 0, detail: str = "") -> None:
        """Ends the call and tells both sides, once."""
        if self.closed:
            return
        self.closed = True
        self._send(LineClosed(reason, code, detail))
        try:
            self._client.closed(str(reason), detail)
        except Exception:
            log.exception(Event("leg.client_failed", call=self.call))

    def _hold_music(self) -> bytes:
        music = self._music.pull()
        return music if self._wideband is None else self._wideband.doubled(0, music)

    def _settle(self, at_ns: int) -> None:
        for event in self.playout.settle(self._position, at_ns):
            self._send(event)
            match event:
                case Flushed():
                    self._client_does(functools.partial(self._client.flushed, event.reply, event.played))
                case PlayoutDone():
                    self._client_does(functools.partial(self._client.finished, event.reply, event.played))

    def _client_does(self, what: Callable[[], None]) -> None:
        if self.closed:
            return
        try:
            what()
        except Exception:
            # A defect in one client's leg ends only that client's call.
            log.exception(Event("leg.client_failed", call=self.call))
            self.close(EndReason.FAILED, detail="the client's leg failed")


class _Wideband:
    """What a leg with 16 kHz audio needs for a daemon that counts samples and makes decisions at 8 kHz."""

    def __init__(self) -> None:
        self._doubler = Doubler()
        self._source = 0
        self._caller, self._agent = Halver(), Halver()
        self._noise = LineNoise()

    def doubled(self, source: int, pcm: bytes) -> bytes:
        """Converts audio of reply `source`, or of music (0), that comes at 8 kHz. No residue of one source sounds in
        another.
        """
        if source != self._source:
            self._source, self._doubler = source, Doubler()
        return self._doubler.feed(pcm)

    def halved(self, heard: bytes, sound: bytes) -> tuple[bytes, bytes, bytes, bytes]:
        """Returns the caller's and the agent's audio at 8 kHz, then both at 16 kHz; silence of the agent is empty."""
        pcm, wide = self._caller.feed(heard)
        pcm = self._noise.add(pcm)
        if not sound:
            self._agent = Halver()
            return pcm, b"", wide, b""
        agent, wide_agent = self._agent.feed(sound)
        return pcm, agent, wide, wide_agent
