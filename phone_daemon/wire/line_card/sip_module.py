"""A pjsip module of ours: it sees every SIP message before pjsua does, and may answer or drop it.

pjsua asserts where it should refuse (an INFO body without a line end ends the process, and every call in it), and
replies with 500 to requests that PBXes use to check whether we are alive. This module answers such messages before
pjsua can.
"""

from __future__ import annotations

import ctypes
import sys
from collections.abc import Callable, Mapping
from typing import Any

import pjsua2 as pj
from pjsua2 import _pjsua2

from phone_daemon.wire.line_card import native
from phone_daemon.wire.line_card.long_messages import LongMessages
from phone_daemon.wire.line_card.resubmit import resubmit

_lib = ctypes.PyDLL(_pjsua2.__file__)
_BEFORE_ALL = 1
"""Priority; pjsip's own transport layer has 8, its transactions 16, pjsua 32 and more (`pjsip_module_priority`)."""
_Callback = ctypes.PYFUNCTYPE(ctypes.c_int, ctypes.c_void_p)


class _Str(ctypes.Structure):
    """pj_str_t"""

    _fields_ = (("ptr", ctypes.c_char_p), ("slen", ctypes.c_ssize_t))


class _List(ctypes.Structure):
    """The beginning of every member of a pj_list."""

    _fields_ = (("prev", ctypes.c_void_p), ("next", ctypes.c_void_p))


class _Module(ctypes.Structure):
    """pjsip_module (pjsip/sip_module.h)"""

    _fields_ = (
        ("list", _List),
        ("name", _Str),
        ("id", ctypes.c_int),
        ("priority", ctypes.c_int),
        *((name, ctypes.c_void_p) for name in ("load", "start", "stop", "unload")),
        ("on_rx_request", _Callback),
        ("on_rx_response", _Callback),
        *((name, ctypes.c_void_p) for name in ("on_tx_request", "on_tx_response", "on_tsx_state")),
    )


_lib.pjsip_endpt_register_module.argtypes = (ctypes.c_void_p, ctypes.c_void_p)
_lib.pjsip_endpt_respond_stateless.argtypes = (
    *(ctypes.c_void_p, ctypes.c_void_p, ctypes.c_int),
    *(ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p),
)
_lib.pjsip_generic_string_hdr_create.argtypes = (ctypes.c_void_p, ctypes.POINTER(_Str), ctypes.POINTER(_Str))
_lib.pjsip_generic_string_hdr_create.restype = ctypes.c_void_p
_lib.pjsua_pool_create.argtypes = (ctypes.c_char_p, ctypes.c_size_t, ctypes.c_size_t)
_lib.pjsua_pool_create.restype = ctypes.c_void_p
_lib.pj_pool_release.argtypes = (ctypes.c_void_p,)
# pjsua2's own way from the C structure to its wrapper; SWIG does not offer it.
_from_pj = _lib._ZN2pj9SipRxData6fromPjER13pjsip_rx_data
_from_pj.argtypes = (ctypes.c_void_p, ctypes.c_void_p)
_from_pj.restype = None


class SipModule:
    """Registered for as long as the process lives; created once the library is initialized.

    `on_message` gets the whole message, the sender (`host:port`), and a handle for `respond`, and returns whether it
    has dealt with the message: True keeps it from pjsua. It must not raise. `mend` gets message and sender first, and
    returns the form in which pjsip is to see the message.
    """

    def __init__(
        self,
        on_message: Callable[[str, str, int], bool],
        mend: Callable[[str, str], str],
        host: str,
        port: int,
    ) -> None:
        """`host` and `port` are pjsip's for UDP. Raises `RuntimeError` if pjsip does not accept the module."""
        self._on_message = on_message
        self._mend = mend
        self.long = LongMessages(host, port)
        self._received = pj.SipRxData()
        self._replacing = False
        self._callback = _Callback(self._receive)
        # Kept, as is the callback, because pjsip holds pointers to both.
        self._module = _Module(
            name=_Str(b"mod-line-card", 13),
            id=-1,
            priority=_BEFORE_ALL,
            on_rx_request=self._callback,
            on_rx_response=self._callback,
        )
        self._endpoint = native.endpoint()
        status = _lib.pjsip_endpt_register_module(self._endpoint, ctypes.addressof(self._module))
        if status:
            raise RuntimeError(f"pjsip: {pj.Endpoint.instance().utilStrError(status)}")

    def _receive(self, handle: int) -> int:
        received: Any = self._received
        _from_pj(int(received.this), handle)
        text = received.wholeMsg
        if not self._replacing:
            self._replacing = True
            try:
                if self._is_replaced(text, received.srcAddress, handle):
                    return 1
            except Exception as error:
                # Whatever the error is, the message must still be screened.
                sys.stderr.write(f"ERROR a message was left as it is: {error!r:.200}\n")
            finally:
                self._replacing = False
        return int(bool(self._on_message(text, received.srcAddress, handle)))

    def _is_replaced(self, text: str, sender: str, handle: int) -> bool:
        """Hands pjsip another form of a message that it would refuse although its meaning is plain."""
        raw = text.encode("utf-8", "surrogateescape")
        if (claimed := self.long.claim(text)) is not None:
            resubmit(handle, raw, *claimed)
            return True
        mended = self._mend(text, sender)
        return mended != text and resubmit(handle, raw, mended.encode("utf-8", "surrogateescape"))

    def respond(self, handle: int, code: int, headers: Mapping[str, str] | None = None) -> None:
        """Answers a request (not an ACK) from within `on_message`, and forgets it."""
        pool = _lib.pjsua_pool_create(b"respond", 1000, 1000)
        try:
            first = _List()
            head = ctypes.addressof(first)
            first.prev = first.next = head
            for name, value in (headers or {}).items():
                texts = [text.encode() for text in (name, value)]
                made = _lib.pjsip_generic_string_hdr_create(
                    pool, *(ctypes.byref(_Str(text, len(text))) for text in texts)
                )
                last = _List.from_address(first.prev)
                entry = _List.from_address(made)
                entry.prev, entry.next = first.prev, head
                last.next = first.prev = made
            _lib.pjsip_endpt_respond_stateless(self._endpoint, handle, code, None, head, None)
        finally:
            _lib.pj_pool_release(pool)
