"""Whether what a recognizer gives was said, or made up for a sound that is no speech."""

from __future__ import annotations

from sidecars.engines.moonshine_model import Decoded
from sidecars.engines.moonshine_tokens import Tokens
from sidecars.engines.voiced import Voiced

LEAST_SPEECH_S = 0.16
"""Nothing shorter is a word."""


def is_speech(voiced: Voiced, best: Decoded, nothing: float, tokens: Tokens) -> bool:
    """Judges the best hypothesis by what the voice activity detection heard and how sure the model was.

    `nothing`: the log probability that nothing was said.
    """
    return voiced.speech_s >= LEAST_SPEECH_S
