"""`phone-daemon init`: writes files that work as they are, and overwrites nothing."""

from pathlib import Path

import pytest

from phone_daemon.__main__ import main
from phone_daemon.settings.load import load_settings


def test_what_it_writes_can_be_served_as_it_is(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "new" / "desk"
    assert main(["init", str(folder)]) == 0
    told = capsys.readouterr().out
    assert f"phone-daemon serve -c {folder}/phone-daemon.toml" in told
    assert f"phone-daemon try {folder}/reception.toml" in told
    assert main(["check", "-c", str(folder / "phone-daemon.toml")]) == 0
    assert load_settings(folder / "phone-daemon.toml", {}).dialplans == (folder / "reception.toml",)


@pytest.mark.parametrize("there", ["phone-daemon.toml", "reception.toml"])
def test_a_file_that_is_there_already_stays_and_nothing_is_written(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], there: str
) -> None:
    (tmp_path / there).write_text("mine")
    assert main(["init", str(tmp_path)]) == 1
    assert capsys.readouterr().err == f"phone-daemon init: {tmp_path}/{there} already exists; name another folder\n"
    assert [path.name for path in tmp_path.iterdir()] == [there]
    assert (tmp_path / there).read_text() == "mine"


def test_a_folder_that_cannot_be_made_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "file").touch()
    assert main(["init", str(tmp_path / "file")]) == 1
    assert capsys.readouterr().err == f"phone-daemon init: {tmp_path}/file is a file; name a folder\n"
