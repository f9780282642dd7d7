"""What is wrong with a file, one line each: pydantic's errors in the words of a person, with line and remedy."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Mapping
from dataclasses import is_dataclass
from types import UnionType
from typing import Annotated, Any, Literal, TypeVar, Union, get_args, get_origin

from pydantic import TypeAdapter, ValidationError
from pydantic.fields import FieldInfo

from phone_daemon.settings.toml_lines import Document, Key, dotted

KINDS = {str: "text", bool: "true or false", int: "a whole number", float: "a number", list: "a list", dict: "a table"}
_WANTED: Mapping[str, type] = {
    "string_type": str,
    "path_type": str,
    "bool_type": bool,
    "int_type": int,
    "int_from_float": int,
    "float_type": float,
    "dict_type": dict,
    "mapping_type": dict,
    "dataclass_type": dict,
}
"""pydantic's name of an error: the type that the value should have."""

QUOTED, LISTED = '"…"', '["…"]'

_Model = TypeVar("_Model")


class Problems:
    """What is wrong in one document."""

    def __init__(self, document: Document) -> None:
        self.document = document
        self._found: list[tuple[Key, str]] = []
        self._wrong: set[Key] = set()

    def __bool__(self) -> bool:
        return bool(self._found)

    def add(self, key: Key, what: str) -> None:
        """The value at `key` is wrong."""
        self._found.append((key, what))
        self._wrong.add(key)

    def lack(self, table: Key, what: str) -> None:
        """The table at `table` lacks something."""
        self._found.append((table, what))

    def known(self, key: Key) -> bool:
        """Whether the value at `key`, one that it is in, or one in it is known to be wrong."""
        return any(each[: len(key)] == key[: len(each)] for each in self._wrong)

    def lines(self) -> list[str]:
        """A line for each, in the order of the file."""
        return [
            self.document.problem(key, what)
            for key, what in sorted(self._found, key=lambda each: self.document.line(each[0]))
        ]

    def validated(
        self, model: type[_Model], at: Key = (), *, data: Any = None, context: Mapping[str, Any] | None = None
    ) -> _Model:
        """What stands at `at` in the document, as a `model`, every key of which has a default.

        What is wrong is added and taken out, and the rest looked at again. `data` stands for what the document has.
        """
        adapter = TypeAdapter(model)
        data = self.document.data if data is None else data
        while True:
            try:
                found = adapter.validate_python(data, context=dict(context or {}))
                break
            except ValidationError as error:
                for each in error.errors(include_url=False):
                    key = each["loc"]
                    if not self.known((*at, *key)):
                        self.add((*at, *key), _told(each["type"], key, each["input"], each.get("ctx", {}), model))
                    data = _without(data, key)
        self._require(found, data, at)
        return found

    def _require(self, table: Any, data: Any, at: Key) -> None:
        """Adds what is required and not there, in `table` and in the tables within it."""
        for name, field in fields_of(type(table)).items():
            value, key = getattr(table, name), (*at, name)
            if is_required(field) and not self.known(key):
                texts = isinstance(value, tuple)
                if name not in data:
                    self.lack(at, f'"{name}" is missing; write {name} = {LISTED if texts else QUOTED}')
                elif texts and not value:
                    self.add(key, "is an empty list; write at least one text")
                elif isinstance(value, str) and not value.strip():
                    self.add(key, "is empty; write some text")
            if isinstance(value, Mapping):
                for inner, each in value.items():
                    self._require(each, data.get(name, {}).get(inner, {}), (*key, inner))
            elif isinstance(value, tuple) and value and fields_of(type(value[0])):
                for at_, each in enumerate(value):
                    self._require(each, data[name][at_], (*key, at_))
            elif fields_of(type(value)):
                self._require(value, data.get(name, {}), key)


def kind_of(value: object) -> str:
    """The name of a TOML value's type, as a person would say it; of a truth value, the value."""
    return str(value).lower() if isinstance(value, bool) else KINDS.get(type(value), "a date or time")


def nearest(word: str, known: Iterable[str]) -> str:
    """`did you mean "day"?`, or the list of what is known."""
    names = sorted(known)
    close = difflib.get_close_matches(word, names, 1)
    return f'did you mean "{close[0]}"?' if close else f"choose from: {', '.join(names)}"


