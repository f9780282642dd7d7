"""The command line `phone-ops`. Exit code: 0 success, 1 a check failed or an error, 2 usage error."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from importlib import import_module
from types import ModuleType
from typing import Any

from ops.usage import Parser, WrongUse, about
from phone_daemon import __version__
from phone_daemon.settings.problems import nearest

MODULES = {
    "calls": "live.watch",
    "watch": "live.watch",
    "hangup": "live.watch",
    "drain": "live.watch",
    "trunks": "live.trunks",
    "dial": "live.dial",
    "index": "live.past",
    "forget": "live.past",
    "report": "report.report",
    "replay": "replay.replay",
    "burst": "live.burst",
    "floor": "live.floor",
    "phrases": "quality.phrases",
    "wer": "quality.wer",
    "understand": "quality.understand",
    "export": "quality.export",
    "ab": "ab.command",
    "edge": "edge.command",
}
"""The module of each subcommand. Only the one in use is imported."""
EXAMPLES = """\
examples:
  phone-ops calls                     list the calls on the line
  phone-ops watch CALL                follow one of them as captions
  phone-ops dial NUMBER --dialplan X  call somebody, and let a dialplan speak with them
  phone-ops trunks                    see whether the trunks are registered, and how many calls each carries
  phone-ops forget NUMBER             remove a person's calls: audio, transcripts, rows
  phone-ops replay --all              have every recorded caller phone the daemon
  phone-ops burst --count 100         interrupt the agent 100 times, and check how fast it stops
  phone-ops ab                        compare recognition in a sidecar, a child process and a thread
  phone-ops wer SET --engine NAME     measure the word error rate of an engine
  phone-ops understand MANIFEST       measure how well callers are understood
  phone-ops export M.nemo FOLDER      convert a NeMo model to ONNX, and check it against the original
  phone-ops edge check -c FILE        check the SIP edge (Kamailio, rtpengine) before starting it
  phone-ops report                    summarize the calls under var/calls

Run `phone-ops COMMAND --help` for details. Exit codes: 0 success, 1 failed check or error, 2 usage error.
"""


def parser(asked: Sequence[str]) -> Parser:
    """The parser of the commands in `asked`, and of those that share a module with them."""
    top = Parser(
        "phone-ops",
        description="Operate a running daemon, replay recorded callers, and measure what you get.",
        epilog=EXAMPLES,
    )
    top.add_argument("--version", action="version", version=f"%(prog)s {__version__}")
    commands = top.add_subparsers(metavar="COMMAND", required=True)
    for module, name in {MODULES[name]: name for name in asked}.items():
        try:
            _add(commands, name, import_module(f"ops.{module}"))
        except ModuleNotFoundError as error:
            if (error.name or "").partition(".")[0] in ("ops", "phone_daemon", "sidecars"):
                raise
            raise WrongUse(f"phone-ops: {error.name} is not installed; pip install 'phone-daemon[ops]'") from None
    return top


def _add(commands: Any, name: str, module: ModuleType) -> None:
    if hasattr(module, "add_parser"):
        module.add_parser(commands)
        return
    text = about(module.__doc__)
    first = text.partition("\n")[0].rstrip(".")
    one = commands.add_parser(name, help=first[0].lower() + first[1:], description=text)
    module.add_arguments(one)
    one.set_defaults(run=module.run)


def main(argv: Sequence[str] | None = None) -> int:
    """Runs one subcommand and returns its exit code."""
    words = list(sys.argv[1:] if argv is None else argv)
    try:
        first = words[0] if words else ""
        if first not in MODULES and not first.startswith("-"):
            wrong = (
                f'no command "{first}"; {nearest(first, MODULES)}' if first else f"name a command: {', '.join(MODULES)}"
            )
            raise WrongUse(f"phone-ops: {wrong}" + ("" if "did you mean" in wrong else "; see phone-ops --help"))
        args = parser([first] if first in MODULES else list(MODULES)).parse_args(words)
        code: int = args.run(args)
        sys.stdout.flush()
    except WrongUse as error:
        print(error, file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        # The reader of the pipe has seen enough; without this the interpreter complains at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 141
    return code


if __name__ == "__main__":
    sys.exit(main())
