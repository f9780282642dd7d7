"""A child process's standard error, passed on to the log line by line."""

from __future__ import annotations

import asyncio
import logging

from sidecars.log import Event

MAX_LINE = 2000
"""A longer line is cut."""


class ChildLog:
    """A line may begin with a level (`WARNING …`); one without is a warning: nobody meant to write it."""

    def __init__(self, name: str, log: logging.Logger) -> None:
        self.last_line = ""
        """The last thing that was said: often why the child died."""
        self.lines = 0
        """How much was said."""
        self._name = name
        self._log = log

    async def read(self, stderr: asyncio.StreamReader) -> None:
        """Returns when the child has closed its end."""
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
