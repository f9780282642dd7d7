"""The agent says "uh-huh" while the caller tells something at length: at a pause, and never over their words.

They must have spoken for some seconds, and the wait for the end of their turn must leave enough time: the backchannel
ends before the turn can end, and breaks off at once if the caller goes on.
"""

from __future__ import annotations

from functools import partial

import numpy as np

from phone_daemon.call.agent_side import AgentSide
from phone_daemon.call.caller_side import CallerSide
from phone_daemon.call.services import Services
from phone_daemon.clock import now_ns
from phone_daemon.dialplan.dialplan import Dialplan
from phone_daemon.events import samples
from phone_daemon.telemetry.turn_record import Backchannel
from phone_daemon.tts.filler import Filler, Fillers
from phone_daemon.wire.line import Line

LONG = samples(5.0)
"""How long a caller speaks, from the beginning or since the last backchannel, before they get one."""
PAUSE = samples(0.2)
"""A shorter silence is only the gap between two words."""
SPARE = samples(0.1)
"""How much of the wait must be left when it ends."""
AUDIBLE = 160
"""Amplitude below which its beginning and end are trimmed: -46 dB of full scale."""


class Backchannels:
    """The backchannels of one call."""

    def __init__(
        self, line: Line, caller: CallerSide, agent: AgentSide, services: Services, dialplan: Dialplan
    ) -> None:
        self._line = line
        self._caller = caller
        self._agent = agent
        texts = dialplan.backchannels if services.settings.turn.backchannels else ()
        self._said = Fillers(texts, 0.0, services.fillers, repr(sorted(dialplan.voice.items())))
        self._open_voice = partial(services.open_voice, dialplan, line.id)
        self._next: tuple[Filler, bytes] | None = None
        """The next one, and its audio without the silence around it."""
        self._playing: tuple[int, int] | None = None
        """Reply number of the one that is playing, and the position at which it ends."""
        self._last = 0
        """Position of the last one."""

    @property
    def missing(self) -> bool:
        """Whether some have not been spoken yet with this voice."""
        return self._said.missing

    async def prepare(self) -> None:
        await self._said.prepare(self._open_voice)

    def hear(self) -> None:
        """Asked with every frame while the floor is the caller's and they speak, or have paused."""
        caller = self._caller
        if self._playing is not None:
            reply, over = self._playing
            if caller.position < over and caller.quiet:
                return
            self._playing = None
            if caller.position < over:
                self._line.flush(reply)
        endpoint = caller.endpointing.endpoint
        if caller.quiet < PAUSE or caller.position - max(caller.onset, self._last) < LONG or endpoint.likely is None:
            return
        if self._next is None and (taken := self._said.take()) is not None:
            self._next = taken, trimmed(b"".join(speech.pcm for speech in taken.speech))
        if self._next is None:
            return
        filler, pcm = self._next
        if samples(endpoint.wait_s) - caller.quiet < len(pcm) // 2 + SPARE:
            return
        self._next = None
        reply = self._agent.number_backchannel()
        self._line.play(reply, pcm)
        self._line.finish(reply)
        self._last = caller.position
        self._playing = reply, caller.position + len(pcm) // 2
        caller.pending.backchannels.append(Backchannel(filler.text.strip(), now_ns()))


def trimmed(pcm: bytes) -> bytes:
    """`pcm` without the silence before and after; empty if it is all silence."""
    loud = np.flatnonzero(np.abs(np.frombuffer(pcm, "<i2").astype(np.int32)) >= AUDIBLE)
    return pcm[2 * int(loud[0]) : 2 * int(loud[-1]) + 2] if loud.size else b""
