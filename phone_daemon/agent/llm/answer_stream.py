"""Reads a model server's answer in any form in which it is sent: a stream of events as from OpenAI, or a deviation from
it.

Servers and the proxies in front of them omit `finish_reason` or `[DONE]`, send chunks without a `delta` (Azure's
content filter) or with a whole `message`, events without blank lines between them, one JSON object per line, or a plain
JSON answer although a stream was requested.
"""

from __future__ import annotations

import asyncio
import codecs
import contextlib
import json
import re
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from dataclasses import dataclass
from typing import Any

MAX_JSON = 1 << 20
"""Most characters of an answer that is not a stream."""
DRAIN_S = 0.05
"""How long to wait for the end of a response after `[DONE]`."""
_LINE_END = re.compile(r"\r\n|\n|\r(?!$)")
_FIELDS = ("event:", "id:", "retry:", ":")
"""What a line of an event stream may begin with besides `data:`; a colon alone is a keep-alive."""


class NotAnAnswer(ValueError):
    """The response is not an answer. The message is what the server said instead, if anything."""


@dataclass(frozen=True, slots=True)
class Delta:
    """A piece of an answer."""

    text: str = ""
    reasoning: bool = False
    """Whether it is a piece of reasoning that the server has already separated (vLLM, DeepSeek; Ollama)."""
    calls: tuple[Mapping[str, Any], ...] = ()
    """Pieces of tool calls: `index`, `id`, `function` with `name` and `arguments`."""
    reason: str = ""
    """Why the answer ended, if this piece says so."""


async def deltas(pieces: AsyncIterator[bytes]) -> AsyncGenerator[Delta, None]:
    """The pieces of the answer in the body of a response. Raises `NotAnAnswer`."""
    begun, streamed = "", False
    async with contextlib.aclosing(_lines(pieces)) as lines:
        async for line in lines:
            text = line.removeprefix("data:").strip()
            streamed = streamed or line.startswith("data:")
            if text.startswith("[DONE]"):
                await _drain(lines)
                return
            if not text and begun and streamed:
                if begun[0] in "{[":
                    break
                begun = ""  # an event that does not belong to a completion
            if not text or (line.startswith(_FIELDS) and not begun):
                continue
            # An object may span several lines; a complete object needs no blank line after it.
            begun = f"{begun}\n{text}" if begun else text
            if len(begun) > MAX_JSON:
                raise NotAnAnswer("an answer without an end")
            if not text.endswith(("}", "]")):
                continue
            try:
                found = json.loads(begun)
            except ValueError:
                continue
            begun = ""
            for delta in _of(found):
                yield delta
    if begun:
        raise NotAnAnswer("malformed JSON" if begun.lstrip()[:1] in "{[" else "the body is not JSON")


async def _lines(pieces: AsyncIterator[bytes]) -> AsyncGenerator[str, None]:
    """Lines as the event stream format defines them: nothing but CR and LF ends a line."""
    decode, rest = codecs.getincrementaldecoder("utf-8-sig")("replace").decode, ""
    async for piece in pieces:
        *lines, rest = _LINE_END.split(rest + decode(piece))
        for line in lines:
            yield line
    if rest:
        yield rest


async def _drain(lines: AsyncIterator[str]) -> None:
    """Reads to the end if it is near, so that the connection can be reused."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(DRAIN_S):
            async for _ in lines:
                pass


def _of(found: Any) -> list[Delta]:
    if not isinstance(found, Mapping):
        return []
    if error := found.get("error"):
        said = error.get("message") if isinstance(error, Mapping) else error
        raise NotAnAnswer(str(said or "an error"))
    choices = found.get("choices")
    if not isinstance(choices, list):
        choices = [found] if isinstance(found.get("message"), Mapping) else []  # Ollama's own dialect
    return [_delta(choice) for choice in choices[:1] if isinstance(choice, Mapping)]


def _delta(choice: Mapping[str, Any]) -> Delta:
    parts = (choice.get(name) for name in ("delta", "message"))
    said: Mapping[str, Any] = next((part for part in parts if isinstance(part, Mapping)), {})
    calls = said.get("tool_calls")
    calls = [call for call in calls if isinstance(call, Mapping)] if isinstance(calls, list) else []
    return Delta(
        _text(said.get("content")) or _text(choice.get("text")),
        bool(said.get("reasoning_content") or said.get("reasoning")),
        tuple({**call, "index": at if call.get("index") is None else call["index"]} for at, call in enumerate(calls)),
        _text(choice.get("finish_reason") or choice.get("done_reason")),
    )


def _text(content: Any) -> str:
    """The text of a content, which may be a list of parts."""
    if isinstance(content, list):
        return "".join(_text(part.get("text")) for part in content if isinstance(part, Mapping))
    return content if isinstance(content, str) else ""
