"""TOML that remembers its lines, so that a problem in a file can be told where it stands.

`tomllib` says nothing of where a value stood. It does say whether the text is TOML, so the scan here takes valid
text for granted and only follows it closely enough to count lines: headers, keys, strings, arrays, inline tables.
"""

from __future__ import annotations

import bisect
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

Key = tuple[str | int, ...]
"""Where a value stands: table names, keys and array indices from the top."""

_AT = re.compile(r"^(?P<what>.*?) \(at (?:line (?P<line>\d+), column \d+|end of document)\)$", re.S)
_TWICE = re.compile(r"cannot declare \((.*)\) twice")
_BARE = re.compile(r"[A-Za-z0-9_-]+")
_STRING = re.compile(r'"""(?:\\.|[^\\])*?"{3,5}|\'\'\'.*?\'{3,5}|"(?:\\.|[^"\\])*"|\'[^\']*\'', re.S)
_BLANK = re.compile(r"(?:[ \t\r\n]|#[^\n]*)*")
_HINTS = {
    "invalid value": 'a text stands in straight quotes ("…"), a list in [ ]',
    "cannot overwrite a value": "this key is there twice: take one out",
    "unterminated string": "close the quotes",
    r"illegal character '\n'": "close the quotes before the end of the line",
}
_SCALAR = re.compile(r"[^,\]}\n#]+")


@dataclass(frozen=True, slots=True)
class Document:
    """A parsed file, and the line of each of its values (from 1)."""

    path: Path
    data: Mapping[str, Any]
    lines: Mapping[Key, int] = field(default_factory=dict)
    sources: Mapping[Key, str] = field(default_factory=dict)
    """Values that come from elsewhere than the file: what a person calls the place."""

    def with_value(self, key: Key, value: object, source: str) -> Document:
        """The document with `value` at `key`, which `source` gave."""
        return replace(self, data=_with(self.data, key, value), sources={**self.sources, key: source})

    def table(self, name: str) -> Mapping[str, Any]:
        """The table `name` at the top; empty where there is none, or something else."""
        found = self.data.get(name)
        return found if isinstance(found, Mapping) else {}

    def line(self, key: Key) -> int:
        """The line of `key`, or of the nearest thing around it that stands in the file."""
        while key and key not in self.lines:
            key = key[:-1]
        return self.lines.get(key, 1)

    def problem(self, key: Key, what: str) -> str:
        """One line: file, line number, key, what is wrong and how to fix it."""
        if key in self.sources:
            return f"{self.sources[key]}: {what}"
        where = f"{self.path}:{self.line(key)}" if self.path != Path() else "the default settings"
        return f"{where}: {dotted(key)}: {what}" if key else f"{where}: {what}"


def _with(data: object, key: Key, value: object) -> dict[str, Any]:
    table = dict(data) if isinstance(data, Mapping) else {}
    table[str(key[0])] = value if len(key) == 1 else _with(table.get(str(key[0])), key[1:], value)
    return table


class NotToml(Exception):
    """A file that cannot be read or is not TOML; its text is one line with file and line number."""


def dotted(key: Key) -> str:
    """`("intents", "book", "say", 1)` → `intents.book.say[1]`."""
    text = ""
    for part in key:
        if isinstance(part, int):
            text += f"[{part}]"
        else:
            name = part if _BARE.fullmatch(part) else f'"{part}"'
            text += f".{name}" if text else name
    return text


def read(path: Path) -> Document:
    """Reads a TOML file (UTF-8, with or without a byte order mark). Raises `NotToml`."""
    try:
        return parse(path.read_text(encoding="utf-8-sig"), path)
    except OSError as error:
        raise NotToml(f"{path}: cannot be read: {error.strerror or error}") from None
    except UnicodeDecodeError as error:
        raise NotToml(f"{path}: not UTF-8 text (byte {error.start}); save it as UTF-8") from None


