"""The models of the recognition bench: random weights, which cost as much as trained ones of the same shape.

They are made in the Parakeet environment when first needed, and kept under `var/models/`.
"""

from __future__ import annotations

import subprocess
from pathlib import Path

from ops.bench.stt.sidecar import ROOT, SidecarFailed, environ, python_of
from ops.bench.stt.stream import RATE
from ops.bench.talk import sounds
from ops.live.processes import last_line
from phone_daemon.events import SAMPLE_RATE
from sidecars.environment import interpreter
from sidecars.resample import Resampler

KEPT = ROOT / "var" / "models"
CHUNK_MS = 160
BABBLES_TO = ("--sound", str(ROOT / "fixtures" / "calls" / "leaves_a_message" / "two.wav"))
"""Makes the random models emit words, so that there are partials to time when recorded callers speak."""
MIDDLE = ("--width", "512", "--layers", "17", "--heads", "8", "--channels", "256")


def streaming() -> Path:
    """A cache-aware RNN-T."""
    return _made("parakeet_rnnt.nemo", "fixtures.models.tiny_nemo.make", "--decoder", "rnnt", *BABBLES_TO)


def whole() -> Path:
    """A TDT with the same encoder, which transcribes whole utterances."""
    return _made("parakeet_tdt.nemo", "fixtures.models.tiny_nemo.make", "--decoder", "tdt", *BABBLES_TO)


def middle_streaming() -> Path:
    """`streaming` at a size that a CPU can still keep up with: FastConformer's "large" (arXiv:2305.05084)."""
    return _made("parakeet_114m_rnnt.nemo", "fixtures.models.tiny_nemo.make", "--decoder", "rnnt", *BABBLES_TO, *MIDDLE)


def middle_whole() -> Path:
    """`whole` with the encoder of `middle_streaming`."""
    return _made("parakeet_114m_tdt.nemo", "fixtures.models.tiny_nemo.make", "--decoder", "tdt", *BABBLES_TO, *MIDDLE)


def exported() -> Path:
    """The folder of `streaming` as ONNX."""
    return _made("parakeet_rnnt_onnx", "sidecars.parakeet.export", str(streaming()), "--chunk-ms", str(CHUNK_MS))


def _made(name: str, module: str, *words: str) -> Path:
    """`var/models/NAME`. Raises `SidecarFailed` with the reason if it does not exist and cannot be made."""
    path = KEPT / name
    if path.exists():
        return path
    if not interpreter("nemo"):
        raise SidecarFailed("no environment for it: make sidecars/parakeet/.venv/run.stamp")
    KEPT.mkdir(parents=True, exist_ok=True)
    source, options = ((words[0],), words[1:]) if not words[0].startswith("--") else ((), words)
    ran = subprocess.run(
        [python_of("nemo"), "-W", "ignore", "-m", module, *source, str(path), *options],
        capture_output=True,
        text=True,
        env=environ(),
        check=False,
    )
    if ran.returncode:
        raise SidecarFailed(f"{module}: {last_line(ran.stderr) or 'it failed without output'}")
    return path


def callers() -> bytes:
    """What recorded callers say, one after the other, at 16 kHz."""
    return wide(b"".join(sound.pcm for sound in sounds() if sound.words))


def wide(pcm: bytes) -> bytes:
    """8 kHz audio at the engines' rate."""
    stream = Resampler(SAMPLE_RATE, RATE)
    return stream.feed(pcm) + stream.flush()
