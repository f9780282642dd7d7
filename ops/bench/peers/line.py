"""The telephone line to an agent: a media stream like Twilio's over a WebSocket, 20 ms of µ-law at a time.

Every agent is called over the same line, in real time: each tick sends what the caller's line sends, and takes from the
`Sink` what the agent has sent.
"""

from __future__ import annotations

import asyncio
import base64
import json
import time
from contextlib import suppress
from dataclasses import dataclass, replace

import aiohttp

from ops.bench.peers.sink import Sink
from ops.bench.turn_taking.caller import VOICED, SceneCaller, ticks
from ops.bench.turn_taking.play import NUMBER, QUESTIONS, REPLY
from ops.bench.turn_taking.scene import Scene
from phone_daemon.events import FRAME_BYTES, PTIME_S
from phone_daemon.media import g711
from phone_daemon.wire.tape import Say

SHORT = "All right."
"""The reply to everything after the first question."""
DONE_S = 3.5
"""An agent who should continue is done after this much silence: some resume after two seconds."""
ANSWERED_S = 1.0
"""An agent who has answered a turn and then been silent for this long is done."""
UNANSWERED_S = 8.0
"""An agent who has not answered by then will not."""
LONGEST_S = 45.0
TAIL_S = 0.2
"""Silence at the end of every opening question."""


@dataclass(frozen=True, slots=True)
class Script:
    """What the agent says: its greeting, its answer to the first question, and its answer to everything after that."""

    asked: str
    """What the greeting asks for, as `Agent.expects` names it: our endpointing uses it, the others' do not."""
    greeting: str
    replies: tuple[str, ...]


def script_of(scene: Scene) -> Script:
    """As in `bench-turns`."""
    replies = (REPLY, SHORT) if scene.when == "reply" else (SHORT,)
    return Script(scene.asked, QUESTIONS.get(scene.asked, NUMBER), replies)


class PatientCaller(SceneCaller):
    """The caller of `bench-turns`, who also waits for an agent that resumes late."""

    @property
    def asked_at(self) -> int | None:
        """The tick in which the opening question is over."""
        return None if self._asked_at is None else self._asked_at - ticks(TAIL_S)

    def _done(self) -> bool:
        if self.now >= ticks(LONGEST_S):
            return True
        if self.began_at is None or self.now < self.over_at:
            return False
        if self._scene.wants == "go on":
            return max(self.levels[-ticks(DONE_S) :]) < VOICED
        if self._scene.wants == "turn":
            since = self.levels[self.over_at :]
            answered = max(since, default=0.0) >= VOICED > max(since[-ticks(ANSWERED_S) :], default=VOICED)
            return answered or len(since) >= ticks(UNANSWERED_S)
        return super()._done()


@dataclass(frozen=True, slots=True)
class Recorded:
    """A call as its far end heard it. Moments are ticks of 20 ms since the answer; None if they were not reached."""

    scene: Scene
    levels: tuple[float, ...]
    """RMS of the audio heard, by tick."""
    heard: bytes
    """8 kHz PCM of every tick."""
    began: float
    """`time.monotonic()` of the first tick."""
    asked_at: int | None
    reply_at: int | None
    onset_at: int
    over_at: int
    dropped_s: float
    """How much of the audio that the agent had sent was cleared before it was heard."""
    late_s: float
    """The longest delay of a tick: the machine was busy."""


async def call(url: str, id: str, scene: Scene, *, silent: bool = False) -> Recorded:
    """Calls the agent at `url` and plays the scene. `silent`: the caller only asks.

    Raises `aiohttp.ClientError` or `ConnectionError` if the agent is not reachable or hangs up.
    """
    if silent:
        scene = replace(scene, wants="go on")
    caller, sink, script = PatientCaller(scene, silent=silent), Sink(), script_of(scene)
    began = late_s = 0.0
    async with aiohttp.ClientSession() as session, session.ws_connect(url, max_msg_size=0) as socket:
        await socket.send_str(json.dumps({"event": "connected", "protocol": "Call", "version": "1.0.0"}))
        await socket.send_str(json.dumps(_start(id, script)))

        async def receive() -> None:
            async for message in socket:
                sink.receive(message.data)

        receiving = asyncio.create_task(receive())
        began = time.monotonic()
        try:
            for tick in range(2 * ticks(LONGEST_S)):
                await asyncio.sleep(began + tick * PTIME_S - time.monotonic())
                late_s = max(late_s, time.monotonic() - began - tick * PTIME_S)
                if receiving.done():
                    raise ConnectionError("the agent hung up")
                said = [act.pcm for act in caller.hear(g711.through(sink.tick())) if isinstance(act, Say)]
                if not said:
                    break
                await socket.send_str(json.dumps(_media(id, tick, said[0])))
        finally:
            with suppress(ConnectionError):
                await socket.send_str(json.dumps({"event": "stop", "streamSid": id}))
                await socket.close()
            await asyncio.wait([receiving])
    return Recorded(
        scene,
        tuple(caller.levels),
        bytes(sink.heard),
        began,
        caller.asked_at if scene.when == "reply" else None,
        caller.reply_at,
        caller.onset_at if scene.sound else caller.reply_at or 0,
        caller.over_at if scene.sound else caller.reply_at or 0,
        sink.dropped / 16000,
        round(late_s, 3),
    )


def _start(id: str, script: Script) -> dict[str, object]:
    parameters = {"asked": script.asked, "greeting": script.greeting, "replies": json.dumps(script.replies)}
    start = {"streamSid": id, "callSid": id, "customParameters": parameters}
    return {"event": "start", "sequenceNumber": "1", "streamSid": id, "start": start}


def _media(id: str, tick: int, pcm: bytes) -> dict[str, object]:
    payload = base64.b64encode(g711.encode(pcm[:FRAME_BYTES])).decode()
    media = {"track": "inbound", "chunk": str(tick + 1), "timestamp": str(20 * tick), "payload": payload}
    return {"event": "media", "sequenceNumber": str(tick + 2), "streamSid": id, "media": media}
