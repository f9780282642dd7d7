"""Fixtures for all tests, and which tests run."""

from __future__ import annotations

import gc
import os
from collections import Counter
from collections.abc import Iterator

import hypothesis
import pytest

from tests.model_server import model_server, serial_model_server
from tests.needs import markers
from tests.sidecars import family

__all__ = ["model_server", "serial_model_server"]

DEAREST = (
    "tests/test_calls.py",
    "tests/foreign",
    "tests/ops/ab",
    "tests/ops/edge",
    "tests/wire",
    "tests/web",
    "tests/sidecars/remote",
    "tests/sidecars/local",
    "tests/call",
    "tests/test_",
    "tests/tts",
    "tests/stt",
)
"""Files whose tests start first, so that no core is left with a long one at the end. Those of the wire and the web
mostly wait: the others compute meanwhile."""
WORKERS_PER_CORE = 3
"""Most of the quick tests' time is waiting, for a line card or a server, in real time."""
SKIPPED = {
    "engine": "needs an environment of its own",
    "foreign": "needs a program by other people",
    "long": "takes long",
}
"""The marks of the tests that `make test` leaves to `make test-all`, and why."""
LONG_S = 10.0
"""A test that takes longer, beside others on its core, should be marked `long`: `make test` names it at the end."""
MOST_NAMED = 10
"""So many of them, for on a busy machine everything takes long."""

# How long an example takes is the machine's affair.
hypothesis.settings.register_profile("ours", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow])
hypothesis.settings.load_profile("ours")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--quick", action="store_true", help="skip what make test leaves to make test-all")


def pytest_configure(config: pytest.Config) -> None:
    family.may_build = not config.getoption("--quick")


def pytest_xdist_auto_num_workers(config: pytest.Config) -> int:
    cores = len(os.sched_getaffinity(0))
    return cores * WORKERS_PER_CORE if config.getoption("--quick") else cores


@pytest.hookimpl(wrapper=True)
def pytest_collection(session: pytest.Session) -> Iterator[None]:
    # Thousands of tests, and what they import, stay to the end: the collector need not look at them again and again.
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.enable()


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
