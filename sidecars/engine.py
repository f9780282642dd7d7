"""The two small interfaces every engine implements, and the values they return.

An engine is a synchronous object with no threads, sockets or event loop of its own, used by one thread at a time.
A host (`sidecars/local/`) puts it where it runs: the same process, a child process, a server. The same weights
run in all of them.

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
"""In `sidecars/engines`."""
_GONE = {"pocketsphinx": "moonshine"}
"""Engines of earlier versions, and what has taken their place."""


@dataclass(frozen=True, slots=True)
class Word:
    """A word of a hypothesis: seconds of the session's audio in which it was said, confidence 0 to 1."""

    text: str
    start: float
    end: float
    confidence: float = 1.0


@dataclass(frozen=True, slots=True)
class Hypothesis:
    """What one session understood so far. `words` make up `text`; none: the engine does not know their times."""

    text: str
    confidence: float = 1.0
    words: Sequence[Word] = ()
    others: Sequence[str] = ()
    """For good: other texts that it may well have been, the likeliest first."""


class SttEngine(Protocol):
    """Streaming speech-to-text for many sessions at once.

    A session is an utterance: `open`, then audio through `step`, then `finalize` or `cancel`, either of which
    frees everything the engine holds for it. Ids are the host's, never reused.
    """

    sample_rate: int
    max_sessions: int
    """How many it can hold at once."""

    def open(self, session: int, options: Mapping[str, Any]) -> None:
        """Makes room for a session. Raises `EngineFull` when there is none, `ValueError` for a bad option."""
        ...

    def step(self, audio: Mapping[int, bytes]) -> Mapping[int, Hypothesis]:
        """Feeds one chunk to each session named and returns the hypotheses that changed."""
        ...

    def finalize(self, session: int) -> Hypothesis:
        """Decodes what is left, frees the session, returns its last word."""
        ...

    def cancel(self, session: int) -> None:
        """Frees the session without another word."""
        ...

    def held(self) -> Mapping[str, int]:
        """Sessions held in each of the engine's stores, by store; all zero when nothing is open."""
        ...


@runtime_checkable
class Interruptible(Protocol):
    """An `SttEngine` whose `step` takes long enough to be broken off for somebody who waits."""

    urgent: Callable[[], bool]
    """Set by the host; once it is true, `step` returns as soon as it can."""

    @property
    def undone(self) -> bool:
        """Whether another `step` has something to do even without more audio."""
        ...


@runtime_checkable
class Chunked(Protocol):
    """An `SttEngine` that hears so much at once, whatever the size of what it is fed."""

    chunk_s: float
    """Seconds of audio: fed less in a step than this, many streams are not heard in one batch."""

    def finalize_all(self, sessions: Sequence[int]) -> Sequence[Hypothesis]:
        """`finalize` for each of some sessions, all of which are heard to their end together."""
        ...


@dataclass(frozen=True, slots=True)
class Chunk:
    """A piece of synthesised speech. `marks`: (sample in the utterance, start, end in the text) a word."""

    pcm: bytes
    marks: Sequence[tuple[int, int, int]] = ()


class TtsEngine(Protocol):
    """Streaming synthesis of one utterance at a time."""

    sample_rate: int

    def voices(self) -> Sequence[str]:
        """Names that `speak` accepts as `voice`; the first is the default."""
        ...

    def speak(self, text: str, options: Mapping[str, Any], stop: Callable[[], bool]) -> Iterator[Chunk]:
        """Speaks `text` (options: `voice` str, `rate` float, 1.0 = normal) in chunks as they are made.

        An engine whose `continues` is true is also told, as `before`, what of the same sentence was spoken just before.
        `stop` is asked as often as the engine can; once it is true the iterator ends without another chunk.
        """
        ...


class EngineFull(Exception):
    """The engine has no room for another session; those that are open never notice."""


class EngineLost(Exception):
    """The engine is of no more use, nor would another one be in this process, which is to end: says why."""


def instead(name: str, known: Sequence[str] = STT_ENGINES + TTS_ENGINES) -> str:
    """What to write instead of the engine's name `name`, which is none of `known`."""
    if (successor := _GONE.get(name)) in known:
        return f'write "{successor}"'
    close = difflib.get_close_matches(name, known, 1)
    return f'did you mean "{close[0]}"?' if close else f"there are {', '.join(known)}"


def load(name: str, options: Mapping[str, Any]) -> Any:
    """The engine called `name`: `sidecars.engines.NAME.create(options)`.

    Raises `ValueError` for an unknown name, `ImportError` when its packages are not installed.
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
