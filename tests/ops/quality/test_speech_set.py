"""Recorded speech with its words, in each supported layout."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import soundfile

from ops.quality.speech_set import SetError, load
from ops.replay.fixture import CALLS


def recording(path: Path, seconds: float = 0.5, rate: int = 16000, channels: int = 1) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    ramp = np.linspace(0, 0.5, round(seconds * rate))
    soundfile.write(str(path), np.stack([ramp, *[-ramp] * (channels - 1)], axis=1), rate)
    return path


def test_a_manifest_names_files_beside_it_and_pieces_of_them(tmp_path: Path) -> None:
    recording(tmp_path / "audio" / "a.wav", 1.0)
    rows = [
        {"audio_filepath": "audio/a.wav", "text": "yes", "duration": 1.0},
        {"audio_filepath": "audio/a.wav", "text": "no", "offset": 0.5, "duration": 0.25},
    ]
    manifest = tmp_path / "manifest.json"
    manifest.write_text("\n".join(map(json.dumps, rows)) + "\n\n")
    whole, piece = load(manifest)
    assert (whole.words, whole.read()[0].size) == ("yes", 16000)
    sound, rate = piece.read()
    assert (sound.size, rate) == (4000, 16000)
    assert sound[0] == pytest.approx(0.25, abs=0.001)
    assert load(tmp_path) == [whole, piece]


def test_librispeech_is_read_as_it_is_unpacked(tmp_path: Path) -> None:
    chapter = tmp_path / "test-clean" / "61" / "70968"
    recording(chapter / "61-70968-0000.flac", 0.3)
    recording(chapter / "61-70968-0001.flac", 0.4)
    (chapter / "61-70968.trans.txt").write_text("61-70968-0000 HE BEGAN\n61-70968-0001 GIVE NOT SO EARNEST A MIND\n")
    first, second = load(tmp_path)
    assert (first.words, second.words) == ("HE BEGAN", "GIVE NOT SO EARNEST A MIND")
    assert (first.read()[0].size, second.read()[0].size) == (4800, 6400)


def test_recorded_callers_say_what_their_cues_tell() -> None:
    found = load(CALLS)
    assert len(found) > 30
    assert "Can I leave a message, please?" in [each.words for each in found]
    assert all(each.read()[1] == 8000 for each in found[:5])
    assert next(iter(load(CALLS / "books_an_appointment"))).words.startswith("I would like to book")


def test_a_text_beside_each_file_will_do_and_the_first_channel_is_heard(tmp_path: Path) -> None:
    recording(tmp_path / "a.wav", channels=2)
    (tmp_path / "a.txt").write_text("yes please\n")
    recording(tmp_path / "without.wav")
    (only,) = load(tmp_path)
    sound, _ = only.read()
    assert only.words == "yes please"
    assert sound[-1] == pytest.approx(0.5, abs=0.001)


def test_what_cannot_be_used_is_one_line_that_names_it(tmp_path: Path) -> None:
    with pytest.raises(SetError, match="nowhere: no such file or folder"):
        load(tmp_path / "nowhere")
    with pytest.raises(SetError, match="no recordings with their words"):
        load(tmp_path)
    bad = tmp_path / "bad.json"
    bad.write_text('{"audio_filepath": "a.wav"}\n')
    with pytest.raises(SetError, match=r"bad\.json:1: no 'text'"):
        load(bad)
    bad.write_text("nonsense\n")
    with pytest.raises(SetError, match=r"bad\.json:1: Expecting value"):
        load(bad)
    for line in (
        "[1]",
        "null",
        '{"audio_filepath": 5, "text": "yes"}',
        '{"audio_filepath": "", "text": "yes"}',
        '{"audio_filepath": "a.wav", "text": null}',
        '{"audio_filepath": "a.wav", "text": "yes", "offset": -3}',
        '{"audio_filepath": "a.wav", "text": "yes", "offset": NaN}',
        '{"audio_filepath": "a.wav", "text": "yes", "offset": 0, "duration": -1}',
    ):
        bad.write_text(line)
        with pytest.raises(SetError, match=r"bad\.json:1: .*; expected"):
            load(bad)
    late = recording(tmp_path / "late.wav")
    bad.write_text('{"audio_filepath": "late.wav", "text": "yes", "offset": 99}')
    with pytest.raises(SetError, match=r"late\.wav: no audio in it from 99 s on"):
        load(bad)[0].read()
    late.unlink()
    bad.write_text('{"audio_filepath": "gone.wav", "text": "yes"}\n')
    (gone,) = load(bad)
    with pytest.raises(SetError, match=r"gone\.wav: no such file"):
        gone.read()
    (tmp_path / "gone.wav").write_text("not audio")
    with pytest.raises(SetError, match=r"gone\.wav: "):
        gone.read()
