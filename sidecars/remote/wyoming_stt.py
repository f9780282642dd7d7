"""A Wyoming server that recognizes speech (wyoming-faster-whisper and others).

A channel is an utterance, and an utterance is a connection. The connection is opened as soon as the channel is, so that
one that is opened ahead is ready when it is needed. Audio travels at 16 kHz, the rate that such servers use: some
convert other rates worse than we do, some not at all. The protocol has no confidence and no word times.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from typing import Any

from sidecars.host.channel import QueueChannel
from sidecars.host.host import HostLost
from sidecars.remote.wyoming_connection import CONNECT_S, WyomingConnection
from sidecars.remote.wyoming_utterance import WyomingUtterance


class WyomingStt:
    """A `Host` that is a server somewhere. Nothing is started: `start` only checks that the server recognizes
    speech.
    """

    voices: Sequence[str] = ()

    def __init__(self, url: str, options: Mapping[str, Any]) -> None:
        """`url`: `tcp://HOST:PORT` or `unix:///PATH`. Options: `model`, `language`; an utterance may have its own.
        Raises `ValueError` for an unknown option.
        """
        if unknown := sorted(set(options) - {"model", "language"}):
            raise ValueError(f"{unknown[0]!r}: a Wyoming server that hears knows the options 'model' and 'language'")
        self.name = f"wyoming server {url}"
        self.options = dict(options)
        self._url = url
        self._started = False
        self._numbers = itertools.count(1)
        self._utterances: set[WyomingUtterance] = set()
        self.problem = ""
        """Why the last connection failed."""

    async def start(self) -> None:
        connection = await self.connect()
        try:
            # A server may be busy recognizing speech when it is asked, but not for long.
            info = await connection.describe(2 * CONNECT_S)
        except HostLost as error:
            raise HostLost(f"{self.name}: {error}") from None
        finally:
            connection.close()
        if not any(program.installed for program in info.asr):
            others = [kind for kind in ("tts", "wake", "handle", "intent", "mic", "snd") if getattr(info, kind)]
            what = f"it is for {' and '.join(others)}" if others else "it says that it does nothing"
            raise HostLost(f"{self.name} does not understand speech: {what}")
        self._started = True

    def open(self, call: str = "") -> QueueChannel:
        utterance = WyomingUtterance(self, next(self._numbers))
        if not self._started:
            utterance.abandon(f"{self.name} is not in use")
        return utterance.channel

    async def close(self) -> None:
        self._started = False
        for utterance in list(self._utterances):
            utterance.abandon(f"{self.name} is no longer in use")
        for utterance in list(self._utterances):
            await utterance.ended()

    async def connect(self) -> WyomingConnection:
        """Opens a connection. Raises `HostLost` with the reason."""
        try:
            connection = await WyomingConnection.open(self._url)
        except HostLost as error:
            self.problem = f"{self.name}: {error}"
            raise HostLost(self.problem) from None
        self.problem = ""
        return connection

    def began(self, utterance: WyomingUtterance) -> None:
        """Registers an utterance that has, or will have, a connection."""
        self._utterances.add(utterance)

    def gone(self, utterance: WyomingUtterance) -> None:
        """Forgets an utterance that no longer has a connection."""
        self._utterances.discard(utterance)

    def others(self, utterance: WyomingUtterance) -> int:
        """How many other utterances are open."""
        return sum(not each.over for each in self._utterances if each is not utterance)
