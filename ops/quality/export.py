"""`phone-ops export`: convert a .nemo model to ONNX, and check that the two give the same transcripts.

The Parakeet environment (make parakeet) writes the files. Then both engines, nemo and the one that will load them,
transcribe the same recordings, each in its own environment. Their words are compared by word error rate rather than one
for one, because the two compute audio features in slightly different ways.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import re
import subprocess
import sys
import wave
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from ops import sigterm
from ops.quality.score import edits
from ops.quality.transcribe import NotHeard, hear, started
from ops.replay.fixture import every
from ops.usage import WrongUse, about
from sidecars.environment import interpreter
from sidecars.host.host import HostLost
from sidecars.local.subprocess import SubprocessHost
from sidecars.resample import Resampler

ROOT = Path(__file__).resolve().parents[2]
RATE = 16000
LONGEST = 2 * RATE * 30
"""Bytes of the longest utterance for engines that transcribe whole ones. A longer recording is divided."""
TOGETHER = 8
"""Recordings that an engine transcribes at a time."""
LOADING_S = 600.0
EXAMPLES = """\
examples:
  phone-ops export tiny.nemo var/models/tiny
      for sherpa, in chunks of 160 ms, checked on the recorded callers
  phone-ops export nvidia/nemotron-speech-streaming-en-0.6b var/models/nemotron --chunk-ms 160 560 --check recordings/
      two chunk sizes, checked on your own recordings
  then, in the settings:  [stt] engine = "sherpa", options = { model = "var/models/tiny" }
Exit codes: 0 converted, and the words agree within the tolerance; 1 otherwise; 2 usage error.
"""


class NotDone(Exception):
    """The export failed or could not be verified: one line."""


@dataclass(frozen=True)
class Compared:
    """Both transcripts of one recording; inserting, deleting, or changing `edits` words turns one into the other."""

    recording: str
    chunk_ms: int
    words: int
    edits: int
    nemo: str
    exported: str


def add_parser(commands: Any) -> None:
    """Adds `export` to the subparsers of `phone-ops`."""
    parser = commands.add_parser(
        "export",
        help="convert a .nemo model to ONNX, and check that it hears the same words",
        description=about(__doc__),
        epilog=EXAMPLES,
    )
    parser.add_argument("model", metavar="MODEL", help="a .nemo file, or OWNER/NAME on the Hugging Face hub")
    parser.add_argument("folder", type=Path, metavar="FOLDER", help="where the ONNX files go")
    parser.add_argument(
        "--chunk-ms",
        type=int,
        nargs="+",
        default=[],
        metavar="MS",
        help="chunk sizes of a streaming model (default 160, or its own)",
    )
    parser.add_argument(
        "--check", type=Path, metavar="PATH", help="recordings to compare on: a folder of WAV files, or a NeMo manifest"
    )
    parser.add_argument(
        "--tolerance", type=float, default=0.02, metavar="X", help="highest word error rate against NeMo (default 0.02)"
    )
    parser.add_argument("--json", action="store_true", help="print JSON, with the words")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Exit code: 0 if exported and verified, 1 if not. Raises `WrongUse`."""
    if not 0 <= args.tolerance <= 1:
        raise WrongUse(f"phone-ops export: --tolerance {args.tolerance:g}: expected a fraction from 0 to 1, like 0.02")
    if args.folder.exists() and not args.folder.is_dir():
        raise WrongUse(f"phone-ops export: {args.folder} is a file; name a folder")
    recordings = read_recordings(args.check)
    try:
        made = _exported(args.model, args.folder, args.chunk_ms)
        compared = sigterm.run(_compared(args.model, args.folder.absolute(), made, recordings))
        words, edits = sum(each.words for each in compared), sum(each.edits for each in compared)
        if not words:
            raise NotDone(
                f"NeMo hears no word in {len(recordings)} recordings: nothing is proved; name others by --check"
            )
    except (NotDone, HostLost) as error:
        print(f"phone-ops export: {error}", file=sys.stderr)
        return 1
    passed = edits / words <= args.tolerance
    told = {"passed": passed, "wer": edits / words, "tolerance": args.tolerance, "words": words, "edits": edits}
    if args.json:
        whole = {**told, "folder": str(args.folder), **made, "recordings": [asdict(each) for each in compared]}
        print(json.dumps(whole, indent=2))
    else:
        different = sorted({each.recording for each in compared if each.edits})
        print(f"{args.folder}: {', '.join(made['files'])} for the engine {made['engine']}")
        print(
            f"{'the same words' if passed else 'NOT THE SAME WORDS'} as NeMo in {len(recordings)} recordings: "
            f"{edits} of {words} differ, {edits / words:.2%} (tolerance {args.tolerance:.2%})"
        )
        if different:
            print("they differ in " + ", ".join(different))
    return 0 if passed else 1


