"""What all subcommands of `phone-ops` share: options, descriptions, and usage errors."""

from __future__ import annotations

import argparse
import os
from typing import NoReturn

from phone_daemon.cli import arguments
from phone_daemon.settings.load import SettingsError, load_settings
from phone_daemon.settings.settings import Settings


class WrongUse(Exception):
    """The command line or the settings are wrong: one clear line, exit code 2."""


class Parser(arguments.Parser):
    """An argument parser that reports an error in one line, without the usage."""

    def error(self, message: str) -> NoReturn:
        raise WrongUse(self.complaint(message))


def add_config(parser: argparse.ArgumentParser) -> None:
    """The option that names the daemon's settings file."""
    arguments.add_config(parser, "settings file of the daemon (TOML)")


def about(docstring: str | None) -> str:
    """The description for `--help` from a module docstring such as "`phone-ops wer`: measure …"."""
    text = (docstring or "").partition(": ")[2]
    return text[:1].upper() + text[1:]


def settings(args: argparse.Namespace, *, takes_calls: bool = False) -> Settings:
    """The settings from `--config` and the environment. `takes_calls`: with all that a daemon needs on this machine.
    Raises `WrongUse` with one line per problem.
    """
    try:
        return load_settings(args.config, os.environ, warn=takes_calls)
    except SettingsError as error:
        raise WrongUse(str(error)) from None


def count(number: int, noun: str) -> str:
    """`1 call`, `2 calls`."""
    return f"{number} {noun}{'' if number == 1 else 's'}"
