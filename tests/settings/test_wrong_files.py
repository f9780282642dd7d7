"""Files and folders that settings name, or that are named in their place, and are not what they should be."""

from __future__ import annotations

from pathlib import Path

import pytest

from phone_daemon.settings.load import SettingsError, load_settings
from phone_daemon.settings.settings import Settings
from phone_daemon.settings.toml_lines import Document


def loaded(tmp_path: Path, text: str) -> Settings:
    (tmp_path / "s.toml").write_text(text)
    return load_settings(tmp_path / "s.toml", {})


def test_a_folder_that_cannot_be_written_to_concerns_only_who_takes_calls(tmp_path: Path) -> None:
    path = tmp_path / "s.toml"
    path.write_text('[calls]\ndirectory = "/proc/version/calls"')
    assert load_settings(path, {}).calls.directory == Path("/proc/version/calls")
    with pytest.raises(SettingsError) as caught:
        load_settings(path, {}, warn=True)
    assert caught.value.lines == (
        f"{path}:2: calls.directory: /proc/version is not a folder; choose a folder that the daemon may write to",
    )


def test_without_a_file_a_problem_is_one_of_the_default_settings() -> None:
    assert Document(Path(), {}).problem(("calls", "directory"), "is wrong") == (
        "the default settings: calls.directory: is wrong"
    )


def test_a_dialplan_in_place_of_settings_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(SettingsError) as caught:
        loaded(tmp_path, 'called = ["*"]\ngreeting = "Hello."\n[intents.bye]\nsay = "Bye."')
    [line] = caught.value.lines
    assert line.startswith(f"{tmp_path}/s.toml: is a dialplan, not a settings file; name it in a settings file")


def test_a_dialplan_that_is_named_twice_and_a_folder_are_told(tmp_path: Path) -> None:
    (tmp_path / "a.toml").touch()
    with pytest.raises(SettingsError) as caught:
        loaded(tmp_path, 'dialplans = ["a.toml", "a.toml", "."]')
    assert [line.removeprefix(f"{tmp_path}/s.toml:1: ") for line in caught.value.lines] == [
        f"dialplans[1]: {tmp_path}/a.toml is named twice; take one out",
        f"dialplans[2]: {tmp_path} is a folder; name the dialplans in it",
    ]
