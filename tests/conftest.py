"""Fixtures for all tests, and which tests run."""

from __future__ import annotations

import pytest

from tests.model_server import model_server, serial_model_server
from tests.needs import markers
from tests.sidecars import family

__all__ = ["model_server", "serial_model_server"]

DEAREST = (
    "tests/test_calls.py",
    "tests/ops/ab",
    "tests/ops/edge",
    "tests/call",
    "tests/foreign",
    "tests/test_",
    "tests/web",
)
"""Files whose tests start first, so that no core is left with a long one at the end."""


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--bare", action="store_true", help="skip what needs an environment beside .venv (make test)")


def pytest_configure(config: pytest.Config) -> None:
    family.bare = config.getoption("--bare")


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        for mark in markers(item):
            item.add_marker(mark)
    items.sort(
        key=lambda item: next((n for n, each in enumerate(DEAREST) if item.nodeid.startswith(each)), len(DEAREST))
    )


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    if item.config.getoption("--bare") and item.get_closest_marker("engine"):
        pytest.skip("needs an environment of its own: make test-all builds it and runs the test")
