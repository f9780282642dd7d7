"""Commands that receive SIGTERM."""

from __future__ import annotations

import asyncio
import signal
import subprocess
import sys

import pytest

from ops import sigterm

WAITS = """
import asyncio
from ops import sigterm

async def main():
    try:
        print("begun", flush=True)
        await asyncio.sleep(60)
    finally:
        print("closed", flush=True)

sigterm.run(main())
"""


def test_what_was_begun_is_closed() -> None:
    with subprocess.Popen([sys.executable, "-c", WAITS], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "begun\n"
        process.send_signal(signal.SIGTERM)
        assert process.stdout.read() == "closed\n"
    assert process.returncode == 128 + signal.SIGTERM


def test_without_a_signal_the_result_or_exception_of_main_passes_through() -> None:
    async def gives() -> int:
        return 3

    async def raises() -> None:
        await asyncio.sleep(0)
        raise LookupError("nothing")

    assert sigterm.run(gives()) == 3
    with pytest.raises(LookupError, match="nothing"):
        sigterm.run(raises())
