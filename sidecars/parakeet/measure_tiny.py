"""How many words the tiny model gets wrong, in sounds that it was not trained on: the table of its model card.

    python -m sidecars.parakeet.measure_tiny
    python -m sidecars.parakeet.measure_tiny other.nemo --utterances 50 --chunks 80 160 560
    python -m sidecars.parakeet.measure_tiny --people /usr/share

Word errors are those of the engine, which hears in chunks as in a call; beside them stand those of the same model
hearing whole utterances, and how many texts are the same both ways. `--people` takes a folder in which the Debian
packages asterisk-core-sounds-en and asterisk-core-sounds-en-wav are unpacked: prompts of telephone systems, read by a
woman. Needs the Parakeet environment (`make parakeet`) and the Debian packages espeak-ng and flite.
"""

from __future__ import annotations

import argparse
import gzip
import json
import logging
import re
import sys
import tomllib
import wave
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from sidecars.engine import load
from sidecars.parakeet import voices
from sidecars.parakeet.corpus import KINDS, ROOT, SENTENCES, SHUFFLED, plain
from sidecars.parakeet.ctc import word_errors
from sidecars.parakeet.utterances import SETS, sounds, tasks
from sidecars.resample import Resampler, to_pcm

SHIPPED = Path(__file__).parent / "tiny.nemo"
VOCABULARY = Path(__file__).parent / "vocabulary.txt"
"""The words that the shipped model was trained on: dialplans have learned others since."""
SEED = 700_000_000
"""Far from all that is trained on."""
TOGETHER = 16
SYNTHETIC = {
    "seen": "voices trained on, new texts and lines",
    "sentences": "the same, sentences only",
    "shuffled": "the same, words in no order only",
    "espeak": f"{voices.HELD_OUT_ESPEAK}, held out",
    "flite": f"{voices.HELD_OUT_FLITE}, held out",
}


ORDERS = {"sentences": SENTENCES, "shuffled": SHUFFLED}


@dataclass(frozen=True)
class Sound:
    text: str
    samples: npt.NDArray[np.float32]
    """At 16 kHz."""


@dataclass(frozen=True)
class Row:
    name: str
    chunk_ms: int
    utterances: int
    words: int
    wer: float
    """Heard in chunks."""
    wer_whole: float
    """Heard whole."""
    same: int
    """Utterances whose text is the same both ways."""


def synthetic(name: str, count: int) -> list[Sound]:
    """Of one of `SYNTHETIC`."""
    place = 10_000 * list(SYNTHETIC).index(name)
    words = frozenset(VOCABULARY.read_text(encoding="utf-8").split())
    drawn = tasks(count, 1, SETS.get(name), SEED + place)
    wanted = [replace(task, kinds=ORDERS.get(name, KINDS), words=words) for task in drawn]
    return [Sound(text, samples) for task in wanted for text, samples, _, _ in sounds(task)]


def recorded(path: Path, text: str) -> Sound:
    with wave.open(str(path)) as file:
        resampler = Resampler(file.getframerate(), voices.MODEL_RATE)
        pcm = resampler.feed(file.readframes(file.getnframes())) + resampler.flush()
    return Sound(text, np.frombuffer(pcm, "<i2").astype(np.float32) / np.float32(32768))


def fixtures(root: Path = ROOT) -> list[Sound]:
    """The recorded callers with voices of the kind that the model was trained on."""
    found = []
    for path in sorted((root / "fixtures" / "calls").glob("robot_*/call.toml")):
        for cue in tomllib.loads(path.read_text(encoding="utf-8")).get("cue", []):
            if cue.get("words") and "say" in cue:
                found.append(recorded(path.parent / cue["say"], plain(cue["words"])))
    return found


def people(folder: Path) -> list[Sound]:
    """Asterisk's prompts of three words and more, where the text tells how they are read."""
    transcripts = next(folder.rglob("core-sounds-en.txt*"), None)
    recordings = {path.stem: path for path in folder.rglob("en_US_f_Allison/*.wav")}
    if transcripts is None or not recordings:
        raise FileNotFoundError(f"{folder}: no core-sounds-en.txt or no recordings; see --help")
    data = transcripts.read_bytes()
    lines = (gzip.decompress(data) if transcripts.suffix == ".gz" else data).decode("utf-8", "replace").splitlines()
    found = []
    for line in lines:
        name, _, text = line.partition(":")
        if name in recordings and not re.search(r"[\d\[\]()<>*#&]", text) and len(plain(text).split()) >= 3:
            found.append(recorded(recordings[name], plain(text)))
    return found


