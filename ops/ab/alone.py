"""The engine alone, without a host: what it recognizes in recordings, and how much audio each partial needs.

PYTHON alone.py SPEC ANSWER

Writes JSON to the file ANSWER, for each recording {"text", "partials": [[text, seconds], …]}.

Runs in the engine's own environment, which contains none of the daemon's packages. SPEC is a JSON file: `engine`,
`options`, and `recordings`, each with `pcm` (a file, 8 kHz 16-bit mono) and its session's `options`.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from sidecars.engine import SttEngine, load
from sidecars.resample import Resampler

RATE = 8000
FRAME_S = 0.02
FRAME = 2 * round(RATE * FRAME_S)
"""Bytes: audio arrives in the same pieces as in a call."""


def frames(pcm: bytes) -> Iterator[bytes]:
    """The recording in frames of 20 ms; the last one is padded with silence."""
    for start in range(0, len(pcm), FRAME):
        yield pcm[start : start + FRAME].ljust(FRAME, b"\0")


def hear(engine: SttEngine, session: int, options: Mapping[str, Any], pcm: bytes) -> dict[str, Any]:
    """The final transcript of `pcm`, and each partial with the seconds of audio fed when it first appeared."""
    engine.open(session, options)
    stream = Resampler(RATE, engine.sample_rate)
    partials: dict[str, float] = {}
    for index, frame in enumerate(frames(pcm), 1):
        if hypothesis := engine.step({session: stream.feed(frame)}).get(session):
            partials.setdefault(hypothesis.text, round(index * FRAME_S, 3))
    engine.step({session: stream.flush()})
    partials.pop("", None)
    return {"text": engine.finalize(session).text, "partials": [*partials.items()]}


def main(asked: str, answer: str) -> int:
    spec = json.loads(Path(asked).read_text(encoding="utf-8"))
    engine = load(spec["engine"], spec["options"])
    heard = [
        hear(engine, number, each["options"], Path(each["pcm"]).read_bytes())
        for number, each in enumerate(spec["recordings"], 1)
    ]
    Path(answer).write_text(json.dumps(heard), encoding="utf-8")  # libraries may write anything to stdout
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
