"""The agent says "uh-huh" while the caller tells something at length: at a pause, and never over their words.

Not before they have spoken for some seconds, and only in a pause that will be waited out for long enough: it is over
before the caller's turn can be, and where the caller goes on sooner it breaks off at once.
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
"""A caller who has spoken for so long, or for so long since the last one, hears that they are listened to."""
PAUSE = samples(0.2)
"""A shorter silence is between two words."""
SPARE = samples(0.1)
"""What has to be left of the wait when it is over."""
AUDIBLE = 160
"""Amplitude below which the ends of it are cut off: -46 dB of full scale."""


class Backchannels:
    """One call's."""

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
        """The number under which one is played, and where it is over."""
        self._last = 0
        """Where the last one was."""

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
        reply = self._agent.number_aside()
        self._line.play(reply, pcm)
        self._line.finish(reply)
        self._last = caller.position
        self._playing = reply, caller.position + len(pcm) // 2
        caller.pending.backchannels.append(Backchannel(filler.text.strip(), now_ns()))


def trimmed(pcm: bytes) -> bytes:
    """Without the silence before and after; empty: there is nothing else."""
    loud = np.flatnonzero(np.abs(np.frombuffer(pcm, "<i2").astype(np.int32)) >= AUDIBLE)
    return pcm[2 * int(loud[0]) : 2 * int(loud[-1]) + 2] if loud.size else b""
