"""Writes the edge's configurations into `[edge] directory`."""

from __future__ import annotations

import os
import secrets
from pathlib import Path

from ops.edge import container, haproxy, kamailio, relay_redis, rtpengine, units
from ops.edge.plan import Plan

SECRET = "secret"


def render(plan: Plan) -> list[Path]:
    """Writes every file, readable only by its owner, and returns the paths. Raises `OSError`, `EdgeError`."""
    folder = plan.folder
    folder.mkdir(parents=True, exist_ok=True)
    folder.chmod(0o700)
    if not (folder / SECRET).exists():
        _write(folder / SECRET, secrets.token_hex(32))
    files = {**kamailio.files(plan), "rtpengine.conf": rtpengine.configuration(plan)}
    files["redis.conf"] = relay_redis.configuration(plan)
    if haproxy.wanted(plan):
        files["haproxy.cfg"] = haproxy.configuration(plan)
    files |= units.files(plan) | container.files(plan)
    return [_write(folder / name, text) for name, text in files.items()]


def rewrite(plan: Plan, *names: str) -> None:
    """Writes Kamailio's files again, without those that the plan does not need. Raises `OSError`."""
    files = kamailio.files(plan)
    for name in names:
        if name in files:
            _write(plan.folder / name, files[name])


def _write(path: Path, text: str) -> Path:
    """Replaces the file atomically: a concurrent reader finds either the old text or the new."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    half = path.with_name(f"{path.name}.half")
    with os.fdopen(os.open(half, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        file.write(text)
    half.replace(path)
    return path
