"""Copies a child process's standard error to the log, line by line."""

from __future__ import annotations

import asyncio
import logging

from sidecars.log import Event

MAX_LINE = 2000
"""The most characters in a line; a longer one is truncated."""


class ChildLog:
    """A child's log. A line may begin with a level (`WARNING …`); a line without one is a warning, because it was
    unexpected.
    """

    def __init__(self, name: str, log: logging.Logger) -> None:
        self.last_line = ""
        """The last line, which often tells why the child died."""
        self.lines = 0
        """The number of lines so far."""
        self._name = name
        self._log = log

    async def read(self, stderr: asyncio.StreamReader) -> None:
        """Copies until the child has closed its end."""
        rest = b""
        while data := await stderr.read(MAX_LINE):
            *lines, rest = (rest + data).split(b"\n")
            for line in lines:
                self._pass_on(line)
            if len(rest) > MAX_LINE:
                self._pass_on(rest)
                rest = b""
        if rest:
            self._pass_on(rest)

    def _pass_on(self, line: bytes) -> None:
        self.lines += 1
        text = line.decode(errors="replace").rstrip()
        level, _, message = text.partition(" ")
        number = logging.getLevelNamesMapping().get(level)
        told = message if number else text
        self._log.log(number or logging.WARNING, Event("process.said", process=self._name, line=told))
        if text:
            self.last_line = message if number else text
