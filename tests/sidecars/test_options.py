"""Options of an engine as given on a command line."""

from __future__ import annotations

import argparse
from pathlib import Path

import pytest

from sidecars.options import add_options, option, options_of


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("threads=2", ("threads", 2)),
        ("voice=anna", ("voice", "anna")),
        ('voice="7"', ("voice", "7")),
        ("empty=", ("empty", "")),
        ("equals=a=b", ("equals", "a=b")),
    ],
)
def test_a_value_is_json_if_it_can_be(text: str, value: tuple[str, object]) -> None:
    assert option(text) == value


def test_a_file_stands_for_the_json_in_it(tmp_path: Path) -> None:
    (tmp_path / "phrases.json").write_text('{"clinic": ["yes"]}')
    assert option(f"phrases=@{tmp_path}/phrases.json") == ("phrases", {"clinic": ["yes"]})


@pytest.mark.parametrize("text", ["phrases", "=1", "two words=1", "phrases=@/no/such"])
def test_anything_else_is_told(text: str) -> None:
    with pytest.raises(argparse.ArgumentTypeError):
        option(text)


def test_a_model_is_an_option_like_others() -> None:
    parser = argparse.ArgumentParser()
    add_options(parser)
    assert options_of(parser.parse_args(["--option", "threads=2", "--model", "x"])) == {"threads": 2, "model": "x"}
    assert options_of(parser.parse_args([])) == {}
