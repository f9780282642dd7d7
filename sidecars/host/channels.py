"""The open channels of a host whose one engine serves all of them."""

from __future__ import annotations

import itertools

from sidecars.host.channel import Deliver, QueueChannel
from sidecars.host.host import Message


class Channels(dict[int, QueueChannel]):
    """Channels by number; the host removes a channel once it is closed. `deliver` gets what is sent on any of them."""

    def __init__(self, deliver: Deliver) -> None:
        super().__init__()
        self._deliver = deliver
        self._numbers = itertools.count(1)

    def open(self, sample_rate: int, *, down: str = "") -> QueueChannel:
        """Opens a channel; if the engine is `down` (the reason), the channel is already lost."""
        channel = QueueChannel(next(self._numbers), self._deliver, sample_rate)
        if down:
            channel.lose(down)
        else:
            self[channel.number] = channel
        return channel

    def put(self, number: int, message: Message, payload: bytes) -> None:
        """Passes on a message from the engine; ignored if its channel is closed."""
        if channel := self.get(number):
            channel.put(message, payload)

    def lose(self, reason: str) -> None:
        """Marks every channel as lost, because the engine is gone."""
        for channel in self.values():
            channel.lose(reason)
        self.clear()
