"""`phone-daemon check -c FILE`: whether settings and dialplans can be served with, without starting anything."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

from phone_daemon.dialplan.dialplan import DialplanError, Dialplans, load_dialplans
from phone_daemon.settings.load import SettingsError, load_settings
from phone_daemon.settings.settings import Settings


def run(config: Path | None, environ: Mapping[str, str]) -> int:
    """0: nothing is wrong, and what was checked is told; 1: a line for each problem on stderr."""
    try:
        settings = load_settings(config, environ, warn=True)
    except SettingsError as error:
        lines = [*error.lines, *_of_dialplans(error.dialplans, environ)]
        print("\n".join(lines), file=sys.stderr)  # noqa: T201
        return 1
    lines = list(_of_dialplans(settings.dialplans, environ)) or _of_trunks(settings)
    if lines:
        print("\n".join(lines), file=sys.stderr)  # noqa: T201
        return 1
    names = ", ".join(plan.name for plan in Dialplans.load(settings.dialplans))
    edge = f"; for the edge itself: phone-ops edge check -c {config}" if settings.edge.bind else ""
    print(f"{config or 'the default settings'}: nothing is wrong; dialplans: {names or 'the dental clinic'}{edge}")  # noqa: T201
    return 0


def _of_trunks(settings: Settings) -> list[str]:
    """Dialplans that trunks name and that are not there."""
    try:
        load_dialplans(settings)
    except DialplanError as error:
        return list(error.lines)
    return []


def _of_dialplans(paths: tuple[Path, ...], environ: Mapping[str, str]) -> Iterator[str]:
    try:
        plans = Dialplans.load(path for path in dict.fromkeys(paths) if path.is_file())
    except DialplanError as error:
        yield from error.lines
        return
    for plan in plans:
        yield from plan.missing_keys(environ)
