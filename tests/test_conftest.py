"""Which tests run: what `make test` skips, and which tests it wants marked."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests import conftest
from tests.sidecars import family

pytest_plugins = ["pytester"]
PYPROJECT = Path(__file__).parents[1] / "pyproject.toml"
TESTS = """
    import pytest

    def test_quick():
        pass

    @pytest.mark.long
    def test_in_real_time():
        pass

    @pytest.mark.foreign
    def test_with_others():
        pass
"""


@pytest.fixture(autouse=True)
def tests(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(family, "may_build", family.may_build)  # the session inside decides this for itself
    pytester.makepyfile(TESTS)


def run(pytester: pytest.Pytester, *options: str) -> pytest.RunResult:
    ours = "-c", str(PYPROJECT), "-p", "tests.conftest", "-p", "no:cacheprovider"
    return pytester.runpytest_inprocess(*ours, "--rootdir", str(pytester.path), str(pytester.path), *options)


def test_what_is_skipped_says_which_command_runs_it(pytester: pytest.Pytester) -> None:
    ran = run(pytester, "--quick", "-rs")
    ran.assert_outcomes(passed=1, skipped=2)
    ran.stdout.fnmatch_lines_random(
        ["SKIPPED*takes long: make test-all runs it", "SKIPPED*other people: make test-all runs it"]
    )


def test_otherwise_everything_runs(pytester: pytest.Pytester) -> None:
    run(pytester).assert_outcomes(passed=3)


def test_what_takes_long_without_the_marker_is_named(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "mark it" not in run(pytester, "--quick").stdout.str()
    monkeypatch.setattr(conftest, "LONG_S", 0.0)
    run(pytester, "--quick").stdout.fnmatch_lines(["*::test_quick took * s: mark it `long`, or make it quicker"])
