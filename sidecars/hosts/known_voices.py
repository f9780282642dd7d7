"""A host that is asked for voices of another engine: what it does not know, it speaks with its default voice.

A dialplan names a voice of one engine. The engine that speaks may be another, by the settings or in an emergency, and
a caller is better served by another voice than by none.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence

from sidecars.hosts.host import Channel, Host, Message

log = logging.getLogger(__name__)


class KnownVoices:
    """A `Host` for synthesis around another."""

    def __init__(self, inner: Host) -> None:
        self._inner = inner
        self._missed: set[str] = set()

    @property
    def voices(self) -> Sequence[str]:
        return self._inner.voices

    @property
    def problem(self) -> str:
        return self._inner.problem

    async def start(self) -> None:
        await self._inner.start()

    def open(self, call: str = "") -> Channel:
        return _Translated(self._inner.open(call), self._translate)

    async def close(self) -> None:
        await self._inner.close()

    def _translate(self, message: Message) -> Message:
        options = message.get("options")
        voices = self._inner.voices
        if not isinstance(options, Mapping) or not voices or options.get("voice") in (None, *voices):
            return message
        voice = str(options["voice"])
        if voice not in self._missed:
            self._missed.add(voice)
            few = ", ".join(voices[:12]) + (", …" if len(voices) > 12 else "")
            log.warning("there is no voice %.80r here, so the default one speaks; there are %s", voice, few)
        return {**message, "options": {name: value for name, value in options.items() if name != "voice"}}


class _Translated:
    """A channel whose messages go through `translate`."""

    def __init__(self, inner: Channel, translate: Callable[[Message], Message]) -> None:
        self.sample_rate = inner.sample_rate
        self.receive, self.listen, self.close = inner.receive, inner.listen, inner.close
        self._send = inner.send
        self._translate = translate

    def send(self, message: Message, payload: bytes = b"") -> None:
        self._send(self._translate(message), payload)
