"""Which lines of some modules each test reaches, and how long each test takes."""

from __future__ import annotations

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

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_call(self, item: pytest.Item) -> Iterator[None]:
        self._reached.clear()
        began = time.process_time()
        sys.settrace(self._enter)
        try:
            yield
        finally:
            sys.settrace(None)
        self.seconds[item.nodeid] = round(time.process_time() - began, 3)
        for file, line in self._reached:
            self.lines[file].setdefault(line, []).append(item.nodeid)

    def write(self, path: Path) -> None:
        path.write_text(json.dumps([self.lines, self.seconds]))

    def _enter(self, frame: FrameType, event: str, _: Any) -> Any:
        if frame.f_code.co_filename not in self.lines:
            return None
        return self._line(frame, event, _)

    def _line(self, frame: FrameType, _event: str, _: Any) -> Any:
        self._reached.add((frame.f_code.co_filename, frame.f_lineno))
        return self._line
