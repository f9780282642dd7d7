"""Streaming Qwen3-ASR, with vLLM on a GPU, which is the only way in which upstream's package can stream.

Every `chunk_s`, the model hears the whole utterance again and continues its earlier text, except for the last few
tokens, which it may change. Utterances take turns, because upstream streams them one by one.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from qwen_asr import Qwen3ASRModel

from sidecars.engine import EngineFull, Hypothesis
from sidecars.engines.qwen3_languages import language_name
from sidecars.engines.segments import LEAST_S, RATE

SHORTEST_S = 0.5
"""When it does not stream, upstream pads shorter audio to this length with silence."""


class Qwen3Streaming:
    """An `SttEngine` without confidence and word times. Session options: `language`, `context`."""

    sample_rate = RATE

    def __init__(
        self, model: Qwen3ASRModel, language: str | None, context: str, chunk_s: float, max_sessions: int
    ) -> None:
        self.max_sessions = max_sessions
        self._model = model
        self._language = language
        self._context = context
        self._chunk_s = chunk_s
        self._states: dict[int, Any] = {}

    def open(self, session: int, options: Mapping[str, Any]) -> None:
        if len(self._states) >= self.max_sessions:
            raise EngineFull(f"{self.max_sessions} utterances are open already")
        self._states[session] = self._model.init_streaming_state(
            context=str(options.get("context") or self._context),
            language=language_name(options.get("language")) or self._language,
            chunk_size_sec=self._chunk_s,
        )

    def step(self, audio: Mapping[int, bytes]) -> Mapping[int, Hypothesis]:
        changed = {}
        for session, pcm in audio.items():
            state = self._states[session]
            before = state.text
            self._model.streaming_transcribe(np.frombuffer(pcm, np.int16), state)
            if state.text != before:
                changed[session] = _hypothesis(state)
        return changed

    def finalize(self, session: int) -> Hypothesis:
        state = self._states.pop(session)
        heard = len(state.audio_accum) + len(state.buffer)
        if heard < LEAST_S * RATE:
            return Hypothesis("", 0.0)
        if heard < SHORTEST_S * RATE:
            state.buffer = np.pad(state.buffer, (0, round(SHORTEST_S * RATE) - heard))
        return _hypothesis(self._model.finish_streaming_transcribe(state))

    def cancel(self, session: int) -> None:
        del self._states[session]

    def held(self) -> Mapping[str, int]:
        """The number of open `sessions`."""
        return {"sessions": len(self._states)}


def _hypothesis(state: Any) -> Hypothesis:
    text = str(state.text).strip()
    return Hypothesis(text, 1.0 if text else 0.0)
