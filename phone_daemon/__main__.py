"""The command line: `phone-daemon serve` answers calls; check, init, try, and demo help to get there."""

from __future__ import annotations

import argparse
import asyncio
import logging
import os
import signal
import sys
from logging.handlers import MemoryHandler
from pathlib import Path

from phone_daemon import __version__
from phone_daemon.cli import daemons
from phone_daemon.cli.arguments import Parser, add_config, file_path
from phone_daemon.dialplan.dialplan import DialplanError
from phone_daemon.health import PortInUse
from phone_daemon.settings.daemons import one_of
from phone_daemon.settings.load import SettingsError, load_settings
from phone_daemon.settings.settings import Settings
from phone_daemon.settings.toml_lines import Key
from phone_daemon.wire.card_failed import CardFailed
from sidecars.host.host import HostLost
from sidecars.log import Event, set_up

EXAMPLES = """\
examples:
  phone-daemon demo                          a recorded caller phones the daemon; watch it being interrupted
  phone-daemon serve                         answer every number on 127.0.0.1:5060 with the dental clinic
  phone-daemon serve --bind 192.0.2.7        … on the address that your trunk sends calls to
  phone-daemon serve -c phone-daemon.toml    … with settings and dialplans of your own
  phone-daemon init                          write a settings file and a dialplan to start from
  phone-daemon try reception.toml            talk to a dialplan by typing
  phone-daemon check -c phone-daemon.toml    list every mistake in settings and dialplans
"""


def parser() -> argparse.ArgumentParser:
    top = Parser(
        "phone-daemon",
        description="A phone agent that stops the moment the caller interrupts.",
        epilog=EXAMPLES,
    )
    top.add_argument("--version", action="version", version=f"%(prog)s {__version__}")
    commands = top.add_subparsers(dest="command", metavar="COMMAND", required=True)
    serve = _command(commands, "serve", "answer calls from a SIP trunk or a softphone")
    add_config(serve, "settings file (TOML); see phone-daemon.example.toml")
    serve.add_argument("--bind", metavar="ADDRESS", help="address to listen on (default 127.0.0.1)")
    serve.add_argument("--port", type=int, metavar="N", help="SIP port to listen on (default 5060; 0: any free port)")
    serve.add_argument("--web", action="store_true", help="also serve the web page and the API ([web] in the settings)")
    serve.add_argument("-v", "--verbose", action="store_true", help="log every step")
    serve.add_argument("--block", type=int, help=argparse.SUPPRESS)  # which of `daemons` this is
    web = _command(commands, "web", "serve the web page and the API alone, for daemons that share a Redis")
    add_config(web)
    checks = _command(commands, "check", "check settings and dialplans, and list every mistake")
    add_config(checks)
    begin = _command(commands, "init", "write a settings file and a dialplan to start from")
    begin.add_argument(
        "folder",
        nargs="?",
        type=file_path,
        default=Path(),
        metavar="FOLDER",
        help="where to (default: here); keeps existing files",
    )
    talk = _command(commands, "try", "talk to a dialplan by typing, and see what it understands")
    talk.add_argument("dialplan", type=file_path, metavar="DIALPLAN", help="a dialplan file (TOML)")
    add_config(talk, "settings file (TOML), for the model server")
    talk.add_argument("--closed", action="store_true", help="behave as outside opening hours")
    demo = _command(commands, "demo", "watch a recorded caller phone the daemon over real SIP and RTP")
    demo.add_argument("fixture", nargs="?", help="name of a recorded caller (default: one who interrupts)")
    return top


def _command(commands: argparse._SubParsersAction[Parser], name: str, does: str) -> Parser:
    """A command whose own help begins with what the list of commands says of it."""
    return commands.add_parser(name, help=does, description=f"{does[0].upper()}{does[1:]}.")


