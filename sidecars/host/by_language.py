"""Combines two hosts into one voice: the first speaks English, the second every other language.

The choice is made for each text, by the option `language` or by a `voice` that is named after its language.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

from sidecars.host.host import Channel, Host, Message
from sidecars.languages import is_english, language_of


class ByLanguage:
    """A `Host` for synthesis that chooses by language."""

    def __init__(self, english: Host, others: Host, *, starts_others: bool) -> None:
        """`starts_others`: this host owns `others`, and starts and ends it."""
        self._english = english
        self._others = others
        self._mine = (english, others) if starts_others else (english,)

    @property
    def voices(self) -> Sequence[str]:
        return self._english.voices

    @property
    def problem(self) -> str:
        return next((host.problem for host in self._mine if host.problem), "")

    async def start(self) -> None:
        try:
            await asyncio.gather(*(host.start() for host in self._mine))
        except BaseException:
            await self.close()
            raise

    def open(self, call: str = "") -> Channel:
        return _Routed(self._english.open(call), lambda: self._others.open(call))

    async def close(self) -> None:
        await asyncio.gather(*(host.close() for host in self._mine))


class _Routed:
    """A channel of the first host until a text is in another language, and of the second from then on.

    All texts of a call are in one language, that of its dialplan, so what is still to come from the first host is
    dropped.
    """

    def __init__(self, english: Channel, others: Callable[[], Channel]) -> None:
        self.sample_rate = english.sample_rate
        self._channel = english
        self._open_others: Callable[[], Channel] | None = others
        self._listeners: tuple[Callable[[Message, bytes], None], Callable[[str], None]] | None = None

    def send(self, message: Message, payload: bytes = b"") -> None:
        if self._open_others is not None and not _in_english(message):
            self._channel.close()
            self._channel, self._open_others = self._open_others(), None
            self.sample_rate = self._channel.sample_rate
            if self._listeners is not None:
                self._channel.listen(*self._listeners)
        self._channel.send(message, payload)

    async def receive(self) -> tuple[Message, bytes]:
        return await self._channel.receive()

    def listen(self, sink: Callable[[Message, bytes], None], lost: Callable[[str], None]) -> None:
        self._listeners = sink, lost
        self._channel.listen(sink, lost)

    def close(self) -> None:
        self._channel.close()


def _in_english(message: Message) -> bool:
    options = message.get("options") or {}
    language = options.get("language") or language_of(str(options.get("voice") or ""))
    return not language or is_english(str(language))