def hear_whole(model: Any, wanted: Iterable[Sound]) -> list[str]:
    heard = model.transcribe([sound.samples for sound in wanted], batch_size=8, verbose=False)
    return [plain(one.text) for one in heard]


def hear_in_chunks(engine: Any, wanted: Sequence[Sound]) -> list[str]:
    """As the daemon does it, `TOGETHER` callers at a time."""
    step = 2 * voices.MODEL_RATE // 50
    heard: dict[int, str] = {}
    by_length = sorted(range(len(wanted)), key=lambda index: wanted[index].samples.size)
    for first in range(0, len(wanted), TOGETHER):
        numbers = by_length[first : first + TOGETHER]
        left = {number: to_pcm(wanted[number].samples * 32768) for number in numbers}
        for number in numbers:
            engine.open(number, {})
        while left:
            engine.step({number: pcm[:step] for number, pcm in left.items()})
            left = {number: pcm[step:] for number, pcm in left.items() if len(pcm) > step}
            for number in set(numbers) - set(left) - set(heard):
                heard[number] = plain(engine.finalize(number).text)
    return [heard[number] for number in range(len(wanted))]


def measure(name: str, wanted: list[Sound], whole: list[str], engine: Any, chunk_ms: int) -> Row:
    chunks = hear_in_chunks(engine, wanted)
    words = sum(len(sound.text.split()) for sound in wanted)
    wrong, wrong_whole = (
        sum(word_errors(sound.text, text) for sound, text in zip(wanted, heard, strict=True))
        for heard in (chunks, whole)
    )
    same = sum(one == other for one, other in zip(chunks, whole, strict=True))
    return Row(name, chunk_ms, len(wanted), words, wrong / words, wrong_whole / words, same)


def table(rows: Iterable[Row]) -> str:
    lines = ["| sounds | chunk (ms) | utterances | words | wrong | wrong, heard whole | same text both ways |"]
    lines.append("| --- | --- | --- | --- | --- | --- | --- |")
    for row in rows:
        same = f"{row.same} of {row.utterances}"
        cells = (row.name, row.chunk_ms, row.utterances, row.words, f"{row.wer:.1%}", f"{row.wer_whole:.1%}", same)
        lines.append(f"| {' | '.join(map(str, cells))} |")
    return "\n".join(lines) + "\n"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=Path, nargs="?", default=SHIPPED, help="default: the one that is shipped")
    parser.add_argument("--utterances", type=int, default=200, help="of each synthetic set (default: %(default)s)")
    parser.add_argument("--people", type=Path, help="folder with Asterisk's prompts")
    parser.add_argument("--chunks", type=int, nargs="+", default=[160], help="ms: of 80, 160, 560, 1120 (default: 160)")
    parser.add_argument("--show", type=int, default=0, metavar="N", help="also N texts of each set, said and heard")
    parser.add_argument("--json", action="store_true", help="a list instead of a table")
    options = parser.parse_args()
    logging.disable(logging.WARNING)
    if programs := voices.missing():
        sys.stderr.write(f"measure_tiny: {', '.join(programs)} not found; apt-get install {' '.join(programs)}\n")
        return 2
    wanted = {title: synthetic(name, options.utterances) for name, title in SYNTHETIC.items()}
    wanted["the fixtures' recordings"] = fixtures()
    if options.people:
        try:
            wanted["people"] = people(options.people)
        except FileNotFoundError as error:
            sys.stderr.write(f"measure_tiny: {error}\n")
            return 2
    from nemo.collections.asr.models import ASRModel  # noqa: PLC0415

    rows = []
    for chunk_ms in options.chunks:
        engine = load("nemo", {"model": str(options.model), "chunk_ms": chunk_ms, "device": "cpu"})
        model = ASRModel.restore_from(str(options.model), map_location="cpu")
        model.encoder.set_default_att_context_size([70, chunk_ms // 80 - 1])
        for name, some in wanted.items():
            whole = hear_whole(model, some)
            rows.append(measure(name, some, whole, engine, chunk_ms))
            for sound, text in list(zip(some, whole, strict=True))[: options.show]:
                sys.stdout.write(f"{name}: {sound.text} -> {text}\n")
    sys.stdout.write(json.dumps([asdict(row) for row in rows]) + "\n" if options.json else table(rows))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
