"""The two small interfaces that engines implement, and the values that they return.

An engine is a synchronous object without threads, sockets, or an event loop, used by one thread at a time. A host
(`sidecars/local/`) decides where it runs: in the same process, a child process, or a server. The same weights run in
all of them.

Audio is 16-bit signed little-endian mono PCM in `bytes`, at the engine's own `sample_rate`.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import Any, Protocol, runtime_checkable

STT_ENGINES = ("moonshine", "nemo", "onnx_tdt", "qwen3", "sherpa", "whisper")
TTS_ENGINES = ("chatterbox", "espeak", "hibari", "kokoro", "piper")
"""The synthesis engines in `sidecars/engines`."""
_GONE = {"pocketsphinx": "moonshine"}
"""Engines of earlier versions, and their replacements."""


@dataclass(frozen=True, slots=True)
class Word:
    """A word of a hypothesis: the seconds of the session's audio in which it was said, and a confidence from 0 to 1."""

    text: str
    start: float
    end: float
    confidence: float = 1.0


@dataclass(frozen=True, slots=True)
class Hypothesis:
    """What one session has understood so far. `words` make up `text`; empty: the engine does not know their times."""

    text: str
    confidence: float = 1.0
    words: Sequence[Word] = ()
    others: Sequence[str] = ()
    """In a final: other texts that may well have been said, likeliest first."""


class SttEngine(Protocol):
    """Streaming speech-to-text for many sessions at once.

    A session is an utterance: `open`, then audio through `step`, then `finalize` or `cancel`, either of which frees
    everything that the engine holds for it. The host assigns the ids, and never reuses one.
    """

    sample_rate: int
    max_sessions: int
    """The most sessions that it can hold at once."""

    def open(self, session: int, options: Mapping[str, Any]) -> None:
        """Opens a session. Raises `EngineFull` if there is no room, and `ValueError` for a bad option."""
        ...

    def step(self, audio: Mapping[int, bytes]) -> Mapping[int, Hypothesis]:
        """Feeds one chunk to each session in `audio` and returns the hypotheses that changed."""
        ...

    def finalize(self, session: int) -> Hypothesis:
        """Decodes the remaining audio, frees the session, and returns its final hypothesis."""
        ...

    def cancel(self, session: int) -> None:
        """Frees the session without a final hypothesis."""
        ...

    def held(self) -> Mapping[str, int]:
        """The number of sessions held in each of the engine's stores, by store; all zero if nothing is open."""
        ...


@runtime_checkable
class Interruptible(Protocol):
    """An `SttEngine` whose `step` takes long enough to be interrupted if somebody waits."""

    urgent: Callable[[], bool]
    """Set by the host; once it returns true, `step` returns as soon as it can."""

    @property
    def undone(self) -> bool:
        """Whether another `step` has something to do even without more audio."""
        ...


@runtime_checkable
class Chunked(Protocol):
    """An `SttEngine` that processes audio in chunks of a fixed size, however much it is fed."""

    chunk_s: float
    """Seconds of audio in a chunk: if they are fed less than this in a step, many streams are not processed in one
    batch."""

    def finalize_all(self, sessions: Sequence[int]) -> Sequence[Hypothesis]:
        """Does `finalize` for each of `sessions`, whose remaining audio is processed together."""
        ...


@dataclass(frozen=True, slots=True)
class Chunk:
    """A piece of synthesized speech. `marks`: (sample in the utterance, start, end in the text) for each word."""

    pcm: bytes
    marks: Sequence[tuple[int, int, int]] = ()


class TtsEngine(Protocol):
    """Streaming synthesis of one utterance at a time."""

    sample_rate: int

    def voices(self) -> Sequence[str]:
        """The names that `speak` accepts as `voice`; the first is the default."""
        ...

    def speak(self, text: str, options: Mapping[str, Any], stop: Callable[[], bool]) -> Iterator[Chunk]:
        """Speaks `text` (options: `voice` str, `rate` float, 1.0 = normal) in chunks as they are made.

        An engine whose `continues` is true also gets `before`, the part of the same sentence that was spoken just
        before. `stop` is called as often as the engine can; once it returns true, the iterator ends without another
        chunk.
        """
        ...


class EngineFull(Exception):
    """The engine has no room for another session; open sessions are not affected."""


class EngineLost(Exception):
    """The engine is unusable, and so would be another one in this process, which should end. The message says why."""


def instead(name: str, known: Sequence[str] = STT_ENGINES + TTS_ENGINES) -> str:
    """What to write instead of the engine's name `name`, which is not in `known`."""
    if (successor := _GONE.get(name)) in known:
        return f'write "{successor}"'
    close = difflib.get_close_matches(name, known, 1)
    return f'did you mean "{close[0]}"?' if close else f"there are {', '.join(known)}"


def load(name: str, options: Mapping[str, Any]) -> Any:
    """Loads the engine called `name` with `sidecars.engines.NAME.create(options)`. Raises `ValueError` for an unknown
    name, and `ImportError` if its packages are not installed.
    """
    if not name.isidentifier():
        raise ValueError(f"engine {name!r}: not a name")
    try:
        module = import_module(f"sidecars.engines.{name}")
    except ModuleNotFoundError as error:
        if error.name == f"sidecars.engines.{name}":
            raise ValueError(f"engine {name!r}: no such engine; {instead(name)}") from None
        raise
    return module.create(options)
