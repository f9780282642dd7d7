"""Follows the file of tokens, so that a token that is removed, or gets another role, needs no restart."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from pathlib import Path

from phone_daemon.web.auth import Tokens, TokensError
from sidecars.log import Event

log = logging.getLogger(__name__)

LOOK_S = 1.0


async def follow(tokens: Tokens, path: Path, environ: Mapping[str, str]) -> None:
    """Brings `tokens` up to date whenever the file at `path` changes, until cancelled. While the file cannot be used,
    the tokens that it had before remain valid, and the log says why.
    """
    known = _stamp(path)
    while True:
        await asyncio.sleep(LOOK_S)
        if (now := _stamp(path)) == known:
            continue
        known = now
        try:
            tokens.renew(Tokens.load(path, environ))
        except TokensError as error:
            log.error(Event("web.tokens_not_read", reason=error))
        else:
            log.info(Event("web.tokens_read", path=path))


def _stamp(path: Path) -> tuple[int, ...]:
    """Differs once the file has another content or mode; empty if there is no file."""
    try:
        about = path.stat()
    except OSError:
        return ()
    return about.st_ino, about.st_size, about.st_mode, about.st_mtime_ns
