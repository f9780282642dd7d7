"""A real model server for tests and figures: `transformers serve` with a small model of random weights.

It is third-party software, it streams, and a client can hang up on it; its answers mean nothing. `make model-server`
builds its venv and its model on first use.
"""

from __future__ import annotations

import http.client
import os
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Self

from ops.live.ports import free_port

ROOT = Path(__file__).resolve().parents[2]
MODEL = ROOT / "var" / "models" / "tiny_chat"
PROGRAM = ROOT / "sidecars" / "model_server" / ".venv" / "bin" / "transformers"
START_S = 60.0
STOP_S = 5.0
CONTINUOUS = (
    "--continuous-batching",
    "--cb-num-blocks",
    "512",
    "--cb-block-size",
    "32",
    "--cb-max-batch-tokens",
    "256",
)
"""Many streams at once. Without this the server takes one request after the other, and loses about one cancel in 200;
every required figure is measured with it.
"""


class ModelServerFailed(Exception):
    """It could not be built or did not start; the message says why, and what to do."""


def build() -> None:
    """Makes venv and model if they are missing (about 1.2 GB, a minute or two). Raises `ModelServerFailed`."""
    command = ["make", "--no-print-directory", "-C", str(ROOT), "model-server"]
    try:
        made = subprocess.run(command, check=False, capture_output=True, text=True)
    except OSError as error:
        raise ModelServerFailed(f"make cannot be run: {error}") from None
    if made.returncode:
        raise ModelServerFailed(f"`make model-server` failed:\n{(made.stderr or made.stdout)[-2000:]}")


class ModelServer:
    """Runs the server on a free port of 127.0.0.1 while the block lasts. Blocks the thread while it starts and ends.

    `continuous`: many streams at once; False: one after the other. Raises `ModelServerFailed`.
    """

    def __init__(self, *, continuous: bool = True) -> None:
        self._options = CONTINUOUS if continuous else ()
        self._port = free_port()
        self._process: subprocess.Popen[bytes] | None = None
        self._folder = tempfile.TemporaryDirectory(prefix="model-server-")
        self._log = Path(self._folder.name) / "server.log"

    @property
    def base_url(self) -> str:
        """The base URL for an OpenAI client."""
        return f"http://127.0.0.1:{self._port}/v1"

    @property
    def model(self) -> str:
        """The model's name in requests."""
        return str(MODEL)

    def __enter__(self) -> Self:
        build()
        home = Path(self._folder.name)
        (home / "hub").mkdir()
        environ = {**os.environ, "HF_HOME": str(home), "HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1"}
        # It stands for another machine: its computation must not take time from the line.
        command = ["nice", "-n", "10", str(PROGRAM), "serve", str(MODEL), "--device", "cpu", "--host", "127.0.0.1"]
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                [*command, "--port", str(self._port), *self._options],
                env=environ,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        try:
            self._wait()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        if self._process is not None and self._process.poll() is None:
            self._process.terminate()
            try:
                self._process.wait(STOP_S)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
        self._folder.cleanup()

    def log(self) -> str:
        """Its output so far."""
        return self._log.read_text(errors="replace")

    def _wait(self) -> None:
        assert self._process is not None
        until = time.monotonic() + START_S
        while not self._healthy():
            if self._process.poll() is not None:
                raise ModelServerFailed(
                    f"the model server ended with {self._process.returncode}:\n{self.log()[-2000:]}"
                )
            if time.monotonic() > until:
                raise ModelServerFailed(f"the model server was not up within {START_S:g} s:\n{self.log()[-2000:]}")
            time.sleep(0.1)

    def _healthy(self) -> bool:
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=2.0)
        try:
            connection.request("GET", "/health")
            return connection.getresponse().status == 200
        except (OSError, http.client.HTTPException):
            return False
        finally:
            connection.close()
