"""espeak-ng: formant synthesis from the `espeakng-loader` wheel, hundreds of times faster than real time.

The library is driven through ctypes, following `speak_lib.h` of espeak-ng 1.52. It passes audio to a callback while
`espeak_Synth` runs, so an iterator can only yield it when that call is over. Therefore text is spoken in pieces of a
few sentences, which take some milliseconds each, and the callback stops a piece as soon as that is requested.
"""

from __future__ import annotations

import ctypes
import os
import re
import unicodedata
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import espeakng_loader
import numpy as np

from sidecars.engine import Chunk
from sidecars.engines.checked import refuse_unknown, speaking_rate
from sidecars.engines.level import Floats, as_pcm, gain
from sidecars.pieces import pieces

VOICES = (
    "en-us", "en-us+f5", "en-us+f2", "en-us+f3", "en-us+Annie", "en-us+m3", "en-us+m7", "en-us+Michael",
    "en-gb", "en-gb+f5", "en-gb-x-rp", "en-gb-scotland", "de", "es", "fr-fr", "it", "nl", "pt-br",
)  # fmt: skip
"""The names that are offered. Any other language or variant of espeak-ng is accepted too."""

WORDS_PER_MINUTE = 170
"""The speed at rate 1.0. espeak's own default is 175; on a narrow band, slightly slower speech is easier to follow."""
PIECE_CHARS = 300
"""The longest piece of text that is synthesized at once: some 20 s of speech, about 10 ms of work."""
CHUNK_MS = 100
"""The length of the audio in one callback."""

_SYNCHRONOUS, _DONT_EXIT = 2, 0x8000
_UTF8, _END_PAUSE = 1, 0x1000
_RATE = 1
_WORD, _LIST_END = 1, 0
_MAX_LIBRARY = 64 * 2**20


class _Event(ctypes.Structure):
    """`espeak_EVENT`. `text_position` counts characters from 1, `sample` from the start of the piece's audio."""

    _fields_ = (
        ("type", ctypes.c_int),
        ("unique_identifier", ctypes.c_uint),
        ("text_position", ctypes.c_int),
        ("length", ctypes.c_int),
        ("audio_position", ctypes.c_int),
        ("sample", ctypes.c_int),
        ("user_data", ctypes.c_void_p),
        ("id", ctypes.c_char * 8),
    )


class _Voice(ctypes.Structure):
    """`espeak_VOICE`."""

    _fields_ = (
        ("name", ctypes.c_char_p),
        ("languages", ctypes.c_char_p),
        ("identifier", ctypes.c_char_p),
        ("gender", ctypes.c_ubyte),
        ("age", ctypes.c_ubyte),
        ("variant", ctypes.c_ubyte),
        ("unused", ctypes.c_ubyte),
        ("score", ctypes.c_int),
        ("spare", ctypes.c_void_p),
    )


_Callback = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.c_int, ctypes.POINTER(_Event))


