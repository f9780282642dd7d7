"""`phone-daemon init`: settings and a dialplan to start from."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path

from phone_daemon.dialplan.dialplan import SHIPPED
from phone_daemon.settings.example import example

SETTINGS, DIALPLAN = "phone-daemon.toml", "reception.toml"
_NEXT_STEPS = """\
Wrote {settings} and {dialplan}. Next:
  edit them           every key is in docs/settings.md and docs/dialplans.md
  try the dialplan    phone-daemon try {dialplan}
  check both          phone-daemon check -c {settings}
  answer calls        phone-daemon serve -c {settings}"""


def run(folder: Path) -> int:
    """Writes both files into `folder`. Returns 0, or 1 if something is in the way; then nothing is written."""
    settings, dialplan = folder / SETTINGS, folder / DIALPLAN
    if folder.is_file():
        print(f"phone-daemon init: {folder} is a file; name a folder", file=sys.stderr)  # noqa: T201
        return 1
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for path in (settings, dialplan):
            if path.exists():
                print(f"phone-daemon init: {path} already exists; name another folder", file=sys.stderr)  # noqa: T201
                return 1
        dialplan.write_text((SHIPPED / "start" / DIALPLAN).read_text(encoding="utf-8"), encoding="utf-8")
        text = example().replace("#dialplans = []", f'dialplans = ["{DIALPLAN}"]', 1)
        settings.write_text(text, encoding="utf-8")
    except OSError as error:
        print(f"phone-daemon init: {error.filename}: {error.strerror}", file=sys.stderr)  # noqa: T201
        return 1
    print(_NEXT_STEPS.format(settings=shlex.quote(str(settings)), dialplan=shlex.quote(str(dialplan))))  # noqa: T201
    return 0
