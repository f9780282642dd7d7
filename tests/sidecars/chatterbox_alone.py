"""Chatterbox with random weights, as its tests in its own environment use it: fixtures, and what it says.

`test_chatterbox.py` has pytest load this as a plugin. `CHATTERBOX_TINY` is a folder with a checkpoint made for it.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sidecars.engine import load
from sidecars.engines import chatterbox
from sidecars.engines.chatterbox_model import Model

TINY = Path(os.environ["CHATTERBOX_TINY"])
TOKENS = 55
"""For every text; `fixtures/models/tiny_chatterbox.py` sets it."""
SAMPLES = TOKENS * 960
TEXT = "Hello there, this is a test."


def never() -> bool:
    return False


@pytest.fixture(scope="module")
def engine() -> chatterbox.Chatterbox:
    made: chatterbox.Chatterbox = load("chatterbox", {"model": str(TINY), "threads": 1})
    return made


@pytest.fixture(scope="module")
def model(engine: chatterbox.Chatterbox) -> Model:
    return engine._model


def spoken(engine: chatterbox.Chatterbox, text: str = TEXT, **options: Any) -> np.ndarray:
    pcm = b"".join(chunk.pcm for chunk in engine.speak(text, {"seed": 1, **options}, never))
    return np.frombuffer(pcm, dtype="<i2")


@pytest.fixture(scope="module")
def plain(engine: chatterbox.Chatterbox) -> np.ndarray:
    """`TEXT` as spoken without any options."""
    return spoken(engine)
