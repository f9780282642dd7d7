"""Deepgram's streaming dialect as values: clients' requests and the messages that they get. No I/O.

https://developers.deepgram.com/reference/speech-to-text/listen-streaming. We add `{"type": "Cancel"}`, which drops the
utterance and is answered by `{"type": "Cancelled", "released": {"held": {…}, "open": n}}` once the engine has freed it,
and `released` in finals. A server that supports this says so in the header `X-Listen-Extensions` of its answer.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

PATH = "/v1/listen"
EXTENSIONS_HEADER = "X-Listen-Extensions"
EXTENSIONS = "Cancel"
REQUEST_ID_HEADER = "dg-request-id"
RATES = (8000, 16000, 22050, 24000, 32000, 44100, 48000)
ENDPOINTING_S = 0.5
"""The default if a client sends none. Deepgram's own 10 ms is for a recognizer that can tell a pause from an end."""
LEAST_ENDPOINTING_S = 0.2
CONTROLS = ("Finalize", "CloseStream", "KeepAlive", "Cancel")

_WIRE = frozenset({"encoding", "sample_rate", "channels", "interim_results", "endpointing"})
_OFF = ("false", "0", "off")


class BadRequest(ValueError):
    """A request that cannot be fulfilled; the message says in one line what is wrong and how to fix it."""


@dataclass(frozen=True, slots=True)
class Request:
    """The query of `GET /v1/listen`."""

    sample_rate: int
    interim_results: bool = False
    endpointing_s: float | None = ENDPOINTING_S
    """The silence after which an utterance is made final without a request; None: never."""
    options: Mapping[str, object] = field(default_factory=dict)
    """All other parameters: session options for the engine, which ignores those that it does not know."""


def parse_query(query: Iterable[tuple[str, str]]) -> Request:
    """Parses the query. Raises `BadRequest`."""
    values: dict[str, Any] = {}
    for name, value in query:
        values[name] = value if name not in values else [*_listed(values[name]), value]
    encoding = values.get("encoding", "")
    if encoding != "linear16":
        raise BadRequest(f"encoding={encoding!s:.40}: must be linear16 (16-bit signed little-endian PCM)")
    if values.get("channels", "1") != "1":
        raise BadRequest(f"channels={values['channels']!s:.40}: must be 1")
    rate = values.get("sample_rate", "")
    if rate not in map(str, RATES):
        raise BadRequest(f"sample_rate={rate!s:.40}: must be one of {', '.join(map(str, RATES))}")
    return Request(
        int(rate),
        str(values.get("interim_results", "false")).lower() == "true",
        _endpointing(str(values.get("endpointing", "true")).lower()),
        {name: value for name, value in values.items() if name not in _WIRE},
    )


def _endpointing(text: str) -> float | None:
    if text in _OFF:
        return None
    if text == "true":
        return ENDPOINTING_S
    if not text.isdecimal() or int(text) > 60_000:
        raise BadRequest(f"endpointing={text:.40}: must be milliseconds up to 60000, or false")
    return max(int(text) / 1000, LEAST_ENDPOINTING_S)


def _listed(value: str | list[str]) -> list[str]:
    return [value] if isinstance(value, str) else value


def parse_control(text: str) -> str:
    """The type of a client's text message. Raises `BadRequest`."""
    try:
        message = json.loads(text)
    except (ValueError, RecursionError):
        raise BadRequest("a text message that is not JSON; audio is sent in binary messages") from None
    kind = message.get("type") if isinstance(message, dict) else None
    if kind not in CONTROLS:
        raise BadRequest(f"type {kind!r:.60}: no such message; there are {', '.join(CONTROLS)}")
    return str(kind)


def results(
    heard: Mapping[str, Any],
    *,
    request_id: str,
    model: str,
    start: float,
    duration: float,
    final: bool = False,
    speech_final: bool = False,
    from_finalize: bool = False,
) -> dict[str, Any]:
    """A Results message. `heard`: a Partial or Final as in `sidecars.host.host`; `start` and `duration` in seconds of
    the connection's audio.
    """
    words = [
        {
            "word": text,
            "start": round(start + begin, 3),
            "end": round(start + end, 3),
            "confidence": _share(confidence),
            "punctuated_word": text,
        }
        for text, begin, end, confidence in heard.get("words", ())
    ]
    alternative = {"transcript": heard["text"], "confidence": _share(heard["confidence"]), "words": words}
    told: dict[str, Any] = {
        "type": "Results",
        "channel_index": [0, 1],
        "start": round(start, 3),
        "duration": round(duration, 3),
        "is_final": final,
        "speech_final": speech_final,
        "from_finalize": from_finalize,
        "channel": {"alternatives": [alternative]},
        "metadata": {
            "request_id": request_id,
            "model_info": {"name": model, "version": "", "arch": model},
            "model_uuid": "",
        },
    }
    if "held" in heard:
        told["released"] = released(heard)
    return told


def _share(confidence: float) -> float:
    return round(min(max(confidence, 0.0), 1.0), 4)


def released(ended: Mapping[str, Any]) -> dict[str, Any]:
    """What the engine still holds, taken from the message that ended an utterance."""
    return {"held": ended["held"], "open": ended["open"]}


def metadata(*, request_id: str, duration: float, created: str, sha256: str) -> dict[str, Any]:
    """The last message on a connection that is closed with CloseStream."""
    return {
        "type": "Metadata",
        "transaction_key": "deprecated",
        "request_id": request_id,
        "sha256": sha256,
        "created": created,
        "duration": round(duration, 3),
        "channels": 1,
    }


def error(code: str, what: str, request_id: str) -> dict[str, Any]:
    """An error message within a connection."""
    return {"type": "Error", "variant": code, "description": what, "message": what, "request_id": request_id}


def refusal(code: str, what: str, request_id: str) -> dict[str, Any]:
    """An error instead of a connection: the body of an HTTP error response."""
    return {"err_code": code, "err_msg": what, "request_id": request_id}


def heard_words(alternative: Mapping[str, Any], start: float) -> Sequence[Sequence[Any]]:
    """For clients: the words of an alternative, with times relative to `start`."""
    return [
        [word["word"], word["start"] - start, word["end"] - start, word.get("confidence", 1.0)]
        for word in alternative.get("words", ())
    ]
