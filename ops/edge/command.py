"""`phone-ops edge`: run Kamailio, rtpengine, and HAProxy in front of the line cards, configured from the settings."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import logging
import signal
import sys
from dataclasses import replace
from typing import Any

from rich.console import Console

from ops.edge import names, renewed
from ops.edge.check import mistakes, passing, ports_taken, problems
from ops.edge.discover import Discovery
from ops.edge.plan import EdgeError, Plan, plan_of
from ops.edge.render import render
from ops.edge.rpc import NoAnswer
from ops.edge.status import ask, show
from ops.edge.supervisor import Supervisor
from ops.usage import WrongUse, about, add_config, count, settings
from phone_daemon.settings.settings import Settings
from sidecars.log import set_up

EXAMPLES = """\
examples:
  phone-ops edge check -c FILE        check programs, addresses, ports, certificate; one line for each mistake
  phone-ops edge render -c FILE       write the configurations, units, and container files, and say where
  phone-ops edge start -c FILE        run it in the foreground; Ctrl-C lets calls end, twice stops now
  phone-ops edge status -c FILE       line cards, calls, registrations
"""

MISTAKES = 3
"""The exit status of `start` if the check finds mistakes."""


def add_parser(commands: Any) -> None:
    """Adds `edge` and its four actions to the subparsers."""
    description = about(__doc__)
    top = commands.add_parser(
        "edge",
        help=description[0].lower() + description[1:].rstrip("."),
        description=description,
        epilog=EXAMPLES,
    )
    actions = top.add_subparsers(metavar="ACTION", required=True)
    for name, act, help in (
        ("render", _render, "write every file into the folder [edge] directory"),
        ("check", _check, "list every mistake, one line each"),
        ("start", _start, "run the edge in the foreground"),
        ("status", _status, "show the state of the running edge"),
    ):
        one = actions.add_parser(name, help=help, description=f"{help.capitalize()}.")
        add_config(one)
        if name == "start":
            one.add_argument("-v", "--verbose", action="store_true", help="show the output of the programs")
        else:
            one.add_argument("--json", action="store_true", help="print JSON")
        one.set_defaults(run=lambda args, act=act: _run(act, args))


def _run(act: Any, args: argparse.Namespace) -> int:
    found = settings(args)
    try:
        plan = plan_of(found, str(args.config or ""))
        code: int = act(args, plan, found)
        return code
    except EdgeError as error:
        raise WrongUse("\n".join(f"phone-ops edge: {line}" for line in str(error).splitlines())) from None
    except (OSError, NoAnswer) as error:
        print(f"phone-ops edge: {error}", file=sys.stderr)
        return 1


def _render(args: argparse.Namespace, plan: Plan, _: Settings) -> int:
    paths = render(plan)
    if args.json:
        print(json.dumps([str(path) for path in paths], indent=2))
    else:
        print(*paths, sep="\n")
    return 0


def _check(args: argparse.Namespace, plan: Plan, found: Settings) -> int:
    render(plan)
    wrong = problems(plan, found.sip.trusted, rendered=True)
    if args.json:
        print(json.dumps(wrong, indent=2))
    elif wrong:
        print(*wrong, sep="\n", file=sys.stderr)
    else:
        parts = f"{count(len(plan.cards), 'line card')}, {count(len(plan.trunks), 'trunk')}"
        print(f"no problems found: {parts}, files in {plan.folder}")
    return int(bool(wrong))


def _status(args: argparse.Namespace, plan: Plan, _: Settings) -> int:
    status = asyncio.run(ask(plan))
    if args.json:
        print(json.dumps(status.as_json(), indent=2))
    else:
        show(status, Console(highlight=False))
    return int(not status.ready)


def _start(args: argparse.Namespace, plan: Plan, found: Settings) -> int:
    set_up(logging.DEBUG if args.verbose else logging.INFO, as_json=found.log == "json")
    render(plan)
    for line in passing(plan):
        print(line, file=sys.stderr)
    if wrong := mistakes(plan, found.sip.trusted, rendered=True) or ports_taken(plan):
        print(*wrong, "phone-ops edge: nothing was started", sep="\n", file=sys.stderr)
        return MISTAKES
    try:
        return asyncio.run(serve(plan, found))
    except EdgeError as error:
        print(f"phone-ops edge: {error}", file=sys.stderr)
        return 1


async def serve(plan: Plan, found: Settings) -> int:
    """Runs until SIGTERM or SIGINT: then it takes no new calls, and live ones may end. A second signal stops at
    once.
    """
    loop = asyncio.get_running_loop()
    me = asyncio.current_task()
    assert me is not None
    async with Discovery(found) as discovery:
        if found.edge.discover:
            with contextlib.suppress(NoAnswer):  # the next attempt reports it
                plan = replace(plan, cards=await discovery.cards(plan.cards))
                render(plan)
        async with Supervisor(plan) as edge:

            def told() -> None:
                if edge.draining:
                    me.cancel()
                edge.drain()

            for number in (signal.SIGTERM, signal.SIGINT):
                loop.add_signal_handler(number, told)
            where = f"{plan.edge.bind}:{plan.edge.port}"
            print(f"the edge answers on {where} (udp, tcp{', tls' * plan.tls}); phone-ops edge status", flush=True)
            following = [
                asyncio.create_task(discovery.follow(plan)),
                asyncio.create_task(names.follow(found, plan, edge.take)),
                asyncio.create_task(renewed.follow(plan)),
            ]
            try:
                await edge.serve()
            except asyncio.CancelledError:
                return 130
            finally:
                for task in following:
                    task.cancel()
                await asyncio.gather(*following, return_exceptions=True)
    return 0
