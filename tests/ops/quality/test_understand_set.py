"""Manifests of what callers say: what is read, and what is refused with its line number."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from ops.quality.speech_set import SetError
from ops.quality.understand_set import load
from phone_daemon.dialplan.dialplan import SHIPPED
from tests.ops.natural import write

TONE = (np.sin(np.arange(4000) / 3) * 5000).astype("<i2").tobytes()
GOOD = {"audio_filepath": "a.wav", "text": "When are you open?", "dialplan": "dental_clinic", "want": "hours"}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write(tmp_path / "a.wav", TONE)
    write(tmp_path / "wide.wav", TONE, 16000)
    write(tmp_path / "stereo.wav", TONE, channels=2)
    write(tmp_path / "nothing.wav", b"")
    (tmp_path / "noise.wav").write_text("no sound")
    return tmp_path


def manifest(folder: Path, *rows: object) -> Path:
    path = folder / "set.jsonl"
    path.write_text("\n".join(row if isinstance(row, str) else json.dumps(row) for row in rows))
    return path


def test_a_clip_has_its_dialplan_its_question_and_its_sound(folder: Path) -> None:
    path = manifest(folder, {**GOOD, "accent": "british"}, {**GOOD, "want": "day", "value": "monday"}, "",
                    {"audio_filepath": "a.wav", "text": ""})  # fmt: skip
    hours, day, nothing = load([path])
    assert hours.plan is not None and hours.plan.name == "dental_clinic" and hours.plan.is_open
    assert (hours.want, hours.expects, hours.more) == ("hours", "", {"accent": "british"})
    assert (day.want, day.expects, day.value) == ("day", "day", "monday")
    assert (nothing.text, nothing.plan, nothing.where) == ("", None, f"{path}:4")
    assert hours.pcm() == TONE


def test_a_dialplan_may_be_a_file_beside_the_manifest(folder: Path) -> None:
    shutil.copy(SHIPPED / "parcel_line.toml", folder / "mine.toml")
    row = {**GOOD, "dialplan": "mine.toml", "want": "number"}
    (clip,) = load([manifest(folder, row)])
    assert clip.plan is not None and clip.plan.name == "parcel_line"
    with pytest.raises(SetError, match='"parcel_line" is also the name of'):
        load([manifest(folder, {**GOOD, "dialplan": "parcel_line"}, row)])


@pytest.mark.parametrize(
    ("row", "why"),
    [
        ({**GOOD, "audio_filepath": "gone.wav"}, "gone.wav: no such file"),
        ({**GOOD, "audio_filepath": "wide.wav"}, "wide.wav: 16000 Hz, mono; a call has 8000 Hz, mono: sox "),
        ({**GOOD, "audio_filepath": "stereo.wav"}, "stereo.wav: 8000 Hz, 2 channels; a call has 8000 Hz, mono"),
        ({**GOOD, "audio_filepath": "nothing.wav"}, "nothing.wav: no audio in it"),
        ({**GOOD, "audio_filepath": "noise.wav"}, "noise.wav: "),
        ({**GOOD, "text": ""}, '"text" has no word in it'),
        ({**GOOD, "text": " ... "}, '"text" has no word in it'),
        ({"audio_filepath": "a.wav"}, '"text" is missing'),
        ({**GOOD, "text": 3}, '"text" must be a text, not 3'),
        ({**GOOD, "want": "ours"}, 'want "ours" is neither an intent of dental_clinic'),
        ({**GOOD, "expects": "nay"}, 'expects "nay": dental_clinic asks no such thing'),
        ({**GOOD, "dialplan": "dentist"}, 'dialplan "dentist": no such file, and none that ships'),
        ({**GOOD, "dialplan": ""}, '"want" is "hours", but no "dialplan" says of what'),
        ("{", "not JSON: "),
        ("[]", "not an object"),
    ],
)
def test_what_is_wrong_is_told_by_its_line(folder: Path, row: object, why: str) -> None:
    with pytest.raises(SetError) as caught:
        load([manifest(folder, GOOD, row)])
    (line,) = str(caught.value).splitlines()
    assert line.startswith(f"{folder / 'set.jsonl'}:2: ")
    assert why in line


def test_every_fault_is_told_at_once(folder: Path) -> None:
    rows = [{**GOOD, "text": ""}, GOOD, {**GOOD, "audio_filepath": "gone.wav"}]
    with pytest.raises(SetError) as caught:
        load([manifest(folder, *rows), folder / "none.jsonl"])
    assert [line.split(": ")[0].rpartition("/")[2] for line in str(caught.value).splitlines()] == [
        "set.jsonl:1",
        "set.jsonl:3",
        "none.jsonl",
    ]


def test_an_empty_manifest_is_no_set(folder: Path) -> None:
    with pytest.raises(SetError, match="it is empty"):
        load([manifest(folder, "", " ")])


def test_a_set_that_was_not_made_yet_says_how_to_make_it(tmp_path: Path) -> None:
    missing = tmp_path / "sets" / "digits.jsonl"
    with pytest.raises(SetError, match=r"digits\.jsonl: No such file or directory; run make sets"):
        load([missing])