def main(argv: list[str] | None = None) -> int:
    """Runs a command. Exit code: 0 success, 1 failed or found mistakes, 2 usage error (one clear line per problem on
    stderr)."""
    args = parser().parse_args(argv)
    try:
        return _run(args, sys.argv[1:] if argv is None else argv)
    except (SettingsError, DialplanError) as error:
        for line in error.lines:
            print(line, file=sys.stderr)  # noqa: T201
        return 2
    except (CardFailed, HostLost, PortInUse) as error:
        print(f"phone-daemon: {error}", file=sys.stderr)  # noqa: T201
        return 2
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        # The reader has closed the pipe, and Python must not try to flush the rest at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1


def _run(args: argparse.Namespace, argv: list[str]) -> int:
    # Each command imports what it needs: the daemon's parts take half a second, and the web's libraries as long again.
    match args.command:
        case "web":
            from phone_daemon.web.__main__ import main as web  # noqa: PLC0415

            return web([] if args.config is None else ["-c", str(args.config)])
        case "check":
            from phone_daemon.cli import check  # noqa: PLC0415

            return check.run(args.config, os.environ)
        case "init":
            from phone_daemon.cli import init  # noqa: PLC0415

            return init.run(args.folder)
        case "try":
            from phone_daemon.cli import try_dialplan  # noqa: PLC0415

            settings = load_settings(args.config, os.environ)
            return asyncio.run(try_dialplan.run(args.dialplan, settings, closed=args.closed))
        case "demo":
            return _demo(args.fixture)
    return _serve(args, argv)


def _demo(fixture: str | None) -> int:
    # Only the demo needs the operator's tools; a daemon in production does not load them.
    try:
        from ops.demo import demo  # noqa: PLC0415
    except ModuleNotFoundError as error:
        print(f"phone-daemon: {error.name} is not installed; pip install 'phone-daemon[ops]'", file=sys.stderr)  # noqa: T201
        return 2
    return demo.run(fixture)


def _serve(args: argparse.Namespace, argv: list[str]) -> int:
    # What is logged about the settings waits until they have said in which format.
    root, early = logging.getLogger(), MemoryHandler(1000, target=logging.lastResort)
    root.addHandler(early)
    try:
        settings = settings_from(args)
        root.removeHandler(early)  # or the log would count as set up
        set_up(logging.DEBUG if args.verbose else logging.INFO, as_json=settings.log == "json")
        early.setTarget(root.handlers[0])
    finally:
        root.removeHandler(early)
        early.close()
    if settings.daemons > 1:
        return asyncio.run(daemons.run(argv, settings.daemons))
    return asyncio.run(serve(settings, args.config))


def settings_from(args: argparse.Namespace) -> Settings:
    """The settings from the file, the environment, and the options. Raises `SettingsError`."""
    options: dict[str, tuple[Key, object]] = {}
    if args.bind is not None:
        options[f"--bind {args.bind}"] = ("sip", "bind"), args.bind
    if args.port is not None:
        options[f"--port {args.port}"] = ("sip", "port"), args.port
    if args.web:
        options["--web"] = ("web", "on"), True
    found = load_settings(args.config, os.environ, options, serving=True, warn=True)
    return found if args.block is None else one_of(found, args.block)


async def serve(settings: Settings, config: Path | None = None) -> int:
    """Runs until SIGTERM or SIGINT; then it takes no new calls, and live ones finish. A second SIGINT stops it at once.

    SIGHUP rereads the dialplans.
    """
    # The process that starts several daemons is not a daemon itself, and would make them all wait for these imports.
    from phone_daemon.daemon import Daemon  # noqa: PLC0415
    from phone_daemon.welcome import welcome  # noqa: PLC0415

    loop = asyncio.get_running_loop()
    async with Daemon(settings) as daemon:
        serving = asyncio.create_task(daemon.serve())

        def interrupted() -> None:
            if daemon.draining:
                serving.cancel()
            daemon.drain()

        loop.add_signal_handler(signal.SIGHUP, daemon.reload)
        loop.add_signal_handler(signal.SIGTERM, daemon.drain)
        loop.add_signal_handler(signal.SIGINT, interrupted)
        print(welcome(daemon, config), flush=True)  # noqa: T201
        try:
            await serving
        except asyncio.CancelledError:
            return 130
    logging.getLogger(__name__).info(Event("daemon.stopped"))
    return 0


if __name__ == "__main__":
    sys.exit(main())
