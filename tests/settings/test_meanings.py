"""The meanings of keys are read from the models' source."""

from __future__ import annotations

from phone_daemon.dialplan.script_keys import DayKeys
from phone_daemon.settings.meanings import meanings
from phone_daemon.settings.settings import Settings, StateSettings


def test_the_meaning_of_a_key_is_the_text_under_it() -> None:
    assert meanings(StateSettings)["directory"] == "Where the embedded server keeps its socket."


def test_a_text_of_several_lines_has_no_indentation() -> None:
    assert "\n" in meanings(StateSettings)["url"]
    assert "\n " not in meanings(StateSettings)["url"]


def test_keys_of_base_classes_have_theirs() -> None:
    assert {"ask", "again", "never"} <= meanings(DayKeys).keys()


def test_a_field_without_a_text_has_none() -> None:
    assert "sip" not in meanings(Settings)
