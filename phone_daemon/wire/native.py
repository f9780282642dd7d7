"""The few functions of pjproject's C interface that pjsua2 does not wrap; the wheel exports them all.

They are called with the interpreter's lock held: they are short, and the bridge comes back into Python on the
same thread, eight times a tick.
"""

from __future__ import annotations

import ctypes
from typing import Any

from pjsua2 import _pjsua2

from phone_daemon.events import FRAME_BYTES

_lib = ctypes.PyDLL(_pjsua2.__file__)
_lib.pjsua_set_no_snd_dev.restype = ctypes.c_void_p
_lib.pjmedia_port_get_frame.argtypes = (ctypes.c_void_p, ctypes.c_void_p)
_lib.pjsip_tsx_get_dlg.argtypes = (ctypes.c_void_p,)
_lib.pjsip_tsx_get_dlg.restype = ctypes.c_void_p
_lib.pjsip_dlg_respond.argtypes = (
    ctypes.c_void_p,
    ctypes.c_void_p,
    ctypes.c_int,
    ctypes.c_void_p,
    ctypes.c_void_p,
    ctypes.c_void_p,
)


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
    """The conference bridge without a sound device; `pull` is its clock. Made once the library is started."""

    def __init__(self) -> None:
        self._port = _lib.pjsua_set_no_snd_dev()
        self._room = ctypes.create_string_buffer(4 * FRAME_BYTES)
        self._frame = _MediaFrame()
        self._at = ctypes.addressof(self._frame)

    def pull(self) -> None:
        """One tick: every port is asked for 20 ms and given 20 ms; RTP has left when this returns."""
        self._frame.buf = ctypes.addressof(self._room)
        self._frame.size = FRAME_BYTES
        _lib.pjmedia_port_get_frame(self._port, self._at)


def set_log_level(level: int) -> None:
    """pjlib's log level, 0 (nothing) to 6; before the library is initialised as well."""
    _lib.pj_log_set_level(level)


def set_transaction_timeout(seconds: float) -> None:
    """Timers B, F and H of RFC 3261, 32 s otherwise. After the library is initialised."""
    _lib.pjsip_tsx_set_timers(0, 0, 0, round(seconds * 1000))


def max_calls() -> int:
    """Calls that the library can carry: what was asked for, cut down to what it was compiled for."""
    return int(_lib.pjsua_call_get_max_count())


def respond_ok(transaction: Any, request: Any) -> None:
    """Answers a request within a dialog with 200 (pjsua2's `tsx.pjTransaction` and `rdata.pjRxData`)."""
    dialog = _lib.pjsip_tsx_get_dlg(int(transaction))
    if dialog:
        _lib.pjsip_dlg_respond(dialog, int(request), 200, None, None, None)
