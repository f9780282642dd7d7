"""The few functions of pjproject's C interface that pjsua2 does not wrap, or only at a high cost; the wheel exports
them.

The audio path is here because of that cost. pjsua2's own `AudioMediaPort` passes frames as C++ vectors that are
converted byte by byte (over 100 µs per frame) and, even with that fixed, spends 5 µs per frame in wrappers; a port with
two C callbacks spends 2.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from pathlib import Path

import pjsua2 as pj
from pjsua2 import _pjsua2

from phone_daemon.events import FRAME_BYTES, FRAME_SAMPLES, SAMPLE_RATE

SILENCE = bytes(FRAME_BYTES)
_AUDIO = 1
"""PJMEDIA_FRAME_TYPE_AUDIO"""
_PUT_FRAME, _GET_FRAME = 96, 104
"""offsetof(pjmedia_port, put_frame) and get_frame, on 64-bit machines; checked before they are used."""

# PyDLL: the calls are short, the bridge calls back, and everything is on the one thread that holds the lock anyway.
_lib = ctypes.PyDLL(_pjsua2.__file__)
_lib.pjsua_set_no_snd_dev.restype = ctypes.c_void_p
_lib.pjsua_get_pjsip_endpt.restype = ctypes.c_void_p
_lib.pjsip_endpt_get_tpmgr.argtypes = (ctypes.c_void_p,)
_lib.pjsip_endpt_get_tpmgr.restype = ctypes.c_void_p
_lib.pjmedia_port_get_frame.argtypes = (ctypes.c_void_p, ctypes.c_void_p)
_lib.pjsua_pool_create.argtypes = (ctypes.c_char_p, ctypes.c_size_t, ctypes.c_size_t)
_lib.pjsua_pool_create.restype = ctypes.c_void_p
_lib.pjsua_conf_add_port.argtypes = (ctypes.c_void_p, ctypes.c_void_p, ctypes.POINTER(ctypes.c_int))
_lib.pjmedia_null_port_create.argtypes = (
    ctypes.c_void_p,
    *(ctypes.c_uint, ctypes.c_uint, ctypes.c_uint, ctypes.c_uint),
    ctypes.POINTER(ctypes.c_void_p),
)
_FrameCallback = ctypes.PYFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p)

_lib.pjmedia_stream_get_rtp_session_info.argtypes = (ctypes.c_void_p, ctypes.c_void_p)


class _MediaFrame(ctypes.Structure):
    """pjmedia_frame (pjmedia/frame.h)."""

    _fields_ = (
        ("type", ctypes.c_int),
        ("buf", ctypes.c_void_p),
        ("size", ctypes.c_size_t),
        ("timestamp", ctypes.c_uint64),
        ("bit_info", ctypes.c_uint32),
    )


class Bridge:
    """The conference bridge without a sound device; `pull` is its clock. Created once the library has started."""

    def __init__(self) -> None:
        self._port = _lib.pjsua_set_no_snd_dev()
        self._room = ctypes.create_string_buffer(4 * FRAME_BYTES)
        self._frame = _MediaFrame()
        self._at = ctypes.addressof(self._frame)

    def pull(self) -> None:
        """Runs one tick: every port is asked for 20 ms and given 20 ms; RTP has left when this returns."""
        self._frame.buf = ctypes.addressof(self._room)
        self._frame.size = FRAME_BYTES
        _lib.pjmedia_port_get_frame(self._port, self._at)


class Port:
    """The agent's place on the bridge. In each tick the bridge calls `speak()`, and leaves what the port hears in
    `heard`.

    It is permanent (the next call takes it over), so that calls come and go without creating or destroying a port.
    """

    def __init__(self) -> None:
        """Raises `RuntimeError` if the bridge is full, or ports are not laid out as this module assumes."""
        self.speak: Callable[[], bytes] = bytes
        """Returns the agent's next `FRAME_BYTES`, or nothing for silence."""
        self.heard = SILENCE
        """The caller's last frame; code that takes it puts silence in its place."""
        pool = _lib.pjsua_pool_create(b"agent", 1024, 1024)
        port, slot = ctypes.c_void_p(), ctypes.c_int(-1)
        _check(_lib.pjmedia_null_port_create(pool, SAMPLE_RATE, 1, FRAME_SAMPLES, 16, ctypes.byref(port)))
        # Kept, because pjmedia calls them for as long as the process lives.
        self._callbacks = _FrameCallback(self._get_frame), _FrameCallback(self._put_frame)
        for offset, callback in zip((_GET_FRAME, _PUT_FRAME), self._callbacks, strict=True):
            entry = ctypes.c_void_p.from_address(int(port.value or 0) + offset)
            if entry.value is None or not is_code(entry.value):
                raise RuntimeError("this build of pjsua2 lays out its audio ports in an unknown way")
            entry.value = ctypes.cast(callback, ctypes.c_void_p).value
        _check(_lib.pjsua_conf_add_port(pool, port, ctypes.byref(slot)))
        self._slot = slot.value

    def connect(self, slot: int) -> None:
        """Connects a call's own port both ways; doing it twice is harmless. The bridge disconnects ports that it
        drops."""
        join(self._slot, slot)

    def _get_frame(self, _port: int, address: int) -> int:
        frame = _MediaFrame.from_address(address)
        pcm = self.speak() or SILENCE
        # One byte too many would corrupt the heap of a process that carries four calls.
        if len(pcm) != FRAME_BYTES:
            raise AssertionError(f"a frame of {len(pcm)} bytes")
        ctypes.memmove(frame.buf, pcm, FRAME_BYTES)
        frame.type = _AUDIO
        frame.size = FRAME_BYTES
        return 0

    def _put_frame(self, _port: int, address: int) -> int:
        frame = _MediaFrame.from_address(address)
        if frame.type == _AUDIO and frame.size == FRAME_BYTES:
            self.heard = ctypes.string_at(frame.buf, FRAME_BYTES)
        return 0


