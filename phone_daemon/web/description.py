"""`python -m phone_daemon.web.description` prints the API's OpenAPI, as a running web process has it at
`/openapi.json`.
"""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path
from typing import Any

from phone_daemon.settings.settings import Settings
from phone_daemon.web.app import create_app
from phone_daemon.web.audit import Audit
from phone_daemon.web.auth import Tokens
from phone_daemon.web.call_store import CallStore
from phone_daemon.web.desk import Desk
from phone_daemon.web.event_feed import EventFeed
from phone_daemon.web.machine_history import MachineHistory
from phone_daemon.web.web import Web


def description() -> dict[str, Any]:
    """The OpenAPI document."""
    settings = Settings()
    with tempfile.TemporaryDirectory() as folder:
        nowhere = Path(folder)
        desk = Desk(None, max_calls=0, idle_s=0)
        store = CallStore(nowhere)
        try:
            web = Web(
                settings,
                desk,
                Tokens({}),
                Audit(nowhere),
                store,
                EventFeed(settings.state),
                MachineHistory(settings.state),
            )
            return create_app(web).openapi()
        finally:
            store.close()


if __name__ == "__main__":
    json.dump(description(), sys.stdout, indent=1)
