"""CUDA graphs of a step's parts, one for each batch size: a thousand launches become one.

Without a GPU the same functions are called directly.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any

import torch

log = logging.getLogger(__name__)

WARM_UPS = 2
"""The number of calls before a capture: in the first ones, libraries allocate what they need."""
EVERY = 128
"""Batches above `EVERY * 2` are padded to a multiple of `EVERY`, and smaller ones to a power of two."""


def sizes(most: int) -> list[int]:
    """The sizes to which batches of 1 to `most` streams are padded, largest first."""
    found = [1 << power for power in range(9) if 1 << power < most]
    found += range(3 * EVERY, most, EVERY)
    return sorted({*found, most}, reverse=True)


class Graphs:
    """Runs functions of a batch size that read and write tensors at fixed addresses.

    Args:
        device: the device of those tensors.
        most: the largest batch.
    """

    def __init__(self, device: torch.device, most: int) -> None:
        self._device = device
        self._sizes = sizes(most) if device.type == "cuda" else []
        self._pool: Any = None
        self._beside: Any = None
        """The only stream on which graphs are captured: the allocator returns freed memory only to the same stream, and
        with one stream for each size, a model of 0.6 billion parameters took 84 GB for 768 streams."""

    def padded(self, count: int) -> int:
        """The number of rows to which a batch of `count` is padded; without a GPU there is no padding."""
        return min((size for size in self._sizes if size >= count), default=count)

    def of(self, function: Callable[[int], None]) -> Callable[[int], None]:
        """Returns `function(rows)`, captured for every size. The function must do the same work for the same number of
        rows, and must not wait for anything. If it cannot be captured, it is called directly. Raises what CUDA raises
        when it is out of memory.
        """
        if not self._sizes:
            return function
        try:
            graphs = {size: self._captured(function, size) for size in self._sizes}
            torch.cuda.empty_cache()  # memory used before the captures
        except torch.cuda.OutOfMemoryError:
            raise
        except RuntimeError as error:
            log.warning(
                "hearing without CUDA graphs, which takes many times as long: %s", str(error).partition("\n")[0]
            )
            return function
        return lambda rows: graphs[rows].replay()

    def _captured(self, function: Callable[[int], None], size: int) -> torch.cuda.CUDAGraph:
        graph = torch.cuda.CUDAGraph()
        self._pool = self._pool or torch.cuda.graph_pool_handle()
        beside = self._beside = self._beside or torch.cuda.Stream(self._device)
        with torch.cuda.device(self._device):
            beside.wait_stream(torch.cuda.current_stream())
            with torch.cuda.stream(beside):
                for _ in range(WARM_UPS):
                    function(size)
                beside.synchronize()
                # Not `torch.cuda.graph`, which collects garbage and empties the allocator's cache, and so takes 0.5 s.
                graph.capture_begin(pool=self._pool, capture_error_mode="thread_local")
                try:
                    function(size)
                except BaseException:
                    with suppress(RuntimeError):  # it reports that the capture failed, but not why
                        graph.capture_end()
                    raise
                graph.capture_end()
            torch.cuda.current_stream().wait_stream(beside)
        return graph


def rows_of(slots: Sequence[int], rows: int, spare: int, device: torch.device) -> torch.Tensor:
    """`slots` on the device, padded to `rows` with the `spare` slot."""
    return torch.tensor([*slots, *[spare] * (rows - len(slots))]).to(device, non_blocking=True)
