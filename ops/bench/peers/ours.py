"""Our agent at the end of a media stream: the daemon's own `Call` with its defaults, using the shared servers.

python -m ops.bench.peers.ours --stt ws://HOST:PORT/v1/listen --tts http://HOST:PORT/v1

The line is the one used for recorded calls, with the line card's playout; it ticks with each incoming frame. What a
line card would add (RTP, a jitter buffer) is left out, as it is for the others. Prints a JSON line for each event.
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import json
import logging
import shutil
import tempfile
import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from aiohttp import web

from ops.bench.turn_taking.play import NUMBER, Teller
from ops.bench.turn_taking.scene import Scene
from ops.replay.expectations import read_turns
from ops.replay.tape_call import replay_settings
from phone_daemon.agent.agent import CallerTurn, Message
from phone_daemon.call.call import Call
from phone_daemon.call.services import Services
from phone_daemon.dialplan.dialplan import Dialplan, Dialplans
from phone_daemon.engines import make_stt, make_tts
from phone_daemon.events import FRAME_BYTES, FRAME_SAMPLES, AgentEvent, EndReason, Note
from phone_daemon.media import g711
from phone_daemon.settings.settings import Settings, SttSettings, TtsSettings
from phone_daemon.state.store import State
from phone_daemon.telemetry.trace import Telemetry
from phone_daemon.wire.tape import Act, TapeLine
from sidecars.host.host import Host


def tell(call: str, kind: str, **more: Any) -> None:
    print(json.dumps({"call": call, "kind": kind, "at": time.monotonic(), **more}), flush=True)


class StreamLine(TapeLine):
    """The far end is a media stream: each incoming frame is a tick, and the audio played in it is sent back at once."""

    def __init__(self, id: str, frames: AsyncIterator[bytes], send: Callable[[bytes], None]) -> None:
        super().__init__(id, "caller", "scene", self._hear, companded=False)
        self._frames = frames
        self._send = send

    def _hear(self, agent: bytes) -> list[Act]:
        self._send(agent)
        return []

    async def run(self) -> None:
        """Ticks until the caller hangs up."""
        position = 0
        async for pcm in self._frames:
            self._saying += pcm.ljust(FRAME_BYTES, b"\0")
            self._tick(position)
            position += FRAME_SAMPLES
            if self._closing is not None:
                break
        self._close(EndReason.CALLER_HUNG_UP)
        assert self._closing is not None
        self._events.put_nowait(self._closing)


class Calls:
    """Answers one call after the other with the same engines."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._plans = Dialplans.load(settings.dialplans)
        self._stt: Host = make_stt(settings.stt, self._plans, {})
        self._tts: Host = make_tts(settings.tts, {})

    async def start(self) -> None:
        await asyncio.gather(self._stt.start(), self._tts.start())

    def _plan(self, name: str) -> Dialplan:
        return next(plan for plan in self._plans if plan.name == name)

    async def answer(self, socket: web.WebSocketResponse, start: dict[str, Any]) -> None:
        """One call, until the caller hangs up."""
        id, script = start["callSid"], start["customParameters"]
        outgoing: asyncio.Queue[bytes] = asyncio.Queue()
        line = StreamLine(id, _frames(socket), outgoing.put_nowait)
        folder = Path(tempfile.mkdtemp(prefix="peer-"))
        settings = replace(self._settings, calls=replace(self._settings.calls, directory=folder, record=False))
        telemetry = Telemetry(export=False)
        number = script["greeting"] == NUMBER
        plan = self._plan("parcel_line" if number else "dental_clinic")
        sending = asyncio.create_task(_send(socket, outgoing))
        try:
            services = Services(
                settings, self._stt, self._tts, State(settings.state), telemetry, lambda note: _watch(id, note)
            )
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(line.run())
                await Call(line, plan, Answerer(id, _scene(script)), services).run()
            said = [str(turn["heard"]) for turn in read_turns(folder / id / "turns.jsonl")]
            tell(id, "history", said=said)
        finally:
            sending.cancel()
            telemetry.close()
            shutil.rmtree(folder, ignore_errors=True)


def _scene(script: dict[str, str]) -> Scene:
    """The parts of a scene that `Teller` needs: the question, and whether the answer is a long one."""
    when = "reply" if len(json.loads(script["replies"])) > 1 else "turn"
    return Scene("", "", "", when, "", Path(), asked=script["asked"])


class Answerer(Teller):
    """The agent of `bench-turns`, which also reports the turns that it is given to answer."""

    def __init__(self, call: str, scene: Scene) -> None:
        super().__init__(scene)
        self._call = call

    def reply(self, turn: CallerTurn, history: Sequence[Message]) -> AsyncGenerator[AgentEvent, None]:
        if turn.text:
            tell(self._call, "turn", text=turn.text)
        return super().reply(turn, history)


def _watch(call: str, note: Note) -> None:
    # Reported in the very step in which the reply is cut; also when one has been said to its end.
    if note.kind == "state" and note.data["state"] == "LISTENING":
        tell(call, "trigger")


async def _frames(socket: web.WebSocketResponse) -> AsyncIterator[bytes]:
    async for message in socket:
        told = json.loads(message.data)
        if told["event"] == "stop":
            return
        if told["event"] == "media":
            yield g711.decode(base64.b64decode(told["media"]["payload"]))


async def _send(socket: web.WebSocketResponse, outgoing: asyncio.Queue[bytes]) -> None:
    while True:
        payload = base64.b64encode(g711.encode(await outgoing.get())).decode()
        await socket.send_str(json.dumps({"event": "media", "media": {"payload": payload}}))


def settings_of(stt: str, tts: str) -> Settings:
    """The daemon's defaults, with servers in place of embedded engines, and no fallback."""
    return replace(
        replay_settings(Settings()),
        stt=SttSettings(host="listen", url=stt, fallback=""),
        tts=TtsSettings(host="speech", url=tts, fallback=""),
    )


async def serve(settings: Settings) -> None:
    calls = Calls(settings)
    await calls.start()

    async def media_stream(request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        await socket.receive_str()  # "connected"
        await calls.answer(socket, json.loads(await socket.receive_str())["start"])
        await socket.close()
        return socket

    app = web.Application()
    app.add_routes([web.get("/", media_stream)])
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    print(json.dumps({"kind": "ready", "url": f"ws://127.0.0.1:{runner.addresses[0][1]}/"}), flush=True)
    await asyncio.Event().wait()


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--stt", required=True)
    parser.add_argument("--tts", required=True)
    arguments = parser.parse_args()
    logging.basicConfig(level=logging.ERROR)
    asyncio.run(serve(settings_of(arguments.stt, arguments.tts)))


if __name__ == "__main__":
    main()
