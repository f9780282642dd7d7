"""`make picture`: the output of `make run` as a picture and as a recording, for the README.

python -m ops.demo.picture [FOLDER]

Writes demo.svg and demo.mp3 (caller left, agent right) into FOLDER (default: fixtures/demo).
"""

from __future__ import annotations

import io
import sys
from pathlib import Path

import soundfile
from rich.console import Console

from ops import sigterm
from ops.demo import demo
from ops.replay import fixture

FOLDER = Path("fixtures/demo")
COLUMNS = 100
SECONDS = 22
"""How much of the recording is kept: the greeting, three interruptions, and what follows them."""


def main(folder: Path) -> int:
    """Returns exit code 0. Raises what a failing call raises."""
    folder.mkdir(parents=True, exist_ok=True)
    console = Console(record=True, width=COLUMNS, file=io.StringIO(), color_system="truecolor", highlight=False)
    left = sigterm.run(demo.show(fixture.load(fixture.find(demo.DEFAULT)), console))
    # The last lines name the folder and its files, which do not belong in the picture.
    console.save_svg(str(folder / "demo.svg"), title="make run")
    audio, rate = soundfile.read(left / "call.wav", frames=SECONDS * 8000)
    soundfile.write(folder / "demo.mp3", audio, rate)
    for name in ("demo.svg", "demo.mp3"):
        print(f"{folder / name}: {(folder / name).stat().st_size // 1000} kB")
    return 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]) if len(sys.argv) > 1 else FOLDER))
