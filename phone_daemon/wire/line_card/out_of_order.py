"""Makes pjmedia play RTP that comes out of order: it lets the packets in, and allows time to sort them.

If packets come in reversed threes (3, 2, 1, 6, 5, 4), no two come in sequence, and pjmedia waits for two in sequence
before it takes any. Once it takes them, they come one per tick. pjmedia measures how many come between two ticks, so it
sees no jitter, plays 3, and throws 2 and 1 away as too late. Other streams should not wait for what never happens to
them, so a stream is delayed only once it is seen to need it.

pjmedia exposes neither of the two states that are changed here. They are located by the values that they must contain;
if they are not found, nothing is changed.
"""

from __future__ import annotations

import ctypes
import os
import struct
from collections.abc import Callable
from pathlib import Path

from pjsua2 import _pjsua2

DELAYS_MS = (40, 100, 160)
"""The shortest comes first: 40 is enough if 20 ms packets are swapped in pairs."""
LEAST_PACKETS = 20
"""Least number of packets in a stretch that is judged."""
SHARE = 0.25
"""Share of a stretch's packets. A stream needs a delay if this many frames were missing when they were due and as many
came too late. Either alone is loss, or a burst, which pjmedia handles by itself."""

_lib = ctypes.PyDLL(_pjsua2.__file__)
_lib.pjmedia_stream_get_port.argtypes = (ctypes.c_void_p, ctypes.POINTER(ctypes.c_void_p))
_lib.pjmedia_stream_get_rtp_session_info.argtypes = (ctypes.c_void_p, ctypes.c_void_p)
_lib.pjmedia_jbuf_reset.argtypes = (ctypes.c_void_p,)
_lib.pjmedia_jbuf_set_fixed.argtypes = (ctypes.c_void_p, ctypes.c_uint)
_STREAM_BYTES = 8192
"""How much of a stream is searched for its jitter buffer."""
_HEAD = struct.Struct("@PnNI")
"""The beginning of pjmedia_jbuf (pjmedia/jbuf.c): its name, and a frame's size in bytes and in milliseconds."""
_PTIMES_MS = (10, 20, 30)
_SESSION_BYTES = 1024
"""How much of an RTP or RTCP session is searched for the sequence numbers."""
_NO_BAD_SEQUENCE = 0x10001
"""RTP_SEQ_MOD + 1 (RFC 3550 appendix A.1), in a session that has just begun."""
_MEMORY = Path("/proc/self/mem")
"""Read instead of memory itself, because following a false pointer would end the process."""


class Reordering:
    """Detects reordering in one call; calls `delay` with the milliseconds that its jitter buffer is to hold back."""

    def __init__(self, delay: Callable[[int], None]) -> None:
        self._delay = delay
        self._step = 0
        self._settled = True
        self._seen = (0, 0, 0)

    def look(self, packets: int, missing: int, late: int) -> None:
        """Takes the stream's counts so far: packets, the jitter buffer's frames that were missing when due, and those
        that came too late."""
        now = (packets, missing, late)
        grown = [count - before for count, before in zip(now, self._seen, strict=True)]
        if min(grown) < 0:
            # A stream that began anew (a re-INVITE) has a jitter buffer that knows nothing of the delay.
            self._seen = now
            if self._step:
                self._delay(DELAYS_MS[self._step - 1])
        elif grown[0] >= LEAST_PACKETS:
            self._seen = now
            needed = self._settled and min(grown[1:]) >= SHARE * grown[0] and self._step < len(DELAYS_MS)
            # Frames are missing while the delay builds up: that stretch says nothing.
            self._settled = not needed
            if needed:
                self._step += 1
                self._delay(DELAYS_MS[self._step - 1])


def end_probation(stream: int) -> None:
    """Makes the pjmedia stream at address `stream` take, and count, RTP of which no two packets came in sequence.

    By RFC 3550 appendix A.1 a source is valid once two of its packets came in sequence. Our source is known by other
    means.
    """
    sessions = (ctypes.c_void_p * 3)()
    if not stream or _lib.pjmedia_stream_get_rtp_session_info(stream, sessions):
        return
    with _MEMORY.open("rb", buffering=0) as memory:
        for session in filter(None, (sessions[0], sessions[2])):  # what comes in, and what RTCP reports about it
            words = [word for (word,) in struct.iter_unpack("@I", _read(memory.fileno(), session, _SESSION_BYTES))]
            for at in range(len(words) - 4):
                # pjmedia_rtp_seq_session: max_seq, cycles, base_seq, bad_seq, probation.
                highest, cycles, first, bad, probation = words[at : at + 5]
                if (cycles, bad, probation) == (0, _NO_BAD_SEQUENCE, 1) and max(highest, first) < 1 << 16:
                    ctypes.c_uint32.from_address(session + 4 * (at + 4)).value = 0
                    break


def hold_back(stream: int, delay_ms: int) -> bool:
    """Delays the pjmedia stream at address `stream` by about `delay_ms`; it loses what it holds now.

    Returns False if its jitter buffer was not found.
    """
    port = ctypes.c_void_p()
    if not stream or _lib.pjmedia_stream_get_port(stream, ctypes.byref(port)) or not port.value:
        return False
    with _MEMORY.open("rb", buffering=0) as memory:
        mine = memory.fileno()
        # A port begins with its name (pjmedia/port.h), and the jitter buffer has the name of its stream.
        address, length = struct.unpack("@Pn", os.pread(mine, 16, port.value))
        name = _read(mine, address, length)
        for (pointer,) in struct.iter_unpack("@P", os.pread(mine, _STREAM_BYTES, stream)):
            head = _read(mine, pointer, _HEAD.size)
            if len(head) < _HEAD.size:
                continue
            address, found, size, ptime = _HEAD.unpack(head)
            if found == length and size and ptime in _PTIMES_MS and name and _read(mine, address, found) == name:
                _lib.pjmedia_jbuf_set_fixed(pointer, delay_ms // ptime)
                # It holds frames back while it fills up, and only an empty buffer does that.
                _lib.pjmedia_jbuf_reset(pointer)
                return True
    return False


def _read(memory: int, address: int, count: int) -> bytes:
    """Returns nothing where there is no memory."""
    try:
        return os.pread(memory, count, address)
    except (OSError, OverflowError):
        return b""
