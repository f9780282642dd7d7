"""An engine's options on a command line: `--option KEY=VALUE`, and `--model` for the most common one."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any


def option(text: str) -> tuple[str, Any]:
    """Parses `KEY=VALUE`. VALUE is JSON if possible, and text otherwise; `@FILE` stands for the JSON in that file.
    Raises `argparse.ArgumentTypeError`, as an argparse `type` does.
    """
    name, mark, value = text.partition("=")
    if not mark or not name.isidentifier():
        raise argparse.ArgumentTypeError(f"{text!r} is not KEY=VALUE")
    if value.startswith("@"):
        try:
            return name, json.loads(Path(value[1:]).read_text(encoding="utf-8"))
        except OSError as error:
            raise argparse.ArgumentTypeError(f"{value[1:]}: {error.strerror}") from None
        except ValueError as error:
            raise argparse.ArgumentTypeError(f"{value[1:]}: not JSON: {error}") from None
    try:
        return name, json.loads(value)
    except ValueError:
        return name, value


def add_options(parser: argparse.ArgumentParser) -> None:
    """Adds `--option` and `--model`; read them with `options_of`."""
    parser.add_argument("--model", metavar="PATH", help="short for --option model=PATH")
    parser.add_argument(
        "--option",
        action="append",
        default=[],
        type=option,
        metavar="KEY=VALUE",
        help="option of the engine; VALUE is JSON or plain text; @FILE reads JSON from a file",
    )


def options_of(arguments: argparse.Namespace) -> dict[str, Any]:
    """Returns the options that were given."""
    options: dict[str, Any] = dict(arguments.option)
    if arguments.model:
        options["model"] = arguments.model
    return options
