"""Audio in and out of pjsua2's frames, at the price of a memcpy.

`pjsua2.MediaFrame.buf` is a `std::vector<unsigned char>`, and the wrapper converts it element by element (over
100 µs a frame). A vector is three pointers (begin, end, end of storage) in every C++ library in use; this reads
them and copies. Whether that holds here is tried once at start; where it does not, the slow way is taken.
"""

from __future__ import annotations

import ctypes
import struct
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pjsua2 as pj

_POINTERS = struct.Struct("=QQQ")


@dataclass(frozen=True, slots=True)
class FrameAccess:
    read: Callable[[Any], bytes]
    """The content of a frame."""
    write: Callable[[Any, bytes], None]
    """Fills an empty frame and marks it as audio."""
    direct: bool


def frame_access() -> FrameAccess:
    """The fastest way that works with this build of pjsua2."""
    return DIRECT if _layout_holds() else ELEMENTWISE


def _span(vector: Any) -> tuple[int, int, int]:
    begin, end, capacity = _POINTERS.unpack(ctypes.string_at(int(vector.this), _POINTERS.size))
    return begin, end, capacity


def _read_direct(frame: Any) -> bytes:
    begin, end, _ = _span(frame.buf)
    return ctypes.string_at(begin, end - begin)


def _write_direct(frame: Any, pcm: bytes) -> None:
    vector = frame.buf
    vector.resize(len(pcm))
    begin, end, _ = _span(vector)
    # One byte too many corrupts the heap of a process that carries four calls.
    if end - begin != len(pcm):
        raise AssertionError(f"frame of {end - begin} bytes for {len(pcm)} bytes of audio")
    ctypes.memmove(begin, pcm, len(pcm))
    frame.type = pj.PJMEDIA_FRAME_TYPE_AUDIO
    frame.size = len(pcm)


def _read_elementwise(frame: Any) -> bytes:
    return bytes(frame.buf)


def _write_elementwise(frame: Any, pcm: bytes) -> None:
    frame.buf = pj.ByteVector(pcm)
    frame.type = pj.PJMEDIA_FRAME_TYPE_AUDIO
    frame.size = len(pcm)


DIRECT = FrameAccess(_read_direct, _write_direct, direct=True)
ELEMENTWISE = FrameAccess(_read_elementwise, _write_elementwise, direct=False)


def _layout_holds() -> bool:
    probe = bytes(range(1, 201))
    vector = pj.ByteVector(probe)
    begin, end, capacity = _span(vector)
    # The order and the distance are checked before anything is read through them.
    if not (0 < begin < end <= capacity and end - begin == len(probe)):
        return False
    if ctypes.string_at(begin, len(probe)) != probe:
        return False
    ctypes.memmove(begin, probe[::-1], len(probe))
    return bytes(vector) == probe[::-1]
