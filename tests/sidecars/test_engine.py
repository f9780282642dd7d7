"""The names of the engines, and the error for an unknown one."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

import sidecars.engines
from sidecars.engine import STT_ENGINES, TTS_ENGINES, instead, load


def methods(file: Path) -> set[str]:
    """All classes in it."""
    tree = ast.parse(file.read_text())
    classes = [each for each in tree.body if isinstance(each, ast.ClassDef)]
    return {each.name for one in classes for each in one.body if isinstance(each, ast.FunctionDef)}


def test_every_engine_is_known_by_its_name_and_by_what_it_does() -> None:
    files = {
        file.stem: methods(file)
        for file in Path(next(iter(sidecars.engines.__path__))).glob("*.py")
        if "\ndef create(" in file.read_text()
    }
    assert sorted(name for name, has in files.items() if "speak" in has) == sorted(TTS_ENGINES)
    assert sorted(name for name, has in files.items() if "speak" not in has) == sorted(STT_ENGINES)


@pytest.mark.parametrize(
    ("name", "remedy"),
    [
        ("pocketsphinx", 'write "moonshine"'),
        ("moonshin", 'did you mean "moonshine"?'),
        ("Whisper", 'did you mean "whisper"?'),
        ("", "there are moonshine, nemo, "),
    ],
)
def test_a_name_that_is_none_is_answered_with_one_that_is(name: str, remedy: str) -> None:
    assert instead(name).startswith(remedy)


def test_what_has_taken_an_engines_place_is_told_only_where_it_can_stand() -> None:
    assert instead("pocketsphinx", TTS_ENGINES).startswith("there are ")


@pytest.mark.parametrize(
    ("name", "complaint"), [("wisper", "no such engine; did you mean"), ("../engine", "not a name")]
)
def test_an_engine_that_there_is_not_cannot_be_loaded(name: str, complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        load(name, {})
