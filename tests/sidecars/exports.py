"""Small Parakeets with random weights, and their exports by export.py, for tests of the ONNX engines."""

from __future__ import annotations

import subprocess
from pathlib import Path

from tests.sidecars.family import ROOT, python_of

SEEDS = {"ctc": "1", "rnnt": "7", "tdt": "0"}
"""With them models babble a lot."""
IN_ONE = """
import sys
from fixtures.models.tiny_nemo import make, model as shapes
from sidecars.parakeet import export
model, folder, decoder, seed, *chunks = sys.argv[1:]
if decoder == "tdt":
    plain = shapes.config
    def config(*arguments):
        made = plain(*arguments)
        made["preprocessor"]["normalize"] = "per_feature"
        return made
    shapes.config = config
sys.argv[1:] = [model, "--decoder", decoder, "--seed", seed]
make.main()
if folder:
    sys.argv[1:] = [model, folder, *chunks]
    sys.exit(export.main())
"""


def nemo_file(folder: Path, decoder: str) -> Path:
    """A model. One that transcribes whole segments normalizes its features, as the large ones do."""
    made = folder / f"{decoder}.nemo"
    _run("-c", IN_ONE, str(made), "", decoder, SEEDS[decoder])
    return made


def made_and_exported(folder: Path, decoder: str, *chunks_ms: int) -> Path:
    """A streaming model in the form that the engine sherpa takes."""
    chunks = ["--chunk-ms", *map(str, chunks_ms)] if chunks_ms else []
    _run("-c", IN_ONE, str(folder / f"{decoder}.nemo"), str(folder / "onnx"), decoder, SEEDS[decoder], *chunks)
    return folder / "onnx"


def exported(model: Path, folder: Path) -> subprocess.CompletedProcess[str]:
    """The export of any model by export.py, or its error message."""
    command = [python_of("parakeet"), "-W", "ignore", "-m", "sidecars.parakeet.export", str(model), str(folder)]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)


def _run(*arguments: str) -> None:
    command = [python_of("parakeet"), "-W", "ignore", *arguments]
    made = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert made.returncode == 0, made.stderr
