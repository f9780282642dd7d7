"""The process behind a `SubprocessHost`: one engine, one socket, one thread.

    python -m sidecars.local.child --kind stt|tts --engine NAME --fd N

It needs only the standard library and the engine's own packages. The first frame on the socket carries the engine's
options and is answered by `Ready`, or by `Failed` with the reason. The process ends when the socket closes, and ignores
signals that are meant for the daemon: the daemon decides when a call may lose its engine.
"""

from __future__ import annotations

import argparse
import logging
import select
import signal
import socket
import sys
from collections.abc import Iterator

from sidecars.engine import EngineLost, load
from sidecars.environment import why_not_loaded
from sidecars.host.frames import Decoder, encode
from sidecars.host.host import Letter
from sidecars.local import collector
from sidecars.local.engine_server import EngineServer
from sidecars.local.recognition import RecognitionServer
from sidecars.local.synthesis import SynthesisServer

READ = 1 << 18


class Closed(Exception):
    """The host has closed the socket, or is gone."""


class Pipe:
    """The child's end of the socket."""

    def __init__(self, sock: socket.socket) -> None:
        self._socket = sock
        self._decoder = Decoder()
        self._ready = select.poll()
        self._ready.register(sock, select.POLLIN)

    def receive(self, *, wait: bool) -> Iterator[Letter]:
        """Returns the frames that have arrived; with `wait`, sleeps until there is something. Raises `Closed`."""
        while self._ready.poll(None if wait else 0):
            try:
                data = self._socket.recv(READ)
            except ConnectionError:
                data = b""
            if not data:
                raise Closed
            yield from self._decoder.feed(data)
            wait = False

    def first(self) -> Letter:
        """Returns the complete first frame, which holds what callers may say and may come in pieces. Raises
        `Closed`.
        """
        while True:
            for letter in self.receive(wait=True):
                return letter

    def send(self, letter: Letter) -> None:
        try:
            self._socket.sendall(encode(*letter))
        except ConnectionError:
            raise Closed from None


def serve(kind: str, name: str, pipe: Pipe) -> int:
    """Runs the engine until the socket closes; returns the exit status."""
    _, first, _ = pipe.first()
    collector.rest()
    try:
        engine = load(name, first["options"])
    except Exception as error:
        logging.debug("engine %s", name, exc_info=True)
        pipe.send((0, {"type": "Failed", "error": why_not_loaded(name, error)}, b""))
        return 1

    def poll() -> None:
        take(wait=False)

    server: EngineServer = RecognitionServer(engine, poll) if kind == "stt" else SynthesisServer(engine, poll)

    def take(*, wait: bool) -> None:
        for letter in pipe.receive(wait=wait):
            if letter[0]:
                server.receive(*letter)
            else:
                pipe.send((0, {"type": "Pong"}, b""))

    collector.settle()
    pipe.send((0, {"type": "Ready", "sample_rate": engine.sample_rate, "voices": list(server.voices)}, b""))
    while True:
        if not server.busy:
            take(wait=True)
        for letter in server.step():
            pipe.send(letter)
        collector.between_steps()


def main() -> int:
    parser = argparse.ArgumentParser(prog="sidecars.local.child", description="runs an engine for a SubprocessHost")
    parser.add_argument("--kind", required=True, choices=("stt", "tts"))
    parser.add_argument("--engine", required=True)
    parser.add_argument("--fd", required=True, type=int)
    arguments = parser.parse_args()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    logging.basicConfig(stream=sys.stderr, level=logging.INFO, format="%(levelname)s %(message)s")
    with socket.socket(fileno=arguments.fd) as sock:
        try:
            return serve(arguments.kind, arguments.engine, Pipe(sock))
        except Closed:
            return 0
        except EngineLost as error:
            logging.critical("%s", error)
            return 1


if __name__ == "__main__":
    sys.exit(main())