def _told(type_: str, key: Key, value: object, context: Mapping[str, Any], model: type) -> str:  # noqa: PLR0911
    name = str(key[-1]) if key else ""
    match type_:
        case "unexpected_keyword_argument":
            return f"unknown key; {nearest(name, fields_at(model, key[:-1]))}"
        case "value_error":
            return str(context["error"])
        case "literal_error" if isinstance(value, str):
            return f'unknown value "{value}"; {nearest(value, choices_at(model, key))}'
        case "literal_error":
            return f"is {kind_of(value)}; it must be text"
        case "tuple_type" if fields_at(model, (*key, 0)):
            return f"is {kind_of(value)}; write each one as a table of its own, below a line [[{dotted(key)}]]"
        case "tuple_type":
            shown = f'{name} = ["{value}"]' if isinstance(value, str) else 'a list of texts, such as ["one", "two"]'
            return f"is {kind_of(value)}; write {shown}"
        case "string_type" | "path_type" if isinstance(key[-1], int):
            return f"is {kind_of(value)}; write it in quotes"
        case "greater_than_equal" | "less_than_equal" | "finite_number":
            low, high = range_at(model, key)
            return f"is {value}; it must be from {low:g} to {high:g}"
        case _:
            wanted = _WANTED[type_]
            return f"is {kind_of(value)}; it must be {KINDS[wanted]}{example(name, wanted, value)}"


def example(name: str, kind: type, value: object) -> str:
    """How the value would be written, where that is a matter of quotes."""
    if kind is str and not isinstance(value, list | dict):
        shown = str(value).lower() if isinstance(value, bool) else value
        return f': write {name} = "{shown}"'
    if kind in (int, float) and isinstance(value, str) and re.fullmatch(r"-?\d+(\.\d+)?", value):
        return f": write {name} = {value}"
    if kind is bool and isinstance(value, str) and value.lower() in ("true", "false"):
        return f": write {name} = {value.lower()}"
    return ""


def _without(data: Any, key: Key) -> Any:
    """`data` without what stands at `key`; a list of values is taken out whole."""
    if not key or not isinstance(data, Mapping) or key[0] not in data:
        return data
    rest = {name: value for name, value in data.items() if name != key[0]}
    inner = data[key[0]]
    if len(key) > 1 and isinstance(inner, Mapping):
        return {**rest, key[0]: _without(inner, key[1:])}
    if len(key) > 2 and isinstance(inner, list) and isinstance(at := key[1], int) and isinstance(inner[at], Mapping):
        return {**rest, key[0]: [*inner[:at], _without(inner[at], key[2:]), *inner[at + 1 :]]}
    return rest


def bare(annotation: Any) -> Any:
    """A type without `Annotated` and without `None`."""
    while True:
        if get_origin(annotation) is Annotated:
            annotation = get_args(annotation)[0]
        elif get_origin(annotation) in (Union, UnionType):
            annotation = next(each for each in get_args(annotation) if each is not type(None))
        else:
            return annotation


def fields_of(model: Any) -> dict[str, FieldInfo]:
    """The fields of a pydantic dataclass, by name; none of anything else."""
    return dict(getattr(model, "__pydantic_fields__", {})) if is_dataclass(model) else {}


def is_required(field: FieldInfo) -> bool:
    """Whether a file must have the key; see `values.REQUIRED`."""
    return isinstance(field.json_schema_extra, Mapping) and bool(field.json_schema_extra.get("required"))


def fields_at(model: Any, key: Key) -> dict[str, FieldInfo]:
    """The fields of the table that stands at `key` in a file that `model` describes."""
    return fields_of(_type_at(model, key))


def range_at(model: Any, key: Key) -> tuple[float, float]:
    """The lowest and the highest value of the number at `key`."""
    return range_of(fields_at(model, key[:-1])[str(key[-1])])


def range_of(field: FieldInfo) -> tuple[float, float]:
    limits = {name: getattr(each, name) for each in field.metadata for name in ("ge", "le") if hasattr(each, name)}
    return limits["ge"], limits["le"]


def choices_at(model: Any, key: Key) -> tuple[str, ...]:
    """The texts that may stand at `key`."""
    return get_args(_type_at(model, key))


def _type_at(model: Any, key: Key) -> Any:
    here = bare(model)
    for part in key:
        if fields := fields_of(here):
            here = bare(fields[str(part)].annotation)
        elif get_origin(here) is not Literal:
            here = bare(get_args(here)[0 if isinstance(part, int) else -1])
    return here
