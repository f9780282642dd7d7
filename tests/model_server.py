"""A real model server for every test that needs one: started once, when a test first asks for it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from ops.bench.model_server import ModelServer


@pytest.fixture(scope="session")
def model_server() -> Iterator[ModelServer]:
    """Takes many streams at once."""
    with ModelServer() as server:
        yield server


@pytest.fixture(scope="session")
def serial_model_server() -> Iterator[ModelServer]:
    """Takes one request after the other."""
    with ModelServer(continuous=False) as server:
        yield server