class Espeak:
    """A `TtsEngine`. Options of `create`: `voice` and `rate`, the defaults of the same options of `speak`.

    Marks are for words as separated by spaces: "$5.50", which espeak speaks as four words, has one mark. If espeak's
    dictionary treats two words as one ("a while"), the second has none.
    """

    def __init__(self, voice: str = VOICES[0], rate: float = 1.0) -> None:
        self._library = _own_library()
        data = espeakng_loader.get_data_path()
        self.sample_rate = int(self._library.espeak_Initialize(_SYNCHRONOUS, CHUNK_MS, os.fsencode(data), _DONT_EXIT))
        if self.sample_rate <= 0:
            raise RuntimeError(f"espeak-ng does not start with its data in {data}: reinstall espeakng-loader")
        self._variants = {path.name for path in (Path(data) / "voices" / "!v").iterdir()}
        self._callback = _Callback(self._on_audio)
        self._library.espeak_SetSynthCallback(self._callback)
        self._stop: Callable[[], bool] = lambda: False
        self._made: list[tuple[bytes, list[tuple[int, int]]]] = []
        self._error: BaseException | None = None
        self._default = voice
        self._rate = rate
        self._set_voice(voice)
        self._set_rate(rate)

    def voices(self) -> Sequence[str]:
        return (self._default, *(voice for voice in VOICES if voice != self._default))

    def speak(self, text: str, options: Mapping[str, Any], stop: Callable[[], bool]) -> Iterator[Chunk]:
        """See `TtsEngine`. Text is never read as markup. Raises ValueError for a bad option, with the first chunk."""
        refuse_unknown("espeak", options, ("voice", "rate"))
        self._set_voice(options.get("voice") or self._default)
        self._set_rate(options.get("rate") or self._rate)
        words = [match.span() for match in re.finditer(r"\S+", text)]
        samples = 0
        for start, piece in pieces(_plain(text).rstrip(), PIECE_CHARS):
            if stop() or not self._synthesize(piece, stop):
                return
            length = 0
            louder = gain(_samples(b"".join(pcm for pcm, _ in self._made)), self.sample_rate)
            for pcm, positions in self._made:
                if stop():
                    return
                marks: list[tuple[int, int, int]] = []
                for sample, position in positions:
                    while words and words[0][1] <= start + position:
                        words.pop(0)  # standalone punctuation has no event
                    if words and words[0][0] <= start + position:
                        marks.append((samples + sample, *words.pop(0)))
                length += len(pcm) // 2
                yield Chunk(as_pcm(louder * _samples(pcm)), marks)
            samples += length

    def _synthesize(self, piece: str, stop: Callable[[], bool]) -> bool:
        """Fills `_made`; returns False if it was stopped before the end."""
        data = piece.encode()
        self._made, self._stop, self._error = [], stop, None
        # A piece that is followed by another one ends in a space. What follows the last one is up to the caller.
        pause = _END_PAUSE if piece[-1].isspace() and piece.rstrip()[-1] in ".!?…,;:" else 0
        failed = self._library.espeak_Synth(data, len(data) + 1, 0, 1, 0, _UTF8 | pause, None, None)
        self._stop = lambda: False
        if self._error is not None:
            raise self._error
        if failed:
            raise RuntimeError(f"espeak-ng refuses a text of {len(data)} bytes: error {failed}")
        return not stop()

    def _on_audio(self, wave: int | None, count: int, events: Any) -> int:
        # An exception must not pass through C: ctypes would print it and continue.
        try:
            if self._stop():
                return 1
            if wave and count:
                self._made.append((ctypes.string_at(wave, 2 * count), _words(events)))
        except BaseException as error:
            self._error = error
            return 1
        return 0

    def _set_voice(self, voice: object) -> None:
        if not isinstance(voice, str) or not re.fullmatch(r"[A-Za-z0-9-]+(\+[\w-]+)?", voice):
            raise ValueError(f"voice {voice!r}: expected a name such as {VOICES[0]!r} or {VOICES[1]!r}")
        language, _, variant = voice.partition("+")
        if variant and variant not in self._variants:
            raise ValueError(f"voice {voice!r}: espeak-ng has no variant {variant!r}")
        if self._library.espeak_SetVoiceByName(voice.encode()) == 0:
            return
        # "en-gb" is a language, which is served by a voice with another name.
        wanted = _Voice(languages=language.encode())
        if self._library.espeak_SetVoiceByProperties(ctypes.byref(wanted)) != 0:
            raise ValueError(f"voice {voice!r}: espeak-ng has no such voice or language")
        if variant:
            identifier = self._library.espeak_GetCurrentVoice().contents.identifier
            self._library.espeak_SetVoiceByName(identifier + b"+" + variant.encode())

    def _set_rate(self, rate: object) -> None:
        self._library.espeak_SetParameter(_RATE, round(speaking_rate(rate, 2.5) * WORDS_PER_MINUTE), 0)


def create(options: Mapping[str, Any]) -> Espeak:
    """Creates the engine. Raises ValueError for a bad option."""
    refuse_unknown("espeak", options, ("voice", "rate"))
    return Espeak(**options)


def _own_library() -> ctypes.CDLL:
    """Loads a copy of the library for this engine alone.

    espeak-ng keeps the voice, the rate, and even the phase of its oscillators in global variables. Engines that shared
    them would speak with each other's voices, and the same call replayed twice in one process would not sound the same.
    """
    # The descriptor stays open: a later copy must not get the same name, or the loader would return this one.
    copy = os.memfd_create("espeak-ng")
    with open(espeakng_loader.get_library_path(), "rb") as library:  # noqa: PTH123
        os.sendfile(copy, library.fileno(), 0, _MAX_LIBRARY)
    loaded = ctypes.CDLL(f"/proc/self/fd/{copy}")
    loaded.espeak_GetCurrentVoice.restype = ctypes.POINTER(_Voice)
    return loaded


def _samples(pcm: bytes) -> Floats:
    return np.frombuffer(pcm, "<i2").astype(np.float32) / np.float32(32768)


def _words(events: Any) -> list[tuple[int, int]]:
    """The (sample, character) pairs of the words that begin in a callback's audio."""
    found = []
    n = 0
    while events[n].type != _LIST_END:
        if events[n].type == _WORD:
            found.append((events[n].sample, events[n].text_position - 1))
        n += 1
    return found


def _plain(text: str) -> str:
    """`text` with spaces in place of characters that espeak should not see.

    It interprets control characters as commands, cannot encode lone surrogates, and reads out the names of pictographs,
    after which its text positions are wrong.
    """
    return "".join(" " if _unspeakable(char) else char for char in text)


def _unspeakable(char: str) -> bool:
    kind = unicodedata.category(char)
    return kind in ("Cc", "Cs") or (kind == "So" and char > "\u2190") or char > "\U0001f000" or char in "\u200d\ufe0f"
