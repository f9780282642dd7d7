"""CUDA graphs of a step's parts, one for each size of a batch: a thousand launches become one.

Without a GPU the same functions are called as they are.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any

import torch

log = logging.getLogger(__name__)

WARM_UPS = 2
"""Calls before a capture: libraries allocate what they need in the first ones."""
EVERY = 128
"""Batches above `EVERY * 2` are padded to a multiple of it, smaller ones to a power of two."""


def sizes(most: int) -> list[int]:
    """Sizes to which batches of 1 to `most` streams are padded, the largest first."""
    found = [1 << power for power in range(9) if 1 << power < most]
    found += range(3 * EVERY, most, EVERY)
    return sorted({*found, most}, reverse=True)


class Graphs:
    """Runs functions of a batch's size, which read and write tensors that stay where they are.

    Args:
        device: of those tensors.
        most: the largest batch.
    """

    def __init__(self, device: torch.device, most: int) -> None:
        self._device = device
        self._sizes = sizes(most) if device.type == "cuda" else []
        self._pool: Any = None
        self._beside: Any = None
        """The one stream on which all is captured: the allocator gives memory that was freed to the same stream only,
        and with one for each size a model of 0.6 billion parameters took 84 GB for 768 streams.
        """

    def padded(self, count: int) -> int:
        """To how many rows a batch of `count` is made up: without a GPU to no more."""
        return min((size for size in self._sizes if size >= count), default=count)

    def of(self, function: Callable[[int], None]) -> Callable[[int], None]:
        """`function(rows)`, captured for every size: it must do the same work for the same number of rows, and wait
        for nothing. Where it cannot be captured, it is called as it is. Raises what CUDA raises without memory.
        """
        if not self._sizes:
            return function
        try:
            graphs = {size: self._captured(function, size) for size in self._sizes}
            torch.cuda.empty_cache()  # of what was wanted before the captures
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
                # Not `torch.cuda.graph`: it collects garbage and empties the allocator's cache, which takes 0.5 s.
                graph.capture_begin(pool=self._pool, capture_error_mode="thread_local")
                try:
                    function(size)
                except BaseException:
                    with suppress(RuntimeError):  # it tells that the capture failed, and not why
                        graph.capture_end()
                    raise
                graph.capture_end()
            torch.cuda.current_stream().wait_stream(beside)
        return graph


def rows_of(slots: Sequence[int], rows: int, spare: int, device: torch.device) -> torch.Tensor:
    """`slots` on the device, made up to `rows` with one that is nobody's."""
    return torch.tensor([*slots, *[spare] * (rows - len(slots))]).to(device, non_blocking=True)
