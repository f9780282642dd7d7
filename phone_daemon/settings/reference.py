"""References of keys in Markdown, written from models: `make docs`."""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

from pydantic.fields import FieldInfo

from phone_daemon.settings.example import toml
from phone_daemon.settings.problems import bare, fields_of, range_of
from phone_daemon.settings.settings import Settings

_KINDS: Mapping[Any, str] = {str: "text", bool: "true or false", int: "whole number", float: "number", Path: "path"}

_HEAD = """\
# Settings

Keys of the settings file (TOML), which `phone-daemon serve -c FILE` reads and `phone-daemon check -c FILE` checks.
`phone-daemon.example.toml` is a file with all of them. Times are in seconds, relative paths relative to the file.
"""


def settings_reference() -> str:
    return reference(_HEAD, Settings)


def reference(head: str, model: type) -> str:
    """`head`, then a table of keys for `model` and for each table in it."""
    return "\n".join((head, *_tables(model, ()))).rstrip() + "\n"


def _tables(model: Any, at: tuple[str, ...]) -> Iterator[str]:
    plain = {name: each for name, each in fields_of(model).items() if not _table_of(each)}
    if at:
        yield f"## `[{'.'.join(at)}]`\n"
        yield (inspect.getdoc(model) or "") + "\n"
    if plain:
        yield "| key | value | default | meaning |\n| --- | --- | --- | --- |"
        yield from (_row(name, each) for name, each in plain.items())
        yield ""
    for name, each in fields_of(model).items():
        if found := _table_of(each):
            inner, many = found
            yield from _tables(inner, (*at, name, "NAME") if many else (*at, name))


def _table_of(field: FieldInfo) -> tuple[Any, bool] | None:
    """The model of a table, and whether there are many, by name; None for a plain value."""
    kind = bare(field.annotation)
    if fields_of(kind):
        return kind, False
    inner = bare(get_args(kind)[-1]) if get_origin(kind) in (dict, Mapping) else None
    return (inner, True) if fields_of(inner) else None


def _row(name: str, field: FieldInfo) -> str:
    meaning = " ".join((field.description or "").split())
    cells = (f"`{name}`", _kind(field), _default(field), meaning)
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
        return f"list of {_name(get_args(kind)[0])}s"
    if get_origin(kind) in (dict, Mapping):
        return "table"
    return _KINDS.get(kind, "text")


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return "required"
    value = field.get_default(call_default_factory=True)
    return "unset" if value is None else f"`{toml(value)}`"


if __name__ == "__main__":
    print(settings_reference(), end="")  # noqa: T201
