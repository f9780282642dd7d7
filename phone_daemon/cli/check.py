"""`phone-daemon check -c FILE`: checks settings and dialplans, and starts nothing."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

from phone_daemon.dialplan.dialplan import DialplanError, Dialplans, load_dialplans
from phone_daemon.settings.load import SettingsError, load_settings
from phone_daemon.settings.settings import Settings


def run(config: Path | None, environ: Mapping[str, str]) -> int:
    """Returns 0 and prints what was checked, or returns 1 and prints one line for each problem on stderr."""
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
    print(f"{config or 'the default settings'}: no mistakes; dialplans: {names or 'the dental clinic'}")  # noqa: T201
    if settings.edge.bind:
        print(f"Now check the edge: phone-ops edge check -c {config}")  # noqa: T201
    return 0


def _of_trunks(settings: Settings) -> list[str]:
    """Dialplans that a trunk names but that do not exist."""
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
