"""What a recorded caller's `call.toml` may contain, and what is reported about mistakes."""

from __future__ import annotations

import wave
from pathlib import Path

import pytest

from ops.replay import fixture
from ops.replay.fixture import Anchor, Cue, Expect, FixtureError
from phone_daemon.events import EndReason

HEAD = 'description = "a test"\ncalled = "100"\ndialplan = "dental_clinic"\n'


def wav(path: Path, seconds: float = 0.5, rate: int = 8000, channels: int = 1) -> None:
    with wave.open(str(path), "wb") as file:
        file.setnchannels(channels)
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes(bytes(2 * channels * round(seconds * rate)))


def written(folder: Path, text: str) -> Path:
    (folder / "call.toml").write_text(HEAD + text, encoding="utf-8")
    return folder


def problems(folder: Path) -> list[str]:
    with pytest.raises(FixtureError) as caught:
        fixture.load(folder)
    assert str(caught.value) == "\n".join(caught.value.problems)
    return caught.value.problems


def test_everything_a_caller_can_do_is_read(tmp_path: Path) -> None:
    wav(tmp_path / "one.wav", 0.5)
    read = fixture.load(
        written(
            tmp_path,
            """
            [[cue]]
            at = "2.0 s"
            say = "one.wav"
            words = "hello"
            [[cue]]
            at = "agent_speaking + 0.8 s"
            press = "12#"
            [[cue]]
            at = "agent_finished"
            hang_up = true
            [expect]
            intents = ["hours"]
            slots = {day = "monday"}
            transcript_words = ["hello"]
            agent_said = ["we are open"]
            barge_ins = 1
            ended = "caller_hung_up"
            max_final_gap_s = 15
            """,
        )
    )
    assert (read.name, read.called, read.dialplan) == (tmp_path.name, "100", "dental_clinic")
    assert read.cues == (
        Cue(Anchor.ANSWERED, 2.0, pcm=bytes(8000), words="hello"),
        Cue(Anchor.AGENT_SPEAKING, 0.8, press="12#"),
        Cue(Anchor.AGENT_FINISHED, 0.0, hang_up=True),
    )
    assert read.expect == Expect(
        intents=("hours",),
        slots={"day": "monday"},
        transcript_words=("hello",),
        agent_said=("we are open",),
        barge_ins=1,
        ended=EndReason.CALLER_HUNG_UP,
        max_final_gap_s=15,
    )


def test_a_stereo_recording_at_44_1_khz_becomes_what_a_line_carries(tmp_path: Path) -> None:
    wav(tmp_path / "one.wav", 1.0, rate=44100, channels=2)
    read = fixture.load(written(tmp_path, '[[cue]]\nat = "1 s"\nsay = "one.wav"'))
    assert len(read.cues[0].pcm) == pytest.approx(16000, abs=4)


def test_a_missing_recording_is_named_with_its_key(tmp_path: Path) -> None:
    (line,) = problems(written(tmp_path, '[[cue]]\nat = "1 s"\nsay = "gone.wav"'))
    assert line.startswith(f"{tmp_path / 'call.toml'}: cue[1].say: {tmp_path / 'gone.wav'} is missing")


@pytest.mark.parametrize("left", [0, 20, 44, 400])
def test_a_recording_without_its_samples_is_named(tmp_path: Path, left: int) -> None:
    wav(tmp_path / "one.wav")
    whole = (tmp_path / "one.wav").read_bytes()
    (tmp_path / "one.wav").write_bytes(whole[:left])
    (line,) = problems(written(tmp_path, '[[cue]]\nat = "1 s"\nsay = "one.wav"'))
    assert "cue[1].say" in line
    assert "one.wav" in line


def test_a_recording_of_no_samples_is_named(tmp_path: Path) -> None:
    wav(tmp_path / "one.wav", 0.0)
    (line,) = problems(written(tmp_path, '[[cue]]\nat = "1 s"\nsay = "one.wav"'))
    assert "cue[1].say" in line
    assert "no audio" in line


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ('colour = "red"', "colour"),
        ('caller = "5550100"', "caller"),
        ("cue = 3", "cue"),
        ('[[cue]]\nsay = "one.wav"', "cue[1].at"),
        ('[[cue]]\nat = "soon"\npress = "1"', "cue[1].at"),
        ('[[cue]]\nat = "2.0"\npress = "1"', "cue[1].at"),
        ('[[cue]]\nat = "agent_sleeping + 2 s"\npress = "1"', "cue[1].at"),
        ('[[cue]]\nat = "agent_speaking 2 s"\npress = "1"', "cue[1].at"),
        ('[[cue]]\nat = "1 s"', "cue[1]"),
        ('[[cue]]\nat = "1 s"\npress = "1"\nhang_up = true', "cue[1]"),
        ('[[cue]]\nat = "1 s"\npress = ""', "cue[1].press"),
        ('[[cue]]\nat = "1 s"\npress = "1x"', "cue[1].press"),
        ('[[cue]]\nat = "1 s"\nhang_up = false', "cue[1].hang_up"),
        ('[[cue]]\nat = "1 s"\nhang_up = true\nwhy = "x"', "cue[1].why"),
        ('expect = "all well"', "expect"),
        ("[expect]\nintents = 3", "expect.intents"),
        ("[expect]\nslots = {day = 3}", "expect.slots"),
        ("[expect]\nbarge_ins = -1", "expect.barge_ins"),
        ("[expect]\nbarge_ins = true", "expect.barge_ins"),
        ('[expect]\nended = "well"', "expect.ended"),
        ("[expect]\nmax_final_gap_s = 0", "expect.max_final_gap_s"),
        ("[expect]\nmood = 1", "expect.mood"),
        ("[echo]\ndelay_s = 0.1", "echo"),
        ("[echo]\nloss_db = -3", "echo.loss_db"),
        ('[echo]\nloss_db = 3\nroom = "large"', "echo.room"),
    ],
)
def test_each_mistake_is_one_line_with_file_and_key(tmp_path: Path, text: str, key: str) -> None:
    wav(tmp_path / "one.wav")
    (line,) = problems(written(tmp_path, text))
    assert line.startswith(f"{tmp_path / 'call.toml'}: {key}: ")
    assert "\n" not in line


def test_all_mistakes_are_told_at_once(tmp_path: Path) -> None:
    found = problems(written(tmp_path, '[[cue]]\nat = "soon"\nsay = "gone.wav"\n[expect]\nbarge_ins = "two"'))
    assert [line.split(": ")[1] for line in found] == ["cue[1].at", "cue[1].say", "expect.barge_ins"]


def test_a_file_that_is_not_toml_is_named(tmp_path: Path) -> None:
    (line,) = problems(written(tmp_path, "[[cue]"))
    assert line.startswith(f"{tmp_path / 'call.toml'}: not TOML")


def test_a_folder_without_a_call_is_named(tmp_path: Path) -> None:
    with pytest.raises(FixtureError, match="no such recorded caller"):
        fixture.find(str(tmp_path))


def test_a_caller_is_found_by_folder_by_file_and_by_name(tmp_path: Path) -> None:
    written(tmp_path, "")
    assert fixture.find(str(tmp_path)) == fixture.find(str(tmp_path / "call.toml")) == tmp_path
    shipped = fixture.every()[0]
    assert fixture.find(shipped.name) == shipped


@pytest.mark.parametrize("folder", fixture.every(), ids=lambda folder: folder.name)
def test_every_shipped_caller_can_be_played(folder: Path) -> None:
    read = fixture.load(folder)
    for cue in read.cues:
        assert bool(cue.pcm) + bool(cue.press) + cue.hang_up == 1
