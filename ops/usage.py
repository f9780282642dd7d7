"""What every subcommand of `phone-ops` has in common: how it is told that it was used wrongly, or could not do it."""

from __future__ import annotations

import argparse
import os
from pathlib import Path
from typing import NoReturn

from phone_daemon.settings.load import SettingsError, load_settings
from phone_daemon.settings.settings import Settings


class WrongUse(Exception):
    """The command line or the settings make no sense: one clear line, exit code 2."""


class Parser(argparse.ArgumentParser):
    """An argument parser whose complaints are one line, without the usage before it."""

    def error(self, message: str) -> NoReturn:
        raise WrongUse(f"{self.prog}: {message} (see {self.prog} --help)")


def add_config(parser: argparse.ArgumentParser) -> None:
    """The option that names the daemon's settings file."""
    parser.add_argument("-c", "--config", type=Path, metavar="FILE", help="settings (TOML) of the daemon")


def settings(args: argparse.Namespace) -> Settings:
    """The settings of `--config` and the environment. Raises `WrongUse` with every problem, a line each."""
    try:
        return load_settings(args.config, os.environ)
    except SettingsError as error:
        raise WrongUse(str(error)) from None