# --------------------------------------------------------------------------------------------------- what is made


def _exported(model: str, folder: Path, chunks_ms: Sequence[int]) -> dict[str, Any]:
    """Engine, chunk sizes, and files. Raises `NotDone`."""
    python = interpreter("nemo")
    if not python:
        raise NotDone("sidecars/parakeet/.venv is not there; build it with make parakeet")
    chunks = ["--chunk-ms", *map(str, chunks_ms)] if chunks_ms else []
    command = [python, "-W", "ignore", "-m", "sidecars.parakeet.export", model, str(folder.absolute()), *chunks]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONSAFEPATH": "1"}
    ran = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False, env=environment)
    if ran.returncode != 0:
        raise NotDone(f"nothing was made of {model}; the reason is in the line before")
    told: dict[str, Any] = json.loads(ran.stdout.splitlines()[-1])
    return told


# ----------------------------------------------------------------------------------------------- what is heard


def read_recordings(check: Path | None) -> Mapping[str, bytes]:
    """PCM at 16 kHz by name: the recorded callers', or from the folder or manifest `check`. Raises `WrongUse`."""
    paths: Sequence[Path]
    if check is None:
        paths = [path for folder in every() for path in sorted(folder.glob("*.wav"))]
    elif check.is_dir():
        paths = sorted(check.rglob("*.wav"))
    elif check.is_file():
        paths = _manifest(check)
    else:
        raise WrongUse(f"phone-ops export: --check {check}: no such folder or manifest")
    if not paths:
        raise WrongUse(f"phone-ops export: --check {check}: there is no WAV file in it")
    return {"/".join(path.parts[-2:]) if check is None else str(path): _pcm(path) for path in paths}


def _manifest(path: Path) -> Sequence[Path]:
    paths = []
    for number, line in enumerate(path.read_text(encoding="utf-8", errors="replace").splitlines(), 1):
        if line.strip():
            try:
                paths.append(path.parent / str(json.loads(line)["audio_filepath"]))
            except (ValueError, KeyError, TypeError):
                raise WrongUse(f"phone-ops export: {path}, line {number}: expected JSON with audio_filepath") from None
    return paths


def _pcm(path: Path) -> bytes:
    try:
        with wave.open(str(path), "rb") as file:
            if (file.getnchannels(), file.getsampwidth()) != (1, 2):
                raise WrongUse(f"phone-ops export: {path}: expected a WAV file with one channel of 16 bits")
            resampler = Resampler(file.getframerate(), RATE)
            return resampler.feed(file.readframes(file.getnframes())) + resampler.flush()
    except (OSError, EOFError, ValueError, wave.Error) as error:
        raise WrongUse(f"phone-ops export: {path}: cannot be read as a WAV file: {error}") from None


async def _compared(
    model: str, folder: Path, made: Mapping[str, Any], recordings: Mapping[str, bytes]
) -> Sequence[Compared]:
    compared = []
    for chunk_ms in made["chunk_ms"] or [0]:
        chunk = {"chunk_ms": chunk_ms} if chunk_ms else {}
        nemo = await _heard("nemo", {"model": model, "dtype": "float32", **chunk}, recordings)
        exported = await _heard(made["engine"], {"model": str(folder), **chunk}, recordings)
        for name in recordings:
            one, other = _words(nemo[name]), _words(exported[name])
            compared.append(Compared(name, chunk_ms, len(one), edits(one, other), nemo[name], exported[name]))
    return compared


async def _heard(engine: str, options: Mapping[str, Any], recordings: Mapping[str, bytes]) -> Mapping[str, str]:
    """The transcripts of `engine`. Raises `NotDone`, `HostLost`."""
    python = interpreter(engine)
    if not python:
        family = "parakeet" if engine == "nemo" else engine
        raise NotDone(f"the files are made, but nothing is proved: sidecars/{family}/.venv is not there; make {family}")
    chunk = f", chunks of {options['chunk_ms']} ms" if "chunk_ms" in options else ""
    print(f"{engine} hears {len(recordings)} recordings{chunk}", file=sys.stderr, flush=True)
    host = SubprocessHost("stt", engine, options, python, start_timeout_s=LOADING_S, stall_s=LOADING_S)
    few = asyncio.Semaphore(TOGETHER)

    async def one(pcm: bytes) -> str:
        async with few:
            return " ".join([await hear(host, pcm[at : at + LONGEST], {}) for at in range(0, len(pcm), LONGEST)])

    try:
        async with started(host):
            return dict(zip(recordings, await asyncio.gather(*map(one, recordings.values())), strict=True))
    except NotHeard as error:
        raise NotDone(f"{host.name}: {error}") from None


def _words(text: str) -> Sequence[str]:
    """Removes the mark for sounds that are not in the vocabulary, which only one of the engines writes."""
    return re.sub("<unk>|⁇", " ", text).split()
