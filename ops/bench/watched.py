"""`phone-daemon serve` for a bench: on SIGUSR1 it writes its line cards' statistics to a file.

python -m ops.bench.watched serve -c settings.toml      → stats.json beside settings.toml
"""

from __future__ import annotations

import asyncio
import json
import signal
import sys
from dataclasses import asdict
from pathlib import Path

from phone_daemon.__main__ import parser, settings_from
from phone_daemon.daemon import Daemon

STATS = "stats.json"


async def _serve(argv: list[str]) -> None:
    args = parser().parse_args(argv)
    target: Path = args.config.with_name(STATS)
    async with Daemon(settings_from(args)) as daemon:

        async def tell() -> None:
            stats = [asdict(card) for card in await daemon.cards.stats()]
            half = target.with_suffix(".half")
            half.write_text(json.dumps(stats))
            half.replace(target)

        loop = asyncio.get_running_loop()
        telling: set[asyncio.Task[None]] = set()

        def asked() -> None:
            task = loop.create_task(tell())
            telling.add(task)
            task.add_done_callback(telling.discard)

        loop.add_signal_handler(signal.SIGUSR1, asked)
        loop.add_signal_handler(signal.SIGTERM, daemon.drain)
        loop.add_signal_handler(signal.SIGINT, daemon.drain)
        await daemon.serve()


if __name__ == "__main__":
    asyncio.run(_serve(sys.argv[1:]))
