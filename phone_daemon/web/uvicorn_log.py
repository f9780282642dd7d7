"""What uvicorn logs: our defects, but no stranger's mistakes. It would write a line, or a traceback, for each of them,
until the disk is full.
"""

from __future__ import annotations

import logging

MISTAKES = {
    "Invalid HTTP request received.",
    "Invalid UTF-8 sequence received from client.",
    "Unsupported upgrade request.",
    # It says so of every WebSocket that is refused with a status of ours.
    "ASGI callable returned without completing handshake.",
}


def set_up() -> None:
    """Leaves them out, in this process."""
    logging.getLogger("uvicorn").setLevel(logging.WARNING)
    logging.getLogger("uvicorn.error").addFilter(lambda record: record.msg not in MISTAKES)
