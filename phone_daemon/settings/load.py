"""Settings from a TOML file, the environment and the command line, checked once, with every problem told at once."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from phone_daemon.settings.checks import check, not_built
from phone_daemon.settings.problems import Problems
from phone_daemon.settings.settings import Settings
from phone_daemon.settings.toml_lines import Document, Key, NotToml, read

OLD_NAMES = {"ears": "stt", "mouth": "tts"}
"""Sections by the name that they had, and the one that they have."""
_VARIABLES: Mapping[str, Key] = {
    "REDIS_URL": ("state", "url"),
    "OPENAI_BASE_URL": ("llm", "base_url"),
    "LLM_CANCEL_FLOOR_S": ("llm_cancel_floor_s",),
}
"""What the environment overrides."""

_log = logging.getLogger(__name__)


class SettingsError(Exception):
    """Settings that cannot be used; `lines` tells each problem in one line: file, line, key, what, how to fix it."""

    def __init__(self, lines: Iterable[str], dialplans: tuple[Path, ...] = ()) -> None:
        self.lines = tuple(lines)
        self.dialplans = dialplans
        """Those that the settings name all the same."""
        super().__init__("\n".join(self.lines))


def load_settings(
    path: Path | None,
    environ: Mapping[str, str],
    options: Mapping[str, tuple[Key, object]] | None = None,
    *,
    serving: bool = False,
    warn: bool = False,
) -> Settings:
    """Settings from the TOML file `path` (None: the defaults), then from the environment, then from `options`.

    `options`: by what the command line calls it, the key that it sets, and the value. Paths are relative to the file's
    own folder, those of the defaults as well: whoever names the file means the same places. `serving`: whether this
    machine must have the address that they name; `warn`: whether the log is told of engines that it does not have.
    Raises `SettingsError` with every problem there is.
    """
    try:
        document = read(path) if path else Document(Path(), {})
    except NotToml as error:
        remedy = "" if path is None or path.exists() else '; "phone-daemon init" writes one to start from'
        raise SettingsError([f"{error}{remedy}"]) from None
    if "called" in document.data and not document.data.keys() & {"dialplans", "sip"}:
        remedy = f'name it in a settings file, dialplans = ["{path}"], or talk to it: phone-daemon try {path}'
        raise SettingsError([f"{path}: is a dialplan, not a settings file; {remedy}"])
    found = Problems(document)
    found.document = document = _renamed(document, found)
    for name, key in _VARIABLES.items():
        if text := environ.get(name, ""):
            document = document.with_value(key, _read(name, text), f"environment: {name}")
    for name, (key, value) in (options or {}).items():
        document = document.with_value(key, value, name)
    found.document = document
    settings = found.validated(Settings, context={"folder": path.parent if path else None})
    if path is not None:
        settings = beside(path.parent, settings, document)
    check(settings, environ, found, serving=serving, secrets=serving or warn)
    if found:
        raise SettingsError(found.lines(), settings.dialplans)
    for key, what in not_built(settings) if warn else ():
        _log.warning("%s", document.problem(key, what))
    if settings.trunk and not settings.edge.bind and "bind" not in document.table("sip"):
        # Nobody but the trunks is answered, and they are seldom on this machine.
        settings = replace(settings, sip=replace(settings.sip, bind="0.0.0.0"))
    return settings


def beside(folder: Path, settings: Settings, document: Document) -> Settings:
    """`settings` with the folders that `document` does not name next to it."""

    def place(section: str, path: Path) -> Path:
        return path if "directory" in document.table(section) else folder / path

    return replace(
        settings,
        calls=replace(settings.calls, directory=place("calls", settings.calls.directory)),
        state=replace(settings.state, directory=place("state", settings.state.directory)),
        edge=replace(settings.edge, directory=place("edge", settings.edge.directory)),
    )


def _read(name: str, text: str) -> Any:
    """A variable's value; text that should be a number is left for the checks to tell."""
    if name != "LLM_CANCEL_FLOOR_S":
        return text
    try:
        return float(text)
    except ValueError:
        return text


def _renamed(document: Document, found: Problems) -> Document:
    """`document` with its sections under the names that they have today; one line in the log for each old one."""
    data, lines = dict(document.data), dict(document.lines)
    for old, new in OLD_NAMES.items():
        if old not in data:
            continue
        value = data.pop(old)
        if new in data:
            found.add((old,), f"is the old name of {new}, which is there as well; take it out")
            continue
        _log.warning("%s", document.problem((old,), f"is the old name of {new}; write {new} instead"))
        data[new] = value
        lines |= {(new, *key[1:]): line for key, line in lines.items() if key[:1] == (old,)}
    return replace(document, data=data, lines=lines)
