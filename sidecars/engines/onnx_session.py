"""An ONNX model that stops in the middle of its work when it is asked to.

onnxruntime looks between two nodes of a graph whether a run is to end (`RunOptions.terminate`), but whoever called
`run` is waiting in it. So the run has a thread of its own, and the caller's thread goes on asking.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import onnxruntime

ASK_S = 0.005
"""How often it is asked."""


class Stopped(Exception):
    """The run was ended because nobody wants its result."""


class OnnxSession:
    """An `onnxruntime.InferenceSession` for libraries that call `run`: on CUDA where there is one, else on the CPU."""

    def __init__(self, model: Path, threads: int, improve: Callable[[Path], bytes] | None = None) -> None:
        """`threads`: on the CPU; 0: half of what there are, since others have calls to serve.

        `improve` gives the model as it shall be loaded, and raises `ValueError` when it is to be taken as it is.
        Raises `ValueError` for a file that is not a model.
        """
        options = onnxruntime.SessionOptions()
        options.log_severity_level = 3  # errors
        options.intra_op_num_threads = threads or max(1, (os.cpu_count() or 2) // 2)
        wanted = ("CUDAExecutionProvider", "CPUExecutionProvider")
        available = onnxruntime.get_available_providers()
        providers = [name for name in wanted if name in available]
        try:
            self._session = onnxruntime.InferenceSession(_improved(model, improve), options, providers=providers)
        except Exception as error:  # one of its own for each kind of broken file
            raise ValueError(f"{model}: onnxruntime cannot load it: {str(error).splitlines()[0]}") from error
        self._model_path = str(model)  # kokoro-onnx asks for it
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="onnx")
        self._stop: Callable[[], bool] = lambda: False

    def __getattr__(self, name: str) -> Any:
        return getattr(self._session, name)

    @contextmanager
    def stopping(self, stop: Callable[[], bool]) -> Iterator[None]:
        """Within it, runs end with `Stopped` soon after `stop` is true."""
        self._stop = stop
        try:
            yield
        finally:
            self._stop = lambda: False

    def run(self, outputs: list[str] | None, inputs: Mapping[str, Any]) -> list[Any]:
        """As `InferenceSession.run`; raises `Stopped`."""
        options = onnxruntime.RunOptions()
        running = self._thread.submit(self._session.run, outputs, dict(inputs), options)
        while True:
            try:
                made: list[Any] = running.result(ASK_S)
            except TimeoutError:
                if self._stop():
                    options.terminate = True
                    running.exception()  # waits until the run has let go of the model
                    raise Stopped from None
            else:
                return made


def _improved(model: Path, improve: Callable[[Path], bytes] | None) -> bytes | str:
    if improve is not None:
        with suppress(ValueError):
            return improve(model)
    return str(model)
