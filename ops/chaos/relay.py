"""A UDP relay that loses, delays, reorders, and duplicates packets: a bad network without the kernel's netem."""

from __future__ import annotations

import asyncio
import random
from dataclasses import dataclass
from typing import Self

Address = tuple[str, int]


@dataclass(frozen=True, slots=True)
class Weather:
    """What happens to packets in each direction. Shares from 0 to 1."""

    loss: float = 0.0
    jitter_s: float = 0.0
    """Each packet is delayed by up to this long; packets keep their order."""
    reorder: float = 0.0
    """This share arrives 50 ms late, after packets that were sent later."""
    duplicate: float = 0.0


REORDER_S = 0.05


class Relay(asyncio.DatagramProtocol):
    """Relays between one caller and `target`: `async with Relay(target, weather) as relay`, then send to `relay.port`.

    Packets from `target` go to whoever sent last. The same seed produces the same faults.
    """

    def __init__(self, target: Address, weather: Weather, seed: int = 1) -> None:
        self._target = target
        self._weather = weather
        self._random = random.Random(seed)
        self._caller: Address | None = None
        self._due = {True: 0.0, False: 0.0}
        self._timers: set[asyncio.TimerHandle] = set()
        self.passed = self.lost = 0

    async def __aenter__(self) -> Self:
        loop = asyncio.get_running_loop()
        self._transport, _ = await loop.create_datagram_endpoint(lambda: self, local_addr=("127.0.0.1", 0))
        self.port: int = self._transport.get_extra_info("sockname")[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        for timer in self._timers:
            timer.cancel()
        self._transport.close()

    def datagram_received(self, data: bytes, addr: Address) -> None:
        back = addr == self._target
        if not back:
            self._caller = addr
        to = self._caller if back else self._target
        if to is None:
            return
        weather, chance = self._weather, self._random.random
        for _ in range(2 if chance() < weather.duplicate else 1):
            if chance() < weather.loss:
                self.lost += 1
                continue
            self.passed += 1
            self._send_later(data, to, back)

    def _send_later(self, data: bytes, to: Address, back: bool) -> None:
        loop = asyncio.get_running_loop()
        late = self._random.random() * self._weather.jitter_s
        if self._random.random() < self._weather.reorder:
            due = loop.time() + late + REORDER_S
        else:
            # Never before the previous packet: jitter alone reorders nothing.
            due = self._due[back] = max(loop.time() + late, self._due[back] + 1e-6)
        if due <= loop.time():
            self._transport.sendto(data, to)
            return

        def send() -> None:
            self._timers.discard(timer)
            if not self._transport.is_closing():
                self._transport.sendto(data, to)

        timer = loop.call_at(due, send)
        self._timers.add(timer)
