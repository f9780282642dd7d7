"""The example settings file, written from the models by `make docs`.

It has every key, commented out, with its meaning and its default.
"""

from __future__ import annotations

import inspect
import json
import textwrap
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, get_args, get_origin

from pydantic.fields import FieldInfo

from phone_daemon.settings.meanings import meanings
from phone_daemon.settings.problems import bare, fields_of
from phone_daemon.settings.settings import Settings

WIDTH = 118

_HEAD = """\
# Settings of phone-daemon: every key, with its default. Copy this file, uncomment the keys that you change (each under
# its [section]), and start the daemon with
#
#     phone-daemon serve -c FILE
#
# Paths are relative to this file; times are in seconds. If there are mistakes, the daemon does not start and prints one
# line for each; `phone-daemon check -c FILE` prints the same lines without starting anything. OPENAI_API_KEY is sent to
# model servers, unless a dialplan names another variable.
"""


def example() -> str:
    """The file's text."""
    return "\n".join((_HEAD, *_keys(Settings), *_sections()))


def _sections() -> Iterator[str]:
    for name, field in fields_of(Settings).items():
        section = bare(field.annotation)
        if fields_of(section):
            yield from (*_comment(inspect.getdoc(section) or ""), f"[{name}]", *_keys(section))
    for name, field in fields_of(Settings).items():
        if many := table_of_many(field):
            # The head is commented out, too: a table that is present must have its required keys.
            yield from (*_comment(inspect.getdoc(many) or ""), f"#[[{name}]]", *_keys(many, f"{name}."))


def _keys(model: type, within: str = "") -> Iterator[str]:
    """The keys of one table, each below its meaning; for a table in a list (`within`), also those of its own tables."""
    tables, texts = {}, meanings(model)
    for name, field in fields_of(model).items():
        if table_of_many(field):
            continue
        if not fields_of(bare(field.annotation)):
            yield from (*_comment(texts.get(name, "")), f"#{name} = {toml(shown(field))}")
        elif within:
            tables[name] = bare(field.annotation)
    for name, inner in tables.items():
        yield from (*_comment(inspect.getdoc(inner) or ""), f"#[{within}{name}]")
        yield from _keys(inner, f"{within}{name}.")
    if not tables:
        yield ""


def table_of_many(field: FieldInfo) -> Any:
    """The model of tables in a list (`[[name]]`); None for anything else."""
    kind = bare(field.annotation)
    inner = bare(get_args(kind)[0]) if get_origin(kind) is tuple else None
    return inner if fields_of(inner) else None


def shown(field: FieldInfo) -> Any:
    """A field's default, or an example if the default cannot be written in TOML."""
    return field.examples[0] if field.examples else field.get_default(call_default_factory=True)


def toml(value: Any) -> str:
    """A value in TOML."""
    if isinstance(value, bool | str | Path):
        return json.dumps(value if isinstance(value, bool) else str(value), ensure_ascii=False)
    if isinstance(value, Mapping):
        inside = ", ".join(f"{name} = {toml(each)}" for name, each in value.items())
        return f"{{ {inside} }}" if inside else "{}"
    if isinstance(value, tuple | list):
        return f"[{', '.join(map(toml, value))}]"
    return str(value)


def _comment(text: str) -> Iterator[str]:
    for paragraph in text.split("\n\n"):
        for line in textwrap.wrap(" ".join(paragraph.split()), WIDTH, break_long_words=False, break_on_hyphens=False):
            yield f"# {line}"


if __name__ == "__main__":
    print(example(), end="")  # noqa: T201
