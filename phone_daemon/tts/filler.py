"""A short acknowledgement ("One moment.") for when a reply takes its time, in the agent's own voice.

It is spoken before it is needed, once a voice, and kept: an agent or a voice that is late must not have to be waited
for to say so.
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
"""Fillers by voice and text: what all calls share."""


class Fillers:
    """One call's acknowledgements: never the same twice in a row, and seldom on two turns running."""

    def __init__(self, texts: Sequence[str], after_s: float, store: Store, voice: str) -> None:
        """`after_s`: how long a caller waits for a reply until one is played; `voice` names the voice in `store`."""
        self._texts = tuple(texts)
        self._after_s = after_s
        self._store = store
        self._voice = voice
        self._last = ""
        self._used = False
        """Whether the turn at hand has had one."""

    @property
    def missing(self) -> bool:
        """Whether some have not been spoken yet with this voice."""
        return any((self._voice, text) not in self._store for text in self._texts)

    async def prepare(self, open_voice: Callable[[], Voice]) -> None:
        """Speaks what has not been spoken yet with this voice. A voice that fails leaves the agent without."""
        voice = open_voice()
        try:
            for text in self._texts:
                if (self._voice, text) in self._store:
                    continue
                said = f"{text} "  # More follows: the pause that belongs there is spoken with it.
                speech = tuple([piece async for piece in voice.speak(said)])
                self._store[self._voice, text] = Filler(said, speech)
        except TtsLost as error:
            log.warning(Event("fillers.not_made", reason=error))
        finally:
            voice.close()

    def patience_s(self) -> float:
        """A turn begins: how long after it a filler is due. Twice as long when the turn before had one."""
        patience = self._after_s * (2 if self._used else 1)
        self._used = False
        return patience

    def take(self) -> Filler | None:
        """The next to be played; None when there is no other than the last one."""
        after = self._texts.index(self._last) + 1 if self._last else 0
        for text in self._texts[after:] + self._texts[:after]:
            filler = self._store.get((self._voice, text))
            if filler is not None and filler.speech and text != self._last:
                self._last, self._used = text, True
                return filler
        return None
