"""Parses a request to `/v1/audio/speech`, and describes what is wrong with it. No I/O."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

MAX_INPUT = 4096
"""The most characters in a text, as in OpenAI's API."""
MAX_BODY = 1 << 16
"""The most bytes in a body; `MAX_INPUT` characters fit, however they are escaped."""
FORMATS = ("pcm", "wav")
OPENAI_MODELS = ("tts-1", "tts-1-hd", "gpt-4o-mini-tts")
"""Model names that are built into clients: they stand for the engine that is served."""
OPENAI_VOICES = (
    "alloy", "ash", "ballad", "cedar", "coral", "echo", "fable", "marin", "nova", "onyx", "sage", "shimmer", "verse",
)  # fmt: skip
"""Likewise, voice names that stand for the engine's default voice if it has none of that name."""


class Complaint(Exception):
    """A request that is answered with an error, in the format that OpenAI's clients read."""

    def __init__(self, status: int, message: str, param: str | None = None, code: str | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.param = param
        self.code = code

    def body(self) -> dict[str, Any]:
        kind = "invalid_request_error" if self.status < 500 and self.status != 429 else "server_error"
        if self.status == 429:
            kind = "requests"
        return {"error": {"message": str(self), "type": kind, "param": self.param, "code": self.code}}


@dataclass(frozen=True, slots=True)
class SpeechRequest:
    text: str
    options: Mapping[str, Any]
    """The engine's options: `voice`, `rate`; absent where the default is meant."""
    wav: bool
    """Whether the answer is WAV rather than bare PCM."""


def parse(body: bytes, engine: str, voices: Sequence[str]) -> SpeechRequest:
    """Reads a request's JSON. Raises `Complaint`."""
    try:
        asked = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise Complaint(400, f"the body is not JSON: {error}") from None
    if not isinstance(asked, dict):
        raise Complaint(400, "the body must be a JSON object")
    text = asked.get("input")
    if not isinstance(text, str) or not text.strip():
        raise Complaint(400, "'input' must be a text that is not empty", "input")
    if len(text) > MAX_INPUT:
        what = f"'input' has {len(text)} characters; {MAX_INPUT} is the most"
        raise Complaint(400, what, "input", "string_above_max_length")
    model = asked.get("model", engine)
    if model not in (engine, *OPENAI_MODELS):
        raise Complaint(404, f"the model {model!r:.80} does not exist; there is {engine!r}", "model", "model_not_found")
    format_ = asked.get("response_format", "wav")
    if format_ not in FORMATS:
        raise Complaint(400, f"'response_format' {format_!r:.80}: supported are 'pcm' and 'wav'", "response_format")
    if asked.get("stream_format", "audio") != "audio":
        raise Complaint(400, "'stream_format': only 'audio' is supported", "stream_format")
    options: dict[str, Any] = {}
    voice = asked.get("voice")
    if voice is not None and not isinstance(voice, str):
        raise Complaint(400, f"'voice' must be a name, not {voice!r:.80}", "voice")
    if voice in voices or voice not in (None, "", *OPENAI_VOICES):
        options["voice"] = voice
    speed = asked.get("speed", 1.0)
    if isinstance(speed, bool) or not isinstance(speed, int | float) or not 0.25 <= speed <= 4.0:
        raise Complaint(400, f"'speed' must be a number from 0.25 to 4.0, not {speed!r:.80}", "speed")
    if speed != 1.0:
        options["rate"] = float(speed)
    return SpeechRequest(text, options, format_ == "wav")
