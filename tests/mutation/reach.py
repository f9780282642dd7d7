"""Which lines of some modules each test reaches, and how long each test takes."""

from __future__ import annotations

import contextlib
import json
import sys
import time
from collections.abc import Collection, Iterator
from pathlib import Path
from types import FrameType
from typing import Any

import pytest


class Reach:
    """A pytest plugin: `lines[file][line]` are the tests that reach it, `seconds[test]` is a test's duration.

    A test that fails is left out: it could notice nothing.
    """

    def __init__(self, files: Collection[str]) -> None:
        self.lines: dict[str, dict[int, list[str]]] = {file: {} for file in files}
        self.seconds: dict[str, float] = {}
        self._reached: set[tuple[str, int]] = set()
        self._made: dict[object, tuple[set[tuple[str, int]], float]] = {}
        """The lines that each fixture reached, and how long it took: it may serve several tests."""

    @pytest.hookimpl(wrapper=True)
    def pytest_fixture_setup(self, fixturedef: pytest.FixtureDef[Any]) -> Iterator[Any]:
        outer, began = self._reached, time.process_time()
        self._reached = set()
        try:
            with self._watched():
                return (yield)
        finally:
            self._made[fixturedef] = self._reached, time.process_time() - began
            self._reached = outer

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_call(self, item: pytest.Item) -> Iterator[None]:
        self._reached = set()
        began = time.process_time()
        with self._watched():
            yield
        seconds = time.process_time() - began
        fixtures = item._request._fixture_defs.values() if isinstance(item, pytest.Function) else ()
        for lines, longer in (self._made[each] for each in fixtures if each in self._made):
            self._reached |= lines
            seconds += longer
        self.seconds[item.nodeid] = round(seconds, 3)
        for file, line in self._reached:
            self.lines[file].setdefault(line, []).append(item.nodeid)

    @contextlib.contextmanager
    def _watched(self) -> Iterator[None]:
        before = sys.gettrace()
        sys.settrace(self._enter)
        try:
            yield
        finally:
            sys.settrace(before)

    def write(self, path: Path) -> None:
        path.write_text(json.dumps([self.lines, self.seconds]))

    def _enter(self, frame: FrameType, event: str, _: Any) -> Any:
        if frame.f_code.co_filename not in self.lines:
            return None
        return self._line(frame, event, _)

    def _line(self, frame: FrameType, _event: str, _: Any) -> Any:
        self._reached.add((frame.f_code.co_filename, frame.f_lineno))
        return self._line
