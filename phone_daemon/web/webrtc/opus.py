"""Mono Opus (RFC 6716) through the libopus that PyAV's wheel contains and that aiortc uses.

A browser's Opus has no fixed sample rate: libopus decodes it at any requested rate, so nothing is resampled, and
nothing is delayed except by Opus' own 6.5 ms. PyAV's decoder supports neither concealment of a lost packet (section
4.4) nor the copy of it in the next packet (in-band FEC). libopus does, so it is called directly.
"""

from __future__ import annotations

import ctypes
import functools
import weakref
from pathlib import Path

import av

from phone_daemon.events import SAMPLE_RATE, frame_samples

MAX_PACKET = 1275
"""The most bytes in one frame (section 3.4), and in a packet that we make."""
COMPLEXITY = 6
"""The complexity, of at most 10: at 16 kHz it takes half the CPU of libopus' own choice (9), with a spectrum that is no
further from the original."""
SETTLED = 25
"""Frames of silence after which a packet of silence says nothing new: half a second."""
MAX_FRAMES = 6
"""The most frames in a packet: 120 ms (section 3.4, R5)."""

_APPLICATION_VOIP = 2048
_SET_BITRATE = 4002
_SET_COMPLEXITY = 4010
_SET_INBAND_FEC = 4012
_SET_PACKET_LOSS_PERC = 4014


class OpusError(ValueError):
    """libopus reported an error, given as the message; most often the packet is not Opus."""


class LibopusMissing(RuntimeError):
    """libopus is not where PyAV's wheels have it; the message says in one line where it was looked for."""


@functools.cache
def _library() -> ctypes.CDLL:
    folder = Path(av.__file__).parent.parent / "av.libs"
    found = sorted(folder.glob("libopus-*.so*")) or sorted(folder.glob("libopus.so*"))
    if not found:
        raise LibopusMissing(f"{folder} has no libopus: install av from its wheel (pip install --force-reinstall av)")
    library = ctypes.CDLL(str(found[0]))
    library.opus_encoder_create.restype = ctypes.c_void_p
    library.opus_decoder_create.restype = ctypes.c_void_p
    library.opus_strerror.restype = ctypes.c_char_p
    return library


def _checked(result: int) -> int:
    if result < 0:
        raise OpusError(_library().opus_strerror(result).decode())
    return result


def duration(packet: bytes) -> int:
    """The number of samples at 8 kHz in `packet`; raises `OpusError` if it is not Opus."""
    return _checked(_library().opus_packet_get_nb_samples(packet, len(packet), SAMPLE_RATE))


class Encoder:
    """The encoder of one stream at `rate`, with 20 ms in a packet; about 24 kbit/s of speech, and 4 in silence."""

    def __init__(self, rate: int, bitrate: int = 24_000, expected_loss: int = 5) -> None:
        self._frame_samples = frame_samples(rate)
        library = _library()
        error = ctypes.c_int()
        self._state = ctypes.c_void_p(library.opus_encoder_create(rate, 1, _APPLICATION_VOIP, ctypes.byref(error)))
        _checked(error.value)
        weakref.finalize(self, library.opus_encoder_destroy, self._state)
        for request, value in (
            (_SET_BITRATE, bitrate),
            (_SET_COMPLEXITY, COMPLEXITY),
            (_SET_INBAND_FEC, 1),
            (_SET_PACKET_LOSS_PERC, expected_loss),
        ):
            _checked(library.opus_encoder_ctl(self._state, request, ctypes.c_int(value)))
        self._out = ctypes.create_string_buffer(MAX_PACKET)
        self._silence = bytes(2 * self._frame_samples)
        self._silent = 0
        """Frames of silence since the last sound."""
        self._packet = b""

    def encode(self, pcm: bytes) -> bytes:
        """Encodes one frame, 20 ms of 16-bit PCM, as a packet. Empty means silence; in a long one, the last packet is
        repeated, which sounds the same and costs nothing.
        """
        if pcm:
            self._silent = 0
        elif self._silent >= SETTLED:
            return self._packet
        else:
            self._silent += 1
        self._packet = self._encode(pcm or self._silence)
        return self._packet

    def _encode(self, pcm: bytes) -> bytes:
        size = _checked(_library().opus_encode(self._state, pcm, self._frame_samples, self._out, MAX_PACKET))
        return self._out.raw[:size]


class Decoder:
    """The decoder of one stream, to 16-bit PCM at `rate` (such as 8 or 16 kHz). All three methods raise `OpusError`,
    and can then continue with the next packet.
    """

    def __init__(self, rate: int) -> None:
        self.frame_samples = frame_samples(rate)
        """Samples in 20 ms."""
        self._most = MAX_FRAMES * self.frame_samples
        library = _library()
        error = ctypes.c_int()
        self._state = ctypes.c_void_p(library.opus_decoder_create(rate, 1, ctypes.byref(error)))
        _checked(error.value)
        weakref.finalize(self, library.opus_decoder_destroy, self._state)
        self._out = ctypes.create_string_buffer(2 * self._most)

    def decode(self, packet: bytes) -> bytes:
        """Decodes `packet`, which holds up to 120 ms."""
        return self._run(packet, self._most, fec=False)

    def conceal(self, samples: int) -> bytes:
        """Makes `samples` in place of lost audio (a multiple of 2.5 ms); repeated calls fade out."""
        return self._run(None, samples, fec=False)

    def recover(self, packet: bytes, samples: int) -> bytes:
        """Recovers the `samples` before `packet` from the copy that it carries, or conceals them if it carries none."""
        return self._run(packet, samples, fec=True)

    def _run(self, packet: bytes | None, samples: int, fec: bool) -> bytes:
        if packet == b"":
            raise OpusError("empty packet")  # libopus takes it for a lost one of any length.
        size = 0 if packet is None else len(packet)
        count = _checked(
            _library().opus_decode(self._state, packet, size, self._out, min(samples, self._most), int(fec))
        )
        return self._out.raw[: 2 * count]
