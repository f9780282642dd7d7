"""Typed reading of TOML tables: every wrong value becomes one line, and reading goes on."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Any

from phone_daemon.settings.problems import KINDS, example, kind_of, nearest
from phone_daemon.settings.toml_lines import Document, Key


class Table:
    """One table of a document. Getters return the default when the key is absent or wrong.

    What is wrong is added to `problems`. `done` reports the keys that nobody asked for.
    """

    def __init__(self, document: Document, problems: list[str], key: Key = (), data: Any = None) -> None:
        self.document = document
        self.key = key
        self._problems = problems
        self._data: dict[str, Any] = dict(document.data if data is None else data)
        self._known: set[str] = set()

    def __contains__(self, name: str) -> bool:
        return name in self._data

    def names(self) -> tuple[str, ...]:
        return tuple(self._data)

    def wrong(self, name: str | Key, what: str) -> None:
        """Adds a problem of the value `name` (or of the path `name`) in this table."""
        path = (name,) if isinstance(name, str) else name
        self._problems.append(self.document.problem((*self.key, *path), what))

    def text(self, name: str, default: str = "", *, required: bool = False) -> str:
        value = self._get(name, str, required)
        if value is not None and required and not value.strip():
            self.wrong(name, "is empty; write some text")
        return default if value is None else str(value)

    def choice(self, name: str, allowed: Collection[str], default: str) -> str:
        value = self.text(name, default)
        if value in allowed or name not in self._data or not isinstance(self._data[name], str):
            return value
        self.wrong(name, f'unknown value "{value}"; {nearest(value, allowed)}')
        return default

    def flag(self, name: str, default: bool) -> bool:
        value = self._get(name, bool)
        return default if value is None else bool(value)

    def whole(self, name: str, default: int, low: int, high: int) -> int:
        return int(self._number(name, default, low, high, int))

    def number(self, name: str, default: float, low: float, high: float) -> float:
        return float(self._number(name, default, low, high, float))

    def texts(self, name: str, default: tuple[str, ...] = (), *, required: bool = False) -> tuple[str, ...]:
        """A list of texts, or one text alone."""
        self._known.add(name)
        value = self._data.get(name)
        if value is None:
            if required:
                self._problems.append(self.document.problem(self.key, f'"{name}" is missing; write {name} = ["…"]'))
            return default
        if isinstance(value, str):
            value = [value]
        if not isinstance(value, list):
            self.wrong(name, f'is {kind_of(value)}; write a list of texts, such as ["one", "two"]')
            return default
        texts = []
        for index, text in enumerate(value):
            if not isinstance(text, str):
                self.wrong((name, index), f"is {kind_of(text)}; write it in quotes")
            elif not text.strip():
                self.wrong((name, index), "is empty; write some text or take it out")
            else:
                texts.append(text)
        if required and not value:
            self.wrong(name, "is an empty list; write at least one text")
        return tuple(texts) if len(texts) == len(value) else default

    def expect(self, name: str) -> None:
        """Takes the key `name` for a known one without reading it."""
        self._known.add(name)

    def items(self, name: str) -> list[Any]:
        """A list of anything, or one value alone."""
        self._known.add(name)
        value = self._data.get(name, [])
        return list(value) if isinstance(value, list) else [value]

    def mapping(self, name: str) -> dict[str, Any]:
        """A table whose keys are somebody else's, as it is."""
        return dict(self._get(name, dict) or {})

    def table(self, name: str) -> Table:
        """A table within this one; empty when it is absent or something else."""
        value = self._get(name, dict)
        return Table(self.document, self._problems, (*self.key, name), value or {})

    def tables(self) -> Iterator[tuple[str, Table]]:
        """Every value of this table, each of which must be a table, by name."""
        for name in self._data:
            if isinstance(self._data[name], dict):
                yield name, self.table(name)
            else:
                self._get(name, dict)

    def done(self) -> None:
        """Reports the keys that nobody asked for."""
        for name in self._data:
            if name not in self._known:
                self.wrong(name, f"unknown key; {nearest(name, self._known)}")

    def _get(self, name: str, kind: type, required: bool = False) -> Any:
        self._known.add(name)
        if name not in self._data:
            if required:
                self._problems.append(self.document.problem(self.key, f'"{name}" is missing; write {name} = "…"'))
            return None
        value = self._data[name]
        if type(value) is kind or (kind is float and type(value) is int):
            return value
        self.wrong(name, f"is {kind_of(value)}; it must be {KINDS[kind]}{example(name, kind, value)}")
        return None

    def _number(self, name: str, default: float, low: float, high: float, kind: type) -> float:
        value = self._get(name, kind)
        if value is None:
            return default
        if not low <= value <= high:
            self.wrong(name, f"is {value}; it must be from {low:g} to {high:g}")
            return default
        return float(value) if kind is float else int(value)
