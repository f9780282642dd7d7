"""Handles requests for what only another engine can do: voices that it does not have, a language, pronunciations.

A dialplan names a voice of one engine, but another engine may speak, because of the settings or in an emergency. A
caller is better served by a different voice than by none.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence

from sidecars.host.host import Channel, Host, Message
from sidecars.languages import language_of
from sidecars.log import Event

log = logging.getLogger(__name__)


class KnownVoices:
    """A `Host` for synthesis that wraps another one and replaces what the other does not support, such as a voice by
    the default voice."""

    def __init__(self, inner: Host, *, by_language: bool = False, pronounces: bool = False) -> None:
        """`by_language`: voices can be named by any language; `pronounces`: the host accepts the option `pronounce`."""
        self._inner = inner
        self._by_language = by_language
        self._pronounces = pronounces
        self._told: set[str] = set()

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
        asked = message.get("options")
        if not isinstance(asked, Mapping):
            return message
        options = dict(asked)
        language = str(options.pop("language", None) or "")
        if self._by_language and language and not _speaks(str(options.get("voice") or ""), language):
            options["voice"] = language
        if not self._pronounces and options.pop("pronounce", None):
            self._tell("pronounce", "pronunciations are not for this engine, which speaks as it reads")
        voice, voices = options.get("voice"), self.voices
        named = self._by_language and language_of(str(voice))
        if voice is not None and voices and voice not in voices and not named:
            few = ", ".join(voices[:12]) + (", …" if len(voices) > 12 else "")
            told = f"unknown voice {str(voice)!r:.80}, using the default; available: {few}"
            self._tell(str(voice), told)
            del options["voice"]
        return {**message, "options": options}

    def _tell(self, what: str, told: str) -> None:
        """Logs a replacement, once."""
        if what not in self._told:
            self._told.add(what)
            log.warning(Event("voice.unknown", reason=told))


def _speaks(voice: str, language: str) -> bool:
    """Whether a voice is named by a language of the same family: "de+f2" speaks "de", "en-gb" speaks "en-us"."""
    return language_of(voice).partition("-")[0] == language.partition("-")[0]


class _Translated:
    """A channel whose messages go through `translate`."""

    def __init__(self, inner: Channel, translate: Callable[[Message], Message]) -> None:
        self.sample_rate = inner.sample_rate
        self.receive, self.listen, self.close = inner.receive, inner.listen, inner.close
        self._send = inner.send
        self._translate = translate

    def send(self, message: Message, payload: bytes = b"") -> None:
        self._send(self._translate(message), payload)
