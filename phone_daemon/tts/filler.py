"""A short acknowledgment ("One moment.") for a reply that takes a while, in the agent's own voice.

It is synthesized before it is needed, once per voice, and kept, so that a slow agent or voice cannot delay it.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, MutableMapping, Sequence
from dataclasses import dataclass

from phone_daemon.events import Speech
from phone_daemon.tts.voice import TtsLost, Voice
from sidecars.log import Event

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Filler:
    text: str
    speech: tuple[Speech, ...]


Store = MutableMapping[tuple[str, str], Filler]
"""Fillers by voice and text, shared by all calls."""


class Fillers:
    """One call's acknowledgments: never the same twice in a row, and rarely in two consecutive turns."""

    def __init__(self, texts: Sequence[str], after_s: float, store: Store, voice: str) -> None:
        """`after_s`: how long a caller waits for a reply before a filler is played; `voice` names the voice in
        `store`."""
        self._texts = tuple(texts)
        self._after_s = after_s
        self._store = store
        self._voice = voice
        self._last = ""
        self._used = False
        """Whether the current turn has had a filler."""

    @property
    def missing(self) -> bool:
        """Whether some fillers have not been synthesized yet with this voice."""
        return any((self._voice, text) not in self._store for text in self._texts)

    async def prepare(self, open_voice: Callable[[], Voice]) -> None:
        """Synthesizes what has not been synthesized yet with this voice. If the voice fails, the agent has no
        fillers."""
        voice = open_voice()
        try:
            for text in self._texts:
                if (self._voice, text) in self._store:
                    continue
                said = f"{text} "  # more follows, so that the pause that belongs there is synthesized too
                speech = tuple([piece async for piece in voice.speak(said)])
                self._store[self._voice, text] = Filler(said, speech)
        except TtsLost as error:
            log.warning(Event("fillers.not_made", reason=error))
        finally:
            voice.close()

    def patience_s(self) -> float:
        """Begins a turn; returns how long after its start a filler is due. Twice as long if the previous turn had
        one."""
        patience = self._after_s * (2 if self._used else 1)
        self._used = False
        return patience

    def take(self) -> Filler | None:
        """The next filler to play; None if the only one is the one that was played last."""
        after = self._texts.index(self._last) + 1 if self._last else 0
        for text in self._texts[after:] + self._texts[:after]:
            filler = self._store.get((self._voice, text))
            if filler is not None and filler.speech and text != self._last:
                self._last, self._used = text, True
                return filler
        return None