def join(slot: int, other: int) -> None:
    """Lets two ports of the bridge hear each other; doing it twice is harmless."""
    _check(_lib.pjsua_conf_connect(slot, other))
    _check(_lib.pjsua_conf_connect(other, slot))


def _check(status: int) -> None:
    if status:
        raise RuntimeError(f"pjmedia: {pj.Endpoint.instance().utilStrError(status)}")


def is_code(address: int) -> bool:
    """Whether `address` lies in the executable part of the pjsua2 library."""
    library = str(Path(_pjsua2.__file__).resolve())  # the kernel names the file, not the link by which it was reached
    for line in Path("/proc/self/maps").read_text().splitlines():
        # Address range, rights, offset, device, inode, and, except for anonymous memory, a path that may contain
        # spaces.
        span, rights, _, _, _, *path = line.split(maxsplit=5)
        if "x" in rights and path == [library]:
            start, end = (int(bound, 16) for bound in span.split("-"))
            if start <= address < end:
                return True
    return False


def endpoint() -> int:
    """pjsip's endpoint, an address. There is one once the library is initialized."""
    return int(_lib.pjsua_get_pjsip_endpt())


def transport_manager() -> int:
    """pjsip's transport manager, an address."""
    return int(_lib.pjsip_endpt_get_tpmgr(endpoint()))


def set_log_level(level: int) -> None:
    """Sets pjlib's log level, 0 (nothing) to 6. May be called before the library is initialized."""
    _lib.pj_log_set_level(level)


def set_transaction_timeout(seconds: float) -> None:
    """Sets timers B, F, and H of RFC 3261, which default to 32 s. Call it after the library is initialized."""
    _lib.pjsip_tsx_set_timers(0, 0, 0, round(seconds * 1000))


def max_calls() -> int:
    """Most calls that the library can carry: the number that was asked for, limited by the number it was compiled
    for."""
    return int(_lib.pjsua_call_get_max_count())


def calls() -> int:
    """Calls that the library carries now, including those whose BYE has not been answered yet."""
    return int(_lib.pjsua_call_get_count())


class _RtpSession(ctypes.Structure):
    """The part of this wheel's pjmedia_rtp_session (pjmedia/rtp.h) that is read."""

    _fields_ = (
        ("out_hdr", ctypes.c_byte * 12),
        ("seq_ctrl", ctypes.c_uint32 * 5),
        ("out_pt", ctypes.c_uint16),
        ("out_extseq", ctypes.c_uint32 * 2),
        ("peer_ssrc", ctypes.c_uint32),
        ("received", ctypes.c_uint32),
    )


def sender_ssrc(stream: int, packets: int) -> int:
    """SSRC of the RTP that the pjmedia stream at address `stream` receives; 0 if it is not known.

    `packets` is the number of received packets in the stream's statistics. If the structure contains another number, it
    is not the structure known here.
    """
    found = (ctypes.c_void_p * 3)()
    if not stream or _lib.pjmedia_stream_get_rtp_session_info(stream, found) or not found[0]:
        return 0
    session = _RtpSession.from_address(found[0])
    return int(session.peer_ssrc) if packets and abs(session.received - packets) <= 5 else 0
