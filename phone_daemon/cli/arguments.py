"""How every command line shows its help, and what it says of wrong use."""

from __future__ import annotations

import argparse
import difflib
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NoReturn

_WRONG_NAME = re.compile(r"unrecognized arguments: (--[\w-]+)|invalid choice: '([^']*)'")
_NOT_A_NUMBER = re.compile(r"invalid (int|float) value: ('.*')")
_NUMBERS = {"int": "a whole number", "float": "a number"}


class Parser(argparse.ArgumentParser):
    """Help as it is written, and errors in one line, with the option or command that was probably meant."""

    def __init__(self, prog: str | None = None, **kwargs: Any) -> None:
        """As `ArgumentParser`, but description and examples keep their lines."""
        super().__init__(prog, **{"formatter_class": argparse.RawDescriptionHelpFormatter, **kwargs})

    def error(self, message: str) -> NoReturn:
        """Exits with 2 after one line, without the usage."""
        self.exit(2, f"{self.complaint(message)}\n")

    def complaint(self, message: str) -> str:
        """What argparse says in `message`, in one line with a remedy."""
        message = _NOT_A_NUMBER.sub(lambda found: f"{found[2]} is not {_NUMBERS[found[1]]}", message)
        wrong = _WRONG_NAME.search(message)
        known = [name for action in self._all() for name in (*action.option_strings, *(action.choices or ()))]
        meant = next(filter(None, wrong.groups())) if wrong else ""
        # A name that another command has is no help.
        close = [] if meant in known else difflib.get_close_matches(meant, known, 1)
        if close:
            return f'{self.prog}: {message.partition(" (choose from")[0]}; did you mean "{close[0]}"?'
        return f"{self.prog}: {message}; see {self.prog} --help"

    def _all(self) -> Iterator[argparse.Action]:
        """Its own arguments and those of its commands."""
        for action in self._actions:
            yield action
            if isinstance(action, argparse._SubParsersAction):
                for command in action.choices.values():
                    yield from command._actions


def file_path(text: str) -> Path:
    """The type of an argument that names a file or a folder. Raises `ArgumentTypeError` for a URL."""
    if "://" in text:
        raise argparse.ArgumentTypeError(f"{text} is a URL; name a file or folder on this machine")
    return Path(text)


def add_config(parser: argparse.ArgumentParser, what: str = "settings file (TOML)") -> None:
    """The option that names the settings file."""
    parser.add_argument("-c", "--config", type=file_path, metavar="FILE", help=what)
