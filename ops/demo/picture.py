"""`make picture`: what `make run` shows, as a picture and as a recording, for the README.

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
"""Of the recording: the greeting, three interruptions and what comes of them."""


def main(folder: Path) -> int:
    """Exit code 0. Raises what a call that fails raises."""
    folder.mkdir(parents=True, exist_ok=True)
    console = Console(record=True, width=COLUMNS, file=io.StringIO(), color_system="truecolor", highlight=False)
    left = sigterm.run(demo.show(fixture.load(fixture.find(demo.DEFAULT)), console))
    # The folder's name and what lies in it are of no interest here, and stand at the end.
    console.save_svg(str(folder / "demo.svg"), title="make run")
    audio, rate = soundfile.read(left / "call.wav", frames=SECONDS * 8000)
    soundfile.write(folder / "demo.mp3", audio, rate)
    for name in ("demo.svg", "demo.mp3"):
        print(f"{folder / name}: {(folder / name).stat().st_size // 1000} kB")
    return 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]) if len(sys.argv) > 1 else FOLDER))
