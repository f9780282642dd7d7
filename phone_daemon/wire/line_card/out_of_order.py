"""RTP that comes out of order, which pjmedia by itself does not play: it is let in, and given time to be sorted.

Of packets that come in threes backwards (3, 2, 1, 6, 5, 4) no two come in sequence, and pjmedia waits for two before
it takes any. Taken, they come one a tick: it measures how many come between two ticks, so it sees no jitter, plays 3,
and throws 2 and 1 away as too late. Other streams should not wait for what never happens to them, so a stream is
delayed once it is seen to need it.

pjmedia hands out neither of the two states that are changed here. They are found by what must stand in them, and where
they are not found nothing is changed.
"""

from __future__ import annotations

import ctypes
import os
import struct
from collections.abc import Callable
from pathlib import Path

from pjsua2 import _pjsua2

DELAYS_MS = (40, 100, 160)
"""The least first: 40 is enough where packets of 20 ms change places in pairs."""
LEAST_PACKETS = 20
"""In a stretch that is judged."""
SHARE = 0.25
"""Of a stretch's packets: as many frames missing when they were due, and as many too late. One alone is loss, or a
burst, and pjmedia deals with those by itself."""

_lib = ctypes.PyDLL(_pjsua2.__file__)
_lib.pjmedia_stream_get_port.argtypes = (ctypes.c_void_p, ctypes.POINTER(ctypes.c_void_p))
_lib.pjmedia_stream_get_rtp_session_info.argtypes = (ctypes.c_void_p, ctypes.c_void_p)
_lib.pjmedia_jbuf_reset.argtypes = (ctypes.c_void_p,)
_lib.pjmedia_jbuf_set_fixed.argtypes = (ctypes.c_void_p, ctypes.c_uint)
_STREAM_BYTES = 8192
"""Where in a stream it is looked for."""
_HEAD = struct.Struct("@PnNI")
"""pjmedia_jbuf as it begins (pjmedia/jbuf.c): its name, a frame's size in bytes, and in milliseconds."""
_PTIMES_MS = (10, 20, 30)
_SESSION_BYTES = 1024
"""Where in an RTP or RTCP session the sequence numbers are looked for."""
_NO_BAD_SEQUENCE = 0x10001
"""RTP_SEQ_MOD + 1 (RFC 3550 appendix A.1), in a session that has just begun."""
_MEMORY = Path("/proc/self/mem")
"""Read instead of memory itself: what looks like a pointer and is none would end the process."""


class Reordering:
    """One call's; `delay` is called with the milliseconds that its jitter buffer is to hold back."""

    def __init__(self, delay: Callable[[int], None]) -> None:
        self._delay = delay
        self._step = 0
        self._settled = True
        self._seen = (0, 0, 0)

    def look(self, packets: int, missing: int, late: int) -> None:
        """What the stream has counted so far: packets; the jitter buffer's frames that were not there when due, and
        those that came too late."""
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
            # While the delay builds up frames are missing: that stretch tells nothing.
            self._settled = not needed
            if needed:
                self._step += 1
                self._delay(DELAYS_MS[self._step - 1])


def end_probation(stream: int) -> None:
    """Has the pjmedia stream at address `stream` take, and count, RTP of which no two packets came in sequence.

    RFC 3550 appendix A.1: a source is valid once two of its packets did. The source of ours is known by other means.
    """
    sessions = (ctypes.c_void_p * 3)()
    if not stream or _lib.pjmedia_stream_get_rtp_session_info(stream, sessions):
        return
    with _MEMORY.open("rb", buffering=0) as memory:
        for session in filter(None, (sessions[0], sessions[2])):  # what comes in; what RTCP says of it
            words = [word for (word,) in struct.iter_unpack("@I", _read(memory.fileno(), session, _SESSION_BYTES))]
            for at in range(len(words) - 4):
                # pjmedia_rtp_seq_session: max_seq, cycles, base_seq, bad_seq, probation.
                highest, cycles, first, bad, probation = words[at : at + 5]
                if (cycles, bad, probation) == (0, _NO_BAD_SEQUENCE, 1) and max(highest, first) < 1 << 16:
                    ctypes.c_uint32.from_address(session + 4 * (at + 4)).value = 0
                    break


def hold_back(stream: int, delay_ms: int) -> bool:
    """Delays the pjmedia stream at address `stream` by about so much; what it holds now is lost.

    False: its jitter buffer was not found.
    """
    port = ctypes.c_void_p()
    if not stream or _lib.pjmedia_stream_get_port(stream, ctypes.byref(port)) or not port.value:
        return False
    with _MEMORY.open("rb", buffering=0) as memory:
        mine = memory.fileno()
        # A port begins with its name (pjmedia/port.h), and the jitter buffer has the stream's.
        address, length = struct.unpack("@Pn", os.pread(mine, 16, port.value))
        name = _read(mine, address, length)
        for (pointer,) in struct.iter_unpack("@P", os.pread(mine, _STREAM_BYTES, stream)):
            head = _read(mine, pointer, _HEAD.size)
            if len(head) < _HEAD.size:
                continue
            address, found, size, ptime = _HEAD.unpack(head)
            if found == length and size and ptime in _PTIMES_MS and name and _read(mine, address, found) == name:
                _lib.pjmedia_jbuf_set_fixed(pointer, delay_ms // ptime)
                # It holds frames back while it fills up, and only an empty one does.
                _lib.pjmedia_jbuf_reset(pointer)
                return True
    return False


def _read(memory: int, address: int, count: int) -> bytes:
    """Nothing where there is no memory."""
    try:
        return os.pread(memory, count, address)
    except (OSError, OverflowError):
        return b""
