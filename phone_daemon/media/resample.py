"""Sample rates, one object a stream: `sidecars.resample`, which servers need too that run without the daemon."""

from __future__ import annotations

from sidecars.resample import Resampler, to_pcm

__all__ = ["Resampler", "to_pcm"]
