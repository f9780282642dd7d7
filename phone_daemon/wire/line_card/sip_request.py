"""A request that the line card sends outside of any call: OPTIONS, which asks a trunk whether it is reachable."""

from __future__ import annotations

import ctypes
import secrets

import pjsua2 as pj
from pjsua2 import _pjsua2

from phone_daemon.wire.line_card import native

_lib = ctypes.PyDLL(_pjsua2.__file__)


class _Str(ctypes.Structure):
    """pj_str_t"""

    _fields_ = (("ptr", ctypes.c_char_p), ("slen", ctypes.c_ssize_t))

    @classmethod
    def of(cls, text: str) -> _Str:
        data = text.encode()
        return cls(data, len(data))


_str = ctypes.POINTER(_Str)
_lib.pjsip_get_options_method.restype = ctypes.c_void_p
_lib.pjsip_endpt_create_request.argtypes = (
    *(ctypes.c_void_p, ctypes.c_void_p, _str, _str, _str, _str, _str),
    *(ctypes.c_int, _str, ctypes.POINTER(ctypes.c_void_p)),
)
_lib.pjsip_endpt_send_request.argtypes = (
    *(ctypes.c_void_p, ctypes.c_void_p, ctypes.c_int32, ctypes.c_void_p, ctypes.c_void_p),
)


def ask_options(target: str, ours: str) -> str:
    """Sends OPTIONS to the SIP URI `target`, as `ours`; returns the Call-ID that the answer will carry.

    Raises `RuntimeError` if pjsip cannot create or send it.
    """
    endpoint, made, call_id = native.endpoint(), ctypes.c_void_p(), secrets.token_hex(12)
    texts = [ctypes.byref(_Str.of(text)) for text in (target, f"<{ours}>", f"<{target}>", f"<{ours}>", call_id)]
    status = _lib.pjsip_endpt_create_request(
        endpoint, _lib.pjsip_get_options_method(), *texts, 1, None, ctypes.byref(made)
    )
    status = status or _lib.pjsip_endpt_send_request(endpoint, made, -1, None, None)
    if status:
        raise RuntimeError(f"OPTIONS to {target}: {pj.Endpoint.instance().utilStrError(status)}")
    return call_id
