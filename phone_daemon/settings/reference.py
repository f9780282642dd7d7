"""Reference of settings in Markdown, written from the models by `make docs`."""

from __future__ import annotations

import inspect
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

from pydantic.fields import FieldInfo

from phone_daemon.settings.example import table_of_many, toml
from phone_daemon.settings.meanings import meanings
from phone_daemon.settings.problems import bare, fields_of, is_required, range_of
from phone_daemon.settings.settings import Settings
from phone_daemon.settings.toml_lines import dotted

_KINDS: Mapping[Any, str] = {str: "text", bool: "true or false", int: "whole number", float: "number", Path: "path"}

_HEAD = """\
# Settings

Keys of the settings file (TOML), which `phone-daemon serve -c FILE` reads and `phone-daemon check -c FILE` checks.
`phone-daemon.example.toml` lists all of them. Times are in seconds; paths are relative to the file.
"""


def settings_reference() -> str:
    return "\n".join((_HEAD, *tables(Settings))).rstrip() + "\n"


def tables(model: Any, *at: str, title: str = "", only: Collection[str] = ()) -> Iterator[str]:
    """A table of the keys of `model`, which describes `[at]`, then one for each table in it; `only`: these keys."""
    plain = {name: each for name, each in fields_of(model).items() if not _table_of(each) and name in (only or (name,))}
    if at or title:
        yield f"## {title or f'`[{dotted(at)}]`'}\n"
        yield (inspect.getdoc(model) or "") + "\n"
    if plain:
        yield "| key | value | default | meaning |\n| --- | --- | --- | --- |"
        texts = meanings(model)
        yield from (_row(name, each, texts.get(name, "")) for name, each in plain.items())
        yield ""
    for name, each in fields_of(model).items():
        if found := _table_of(each):
            inner, many = found
            title = f"`[[{dotted((*at, name))}]]`" if table_of_many(each) else ""
            yield from tables(inner, *at, name, *(("NAME",) if many else ()), title=title)


def _table_of(field: FieldInfo) -> tuple[Any, bool] | None:
    """The model of a table, and whether the table holds many of them by name; None for a plain value."""
    kind = bare(field.annotation)
    if fields_of(kind):
        return kind, False
    if inner := table_of_many(field):
        return inner, False
    inner = bare(get_args(kind)[-1]) if get_origin(kind) in (dict, Mapping) else None
    return (inner, True) if fields_of(inner) else None


def _row(name: str, field: FieldInfo, meaning: str) -> str:
    cells = (f"`{name}`", _kind(field), _default(field), " ".join(meaning.split()))
    return f"| {' | '.join(cell.replace('|', '&#124;') for cell in cells)} |"


def _kind(field: FieldInfo) -> str:
    kind = bare(field.annotation)
    if kind in (int, float):
        low, high = range_of(field)
        return f"{_KINDS[kind]}, {low:g} to {high:,}"
    return _name(kind)


def _name(kind: Any) -> str:
    kind = bare(kind)
    if get_origin(kind) is Literal:
        return ", ".join(f"`{each}`" for each in get_args(kind))
    if get_origin(kind) is tuple:
        each = _name(get_args(kind)[0])
        return f"list of {each}" if each.startswith("`") else f"list of {each}s"
    if get_origin(kind) in (dict, Mapping):
        return "table"
    return _KINDS.get(kind, "value")


def _default(field: FieldInfo) -> str:
    if is_required(field):
        return "required"
    value = field.get_default(call_default_factory=True)
    return "unset" if value is None else f"`{toml(value)}`"


if __name__ == "__main__":
    print(settings_reference(), end="")  # noqa: T201
