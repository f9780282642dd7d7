"""`phone-daemon serve` at noon on a Tuesday: recorded callers phone in opening hours.

python -m ops.ab.daemon serve -c settings.toml
"""

from __future__ import annotations

import asyncio
import signal
import sys

from ops.replay.tape_call import NOON
from phone_daemon.__main__ import parser, settings_from
from phone_daemon.daemon import Daemon


async def _serve(argv: list[str]) -> None:
    async with Daemon(settings_from(parser().parse_args(argv)), now=lambda: NOON) as daemon:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, daemon.drain)
        await daemon.serve()


if __name__ == "__main__":
    asyncio.run(_serve(sys.argv[1:]))
