"""µ-law companding (ITU-T G.711): what a telephone line does to 16-bit samples. Pure, table-driven."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

_BIAS = 132
"""Added to every magnitude so that segments begin at powers of two (G.711 table 2a, scaled to 16 bits)."""
_CLIP = 32635


def _expand(codes: npt.NDArray[np.uint8]) -> npt.NDArray[np.int16]:
    inverted = ~codes
    exponent = (inverted >> 4) & 7
    magnitude = (((inverted & 15).astype(np.int32) << 3) + _BIAS << exponent) - _BIAS
    return np.where(inverted & 0x80, -magnitude, magnitude).astype(np.int16)


def _compress(pcm: npt.NDArray[np.int16]) -> npt.NDArray[np.uint8]:
    wide = pcm.astype(np.int32)
    magnitude = np.minimum(np.abs(wide), _CLIP) + _BIAS
    exponent = np.floor(np.log2(magnitude)).astype(np.int32) - 7
    code = (exponent << 4) | ((magnitude >> (exponent + 3)) & 15) | np.where(wide < 0, 0x80, 0)
    return np.asarray(~code & 0xFF, np.uint8)


_DECODE = _expand(np.arange(256, dtype=np.uint8))
_ENCODE = _compress(np.arange(65536, dtype=np.uint16).view(np.int16))


def encode(pcm: bytes) -> bytes:
    """16-bit little-endian PCM → one µ-law byte per sample."""
    return np.take(_ENCODE, np.frombuffer(pcm, "<u2")).tobytes()


def decode(ulaw: bytes) -> bytes:
    """µ-law bytes → 16-bit little-endian PCM."""
    return np.take(_DECODE, np.frombuffer(ulaw, np.uint8)).astype("<i2").tobytes()


def through(pcm: bytes) -> bytes:
    """`pcm` as the far end of a µ-law line hears it."""
    return decode(encode(pcm))
