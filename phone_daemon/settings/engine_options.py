"""What each engine can be told under `options`, so that a mistyped name stops the start and not the engine."""

from __future__ import annotations

from collections.abc import Mapping

ENGINE_OPTIONS: Mapping[str, tuple[str, ...]] = {
    "chatterbox": (
        "model", "device", "dtype", "voices", "threads", "voice", "voice_file", "exaggeration", "cfg_weight",
        "temperature", "top_p", "min_p", "repetition_penalty", "rate", "seed",
    ),
    "espeak": ("voice", "rate"),
    "hibari": ("voice", "rate"),
    "kokoro": ("model", "voice", "rate", "threads"),
    "moonshine": ("model", "phrases", "weight", "beam", "partials_s", "max_sessions"),
    "nemo": ("model", "chunk_ms", "device", "dtype", "threads", "max_sessions", "max_batch"),
    "onnx_tdt": ("model", "device", "quantization", "threads", "deadline_s", "partials_s", "max_sessions"),
    "piper": ("model", "voice", "voices", "rate", "speaker", "threads"),
    "qwen3": (
        "model", "language", "context", "backend", "device", "threads", "partials_s", "chunk_s", "gpu_memory",
        "max_sessions",
    ),
    "sherpa": ("model", "chunk_ms", "provider", "threads", "max_sessions"),
    "whisper": (
        "model", "language", "device", "compute_type", "threads", "beam_size", "words", "partials_s", "max_sessions",
    ),
}  # fmt: skip
"""An engine itself refuses every other name; its module cannot be asked here, for it may have packages of its own."""
