"""Trace and span ids that are derived from a call's id."""

from __future__ import annotations

import hashlib

from opentelemetry.sdk.trace.id_generator import IdGenerator


class CallIds(IdGenerator):
    """Derives ids from a call's id and a salt, so that the trace of a call is known from its id, and is the same each
    time."""

    def __init__(self, salt: bytes) -> None:
        self._salt = salt
        self._call = ""
        self._number = 0

    def next(self, call: str, number: int) -> None:
        """Sets which span begins next: the `number`th of `call`."""
        self._call, self._number = call, number

    def trace_id(self, call: str) -> int:
        return self._hash(call, 16)

    def generate_trace_id(self) -> int:
        return self.trace_id(self._call)

    def generate_span_id(self) -> int:
        return self._hash(f"{self._call}/{self._number}", 8)

    def _hash(self, text: str, size: int) -> int:
        return int.from_bytes(hashlib.blake2b(text.encode(), key=self._salt, digest_size=size).digest()) or 1
