"""An ONNX model that can be stopped in the middle of its work.

Between any two nodes of a graph, onnxruntime checks whether a run is to end (`RunOptions.terminate`), but the caller of
`run` is blocked. So the run has its own thread, and the caller's thread keeps checking `stop`.
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
"""How often `stop` is checked."""


class Stopped(Exception):
    """The run was ended because its result is no longer wanted."""


class OnnxSession:
    """An `onnxruntime.InferenceSession` for libraries that call `run`: on CUDA if available, otherwise on the CPU."""

    def __init__(self, model: Path, threads: int, improve: Callable[[Path], bytes] | None = None) -> None:
        """`threads`: CPU threads; 0: half of the cores, since other processes need the rest. `improve` returns the
        model in the form to load, and raises `ValueError` if the file is to be loaded unchanged. Raises `ValueError`
        for a file that is not a model.
        """
        options = onnxruntime.SessionOptions()
        options.log_severity_level = 3  # only errors
        options.intra_op_num_threads = threads or max(1, (os.cpu_count() or 2) // 2)
        wanted = ("CUDAExecutionProvider", "CPUExecutionProvider")
        available = onnxruntime.get_available_providers()
        providers = [name for name in wanted if name in available]
        try:
            self._session = onnxruntime.InferenceSession(_improved(model, improve), options, providers=providers)
        except Exception as error:  # each kind of broken file has its own error
            raise ValueError(f"{model}: onnxruntime cannot load it: {str(error).splitlines()[0]}") from error
        self._model_path = str(model)  # kokoro-onnx asks for it
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="onnx")
        self._stop: Callable[[], bool] = lambda: False

    def __getattr__(self, name: str) -> Any:
        return getattr(self._session, name)

    @contextmanager
    def stopping(self, stop: Callable[[], bool]) -> Iterator[None]:
        """Within this context, runs end with `Stopped` soon after `stop` becomes true."""
        self._stop = stop
        try:
            yield
        finally:
            self._stop = lambda: False

    def run(self, outputs: list[str] | None, inputs: Mapping[str, Any]) -> list[Any]:
        """Does the same as `InferenceSession.run`; raises `Stopped`."""
        options = onnxruntime.RunOptions()
        running = self._thread.submit(self._session.run, outputs, dict(inputs), options)
        while True:
            try:
                made: list[Any] = running.result(ASK_S)
            except TimeoutError:
                if self._stop():
                    options.terminate = True
                    running.exception()  # waits until the run has released the model
                    raise Stopped from None
            else:
                return made


def _improved(model: Path, improve: Callable[[Path], bytes] | None) -> bytes | str:
    if improve is not None:
        with suppress(ValueError):
            return improve(model)
    return str(model)
