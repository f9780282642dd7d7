"""`phone-ops phrases`: print the phrases that callers may say, for a separate speech-to-text server.

Prints JSON, by dialplan and by the question that the agent has just asked. Start a server that several daemons share
with it:

phone-ops phrases -c phone-daemon.toml > phrases.json
python -m sidecars.serve.stt --engine moonshine --option phrases=@phrases.json --port 8765
"""

from __future__ import annotations

import argparse
import json

from ops.usage import WrongUse, add_config, settings
from phone_daemon.dialplan.dialplan import DialplanError, load_dialplans
from phone_daemon.engines import engine_options
from phone_daemon.settings.settings import SttSettings


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_config(parser)


def run(args: argparse.Namespace) -> int:
    """Prints the phrases. Raises `WrongUse` if the settings or their dialplans are not valid."""
    try:
        plans = load_dialplans(settings(args))
    except DialplanError as error:
        raise WrongUse(str(error)) from None
    print(json.dumps(engine_options(SttSettings(), plans)["phrases"], indent=1))
    return 0
