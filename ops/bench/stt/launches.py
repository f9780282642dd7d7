"""How many operations a step of the `nemo` engine consists of, counted at dispatch: on a GPU each is a launch.

sidecars/parakeet/.venv/bin/python -W ignore -m ops.bench.stt.launches MODEL.nemo --streams 1,64,256

Without a GPU, this counts what the captured graphs would contain plus what stays outside of them. Views launch nothing,
but take as much time on the one thread that launches. Runs in the engine's own environment.
"""

from __future__ import annotations

import argparse
import json
from typing import Any

import numpy as np
from torch.utils._python_dispatch import TorchDispatchMode

from sidecars.engine import SttEngine

WARM_UP = 4
"""Steps before counting: by then no stream is at its beginning."""


class Launches(TorchDispatchMode):  # type: ignore[misc]
    """Counts while it is entered."""

    def __init__(self) -> None:
        super().__init__()
        self.operations = 0
        self.views = 0

    def __torch_dispatch__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        aliases = [each.alias_info for each in function._schema.returns]
        if any(alias is not None and not alias.is_write for alias in aliases):
            self.views += 1
        else:
            self.operations += 1
        return function(*args, **(kwargs or {}))


def count(engine: SttEngine, streams: int, chunk_s: float, steps: int = 4) -> tuple[float, float]:
    """Operations and views in a step of this many streams that have all spoken before (16-bit noise with a fixed
    seed).
    """
    numbers = range(1, streams + 1)
    size = round(chunk_s * engine.sample_rate)
    noise = np.random.default_rng(15).normal(0, 2000, (WARM_UP + steps, size)).astype("<i2")
    for number in numbers:
        engine.open(number, {})
    for chunk in noise[:WARM_UP]:
        engine.step(dict.fromkeys(numbers, chunk.tobytes()))
    with Launches() as launches:
        for chunk in noise[WARM_UP:]:
            engine.step(dict.fromkeys(numbers, chunk.tobytes()))
    for number in numbers:
        engine.cancel(number)
    return launches.operations / steps, launches.views / steps


def main() -> None:
    from sidecars.engines.nemo import create  # noqa: PLC0415  (only in its own environment)

    parser = argparse.ArgumentParser(prog="ops.bench.stt.launches", description=__doc__)
    parser.add_argument("model", help="a .nemo file")
    parser.add_argument("--streams", default="1,64,256", help="how many at once, of each (default: %(default)s)")
    parser.add_argument("--chunk-ms", type=int, default=160)
    arguments = parser.parse_args()
    counts = [int(each) for each in arguments.streams.split(",")]
    options = {"model": arguments.model, "chunk_ms": arguments.chunk_ms, "max_sessions": max(counts), "device": "cpu"}
    engine = create(options)
    found = {streams: count(engine, streams, arguments.chunk_ms / 1e3) for streams in counts}
    print(json.dumps({each: {"operations": made, "views": views} for each, (made, views) in found.items()}))


if __name__ == "__main__":
    main()
