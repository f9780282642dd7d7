"""A cache of speech that is used in many calls, so that nobody waits for its synthesis again."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable

from phone_daemon.events import Speech

MOST_BYTES = 4_000_000
"""The size of two minutes of speech on wideband lines, or four on others: enough for the texts of a dialplan, or their
beginnings."""

Key = tuple[str, str, str]
"""The voice with its options and its rate, the phrase, and the part of the same sentence before it."""


class KeptSpeech:
    """Phrases of all calls. Beyond `most` bytes, the least recently used ones are dropped."""

    def __init__(self, most: int = MOST_BYTES) -> None:
        self._most = most
        self._bytes = 0
        self._phrases: OrderedDict[Key, tuple[Speech, ...]] = OrderedDict()

    def get(self, key: Key) -> tuple[Speech, ...]:
        """The phrase's speech; empty if it is not kept."""
        if key not in self._phrases:
            return ()
        self._phrases.move_to_end(key)
        return self._phrases[key]

    def put(self, key: Key, speech: Iterable[Speech]) -> None:
        """Keeps a whole phrase."""
        self._bytes -= _size(self._phrases.pop(key, ()))
        self._phrases[key] = tuple(speech)
        self._bytes += _size(self._phrases[key])
        while self._bytes > self._most:
            self._bytes -= _size(self._phrases.popitem(last=False)[1])


def _size(speech: Iterable[Speech]) -> int:
    return sum(len(each.pcm) + len(each.wide) for each in speech)
