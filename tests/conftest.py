"""Fixtures for all tests, and which tests run."""

from __future__ import annotations

from collections import Counter

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
SKIPPED = {
    "engine": "needs an environment of its own",
    "foreign": "needs a program by other people",
    "long": "takes long",
}
"""The marks of the tests that `make test` leaves to `make test-all`, and why."""
LONG_S = 5.0
"""A test that takes longer should be marked `long`: `make test` names it at the end."""
MOST_NAMED = 10
"""So many of them, for on a busy machine everything takes long."""


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--quick", action="store_true", help="skip what make test leaves to make test-all")


def pytest_configure(config: pytest.Config) -> None:
    family.may_build = not config.getoption("--quick")


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
    if item.config.getoption("--quick"):
        for mark, why in SKIPPED.items():
            if item.get_closest_marker(mark):
                pytest.skip(f"{why}: make test-all runs it")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    if not config.getoption("--quick"):
        return
    took: Counter[str] = Counter()
    for report in (each for kind in ("", "passed") for each in terminalreporter.stats.get(kind, [])):
        took[report.nodeid] += report.duration
    for test, seconds in took.most_common(MOST_NAMED):
        if seconds > LONG_S:
            terminalreporter.line(f"{test} took {seconds:.0f} s: mark it `long`, or make it quicker", yellow=True)
