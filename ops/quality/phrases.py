"""`phone-ops phrases`: what callers may say, as the embedded engine behind a listen server wants to be told.

Prints JSON, by dialplan and by what the agent has just asked. A server that several daemons share is started with it:

  phone-ops phrases -c phone-daemon.toml > phrases.json
  python -m sidecars.serve.stt --engine moonshine --option phrases=@phrases.json --port 8765
"""

from __future__ import annotations

import argparse
import json

from ops.usage import WrongUse, add_config, settings
from phone_daemon.daemon import load_dialplans
from phone_daemon.dialplan.dialplan import DialplanError
from phone_daemon.engines import engine_options
from phone_daemon.settings.settings import SttSettings


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_config(parser)


def run(args: argparse.Namespace) -> int:
    """Prints the phrases. Raises `WrongUse` when the settings or their dialplans cannot be used."""
    try:
        plans = load_dialplans(settings(args))
    except DialplanError as error:
        raise WrongUse(str(error)) from None
    print(json.dumps(engine_options(SttSettings(), plans)["phrases"], indent=1))
    return 0
