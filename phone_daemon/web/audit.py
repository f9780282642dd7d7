"""Records who did what to which call, in the log and as JSON lines in `audit.jsonl` beside the recordings. Spoken words
and telephone numbers are left out.
"""

from __future__ import annotations

import json
import logging
import os
from datetime import UTC, datetime
from pathlib import Path

from phone_daemon.web.auth import Who
from sidecars.log import Event

log = logging.getLogger(__name__)

FILE = "audit.jsonl"


class Audit:
    """Appends to DIRECTORY/audit.jsonl (mode 0600). A full disk is logged, and blocks nobody."""

    def __init__(self, directory: Path) -> None:
        self.path = directory / FILE

    def record(self, who: Who, what: str, call: str = "", *, outcome: str = "done") -> None:
        """Records an action. `what`: the action in one word (such as hang_up, listen, recording, or forget); `outcome`:
        done, or why it was not done.
        """
        log.info(Event("web.audit", who=who.name, role=who.role.name.lower(), what=what, call=call, outcome=outcome))
        at = datetime.now(UTC).isoformat(timespec="milliseconds")
        line = {
            "at": at,
            "who": who.name,
            "role": who.role.name.lower(),
            "what": what,
            "call": call,
            "outcome": outcome,
        }
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            file = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
            try:
                os.write(file, json.dumps(line, ensure_ascii=False).encode() + b"\n")
            finally:
                os.close(file)
        except OSError as error:
            log.error(Event("web.audit_not_written", path=self.path, reason=error.strerror))