def parse(text: str, path: Path) -> Document:
    """Parses TOML text that came from `path`. Raises `NotToml`."""
    text = text.replace("\r\n", "\n")
    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise NotToml(_syntax(error, text, path)) from None
    except RecursionError:
        raise NotToml(f"{path}: not TOML that can be read: lists or tables are nested too deeply") from None
    return Document(path, data, _Scan(text).lines)


def _syntax(error: tomllib.TOMLDecodeError, text: str, path: Path) -> str:
    found = _AT.match(str(error))
    if found is None:
        return f"{path}: not TOML: {error}"
    line = int(found["line"]) if found["line"] else text.count("\n") + 1
    what = found["what"][0].lower() + found["what"][1:]
    if twice := _TWICE.fullmatch(what):
        names = tuple(re.findall(r"'([^']*)'", twice[1]))
        before = _Scan("".join(text.splitlines(keepends=True)[: line - 1])).lines.get(names)
        also = f"is already on line {before}: write below that one" if before else "is there twice: make them one"
        return f"{path}:{line}: not TOML: [{dotted(names)}] {also}, and take this one out"
    return f"{path}:{line}: not TOML: {what}; {_HINTS.get(what, 'fix this line or the one before')}"


class _Scan:
    """One walk through valid TOML text."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0
        self._ends = [found.start() for found in re.finditer("\n", text)]
        self.lines: dict[Key, int] = {}
        self._arrays: dict[Key, int] = {}
        table: Key = ()
        while self._blank() < len(text):
            if text[self._at] == "[":
                table = self._header()
            else:
                self._pair(table)

    def _line(self) -> int:
        return bisect.bisect_left(self._ends, self._at) + 1

    def _blank(self) -> int:
        found = _BLANK.match(self._text, self._at)
        assert found is not None
        self._at = found.end()
        return self._at

    def _take(self, pattern: re.Pattern[str]) -> str:
        found = pattern.match(self._text, self._at)
        assert found is not None, f"valid TOML was not understood at line {self._line()}"
        self._at = found.end()
        return found[0]

    def _header(self) -> Key:
        """`[a.b]`, or `[[a.b]]`: the next element of an array of tables."""
        line = self._line()
        many = self._text.startswith("[[", self._at)
        self._at += 2 if many else 1
        names = self._names()
        self._at += 2 if many else 1
        key: Key = ()
        for name in names:
            if key in self._arrays:
                key = (*key, self._arrays[key])
            key = (*key, name)
        if many:
            self._arrays[key] = self._arrays.get(key, -1) + 1
            self.lines.setdefault(key, line)
            key = (*key, self._arrays[key])
        elif key in self._arrays:
            key = (*key, self._arrays[key])
        self.lines.setdefault(key, line)
        return key

    def _names(self) -> list[str]:
        """A dotted key, up to the character after it."""
        names = []
        while True:
            self._blank()
            if self._text[self._at] in "\"'":
                names.append(str(tomllib.loads(f"x={self._take(_STRING)}")["x"]))
            else:
                names.append(self._take(_BARE))
            self._blank()
            if self._text[self._at] != ".":
                return names
            self._at += 1

    def _pair(self, table: Key) -> None:
        line = self._line()
        names = self._names()
        key = table
        for name in names:
            key = (*key, name)
            self.lines.setdefault(key, line)
        self._at += 1
        self._blank()
        self._value(key)

    def _value(self, key: Key) -> None:
        self.lines.setdefault(key, self._line())
        opening = self._text[self._at]
        if opening in "\"'":
            self._take(_STRING)
        elif opening == "[":
            self._at += 1
            index = 0
            while self._text[self._blank()] != "]":
                self._value((*key, index))
                index += 1
                self._comma()
            self._at += 1
        elif opening == "{":
            self._at += 1
            while self._text[self._blank()] != "}":
                self._pair(key)
                self._comma()
            self._at += 1
        else:
            self._take(_SCALAR)

    def _comma(self) -> None:
        if self._text[self._blank()] == ",":
            self._at += 1
