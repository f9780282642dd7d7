"""phone-ops dial: call somebody, and let a dialplan speak with them.

examples:
  phone-ops dial +442079460100 --dialplan reminder --set name=Ada --set day="Tuesday at ten"
  phone-ops dial 02079460100 --dialplan reminder --dry-run       calls nobody; says which trunk would, and if it may
  phone-ops dial +442079460100 --dialplan survey --retries 2     calls again if busy or no answer, as [outbound] says

Each [[trunk]] says which numbers may be called, and how often (allow, per_hour, minutes_a_day). Exit codes: 0 somebody
answered (or would be called), 1 nobody did, 2 usage error.
"""

from __future__ import annotations

import argparse
import json
from typing import Any

from ops.live.watch import Operator, operate
from ops.usage import WrongUse, add_config, settings
from phone_daemon.outbound import DialRequest
from phone_daemon.state.operator import CommandFailed
from phone_daemon.state.store import Command, CommandKind
from phone_daemon.wire.dialing import Result

SLACK_S = 10.0
"""Longer than a daemon takes to report that nobody answered."""
WORDS = {
    Result.ANSWERED: "answered",
    Result.BUSY: "busy",
    Result.NO_ANSWER: "no answer",
    Result.REJECTED: "rejected",
    Result.FAILED: "not reached",
    Result.FORBIDDEN: "not allowed",
    Result.WOULD_CALL: "would be called",
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_config(parser)
    parser.add_argument("number", metavar="NUMBER", help="whom to call: +442079460100, or as one dials it here")
    parser.add_argument("--dialplan", required=True, metavar="NAME", help="the dialplan that speaks with them")
    parser.add_argument(
        "--set", action="append", default=[], metavar="NAME=VALUE", help="text for {NAME} in what the dialplan says"
    )
    parser.add_argument("--trunk", default="", metavar="NAME", help="use only this trunk")
    parser.add_argument(
        "--retries", type=int, metavar="N", help="how many times to call again (default: as [outbound] says)"
    )
    parser.add_argument("--dry-run", action="store_true", help="call nobody")
    parser.add_argument("--json", action="store_true", help="print JSON")


def run(args: argparse.Namespace) -> int:
    """Returns 0 if somebody answered. Raises `WrongUse`."""
    values = dict(_pair(text) for text in args.set)
    if args.retries is not None and not 0 <= args.retries <= 20:
        raise WrongUse("phone-ops dial: --retries: 0 to 20")
    request = DialRequest(args.number, args.dialplan, values, args.trunk, args.retries, args.dry_run)
    outbound = settings(args).outbound
    retries = outbound.retries if args.retries is None else args.retries
    trunks = max(len(settings(args).trunk), 1)
    patience = (1 + retries) * trunks * (outbound.ring_s + SLACK_S) + retries * outbound.retry_after_s

    async def act(operator: Operator, args: argparse.Namespace) -> int:
        daemons = await operator.daemons()
        if not daemons:
            raise CommandFailed("no live daemon")
        command = Command(CommandKind.DIAL, request.encode())
        # The first of several daemons has the accounts.
        answer = await operator.deliver(min(daemons, key=_age), command, patience)
        print(json.dumps(answer, indent=2) if args.json else _line(answer))
        return int(answer["result"] not in (Result.ANSWERED, Result.WOULD_CALL))

    return operate(act, args)


def _age(daemon: str) -> int:
    """Daemons are named by their process ids, which usually increase."""
    return int(daemon.partition("-")[0])


def _pair(text: str) -> tuple[str, str]:
    name, sign, value = text.partition("=")
    if not sign or not name.isidentifier():
        raise WrongUse(f"phone-ops dial: --set {text}: write NAME=VALUE")
    return name, value


def _line(answer: dict[str, Any]) -> str:
    said = " ".join(str(part) for part in (answer["code"] or "", answer["reason"]) if part and part != 200)
    by = f" by trunk {answer['trunk']}" if answer["trunk"] else ""
    call = f"; phone-ops watch {answer['call']}" if answer["call"] else ""
    tries = f", {answer['attempts']} tries" if answer["attempts"] > 1 else ""
    result = WORDS[Result(answer["result"])]
    return f"{answer['number']}: {result}{f' ({said})' if said else ''}{by}{tries}{call}"
