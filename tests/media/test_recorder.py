from __future__ import annotations

import resource
import stat
import wave
from pathlib import Path

import numpy as np
import pytest

from phone_daemon.events import FRAME_BYTES, FRAME_SAMPLES, Frame
from phone_daemon.media.recorder import Recorder


def frame(number: int, caller: int = 0, agent: int | None = None) -> Frame:
    """Tick `number`, each side at one constant level."""

    def level(value: int) -> bytes:
        return np.full(FRAME_SAMPLES, value, "<i2").tobytes()

    return Frame(number * FRAME_SAMPLES, level(caller), b"" if agent is None else level(agent), 0, 0, 0)


def read(path: Path) -> np.ndarray:
    """Samples by (time, channel), as any other program reads the file."""
    with wave.open(str(path), "rb") as file:
        assert (file.getframerate(), file.getnchannels(), file.getsampwidth()) == (8000, 2, 2)
        data = file.readframes(file.getnframes())
        assert len(data) == 4 * file.getnframes()
    return np.frombuffer(data, "<i2").reshape(-1, 2)


def test_caller_is_left_and_agent_right_on_one_timeline(tmp_path: Path) -> None:
    recorder = Recorder(tmp_path / "call.wav")
    for n in range(120):
        recorder.add(frame(n, n + 1, 1000 + n if n % 2 else None))
    recorder.close()
    both = read(tmp_path / "call.wav")[::FRAME_SAMPLES]
    assert both[:, 0].tolist() == list(range(1, 121))
    assert both[:, 1].tolist() == [1000 + n if n % 2 else 0 for n in range(120)]


def test_gaps_are_silence_and_everything_after_them_stays_in_its_place(tmp_path: Path) -> None:
    recorder = Recorder(tmp_path / "call.wav")
    for n in (3, 4, 200, 201):
        recorder.add(frame(n, 7, 8))
    recorder.close()
    both = read(tmp_path / "call.wav")[::FRAME_SAMPLES]
    assert len(both) == 202
    assert np.flatnonzero(both[:, 0]).tolist() == np.flatnonzero(both[:, 1]).tolist() == [3, 4, 200, 201]


def test_the_file_is_valid_while_the_call_goes_on(tmp_path: Path) -> None:
    recorder = Recorder(tmp_path / "call.wav")
    assert len(read(tmp_path / "call.wav")) == 0
    for n in range(149):
        recorder.add(frame(n, 1))
    # Nothing was closed: this is what is left when the process is killed, with less than a second missing.
    assert 16000 <= len(read(tmp_path / "call.wav")) <= 149 * FRAME_SAMPLES
    recorder.close()


def test_a_repeated_frame_is_written_over_the_first(tmp_path: Path) -> None:
    recorder = Recorder(tmp_path / "call.wav")
    for n, level in ((0, 1), (1, 2), (0, 3), (1, 4), (2, 5)):
        recorder.add(frame(n, level))
    recorder.close()
    assert read(tmp_path / "call.wav")[::FRAME_SAMPLES, 0].tolist() == [3, 4, 5]


def test_agent_audio_of_another_length_never_shifts_the_timeline(tmp_path: Path) -> None:
    recorder = Recorder(tmp_path / "call.wav")
    recorder.add(Frame(0, bytes(FRAME_BYTES), b"\1\0" * 10, 0, 0, 0))
    recorder.add(Frame(FRAME_SAMPLES, bytes(FRAME_BYTES), b"\1\0" * 500, 0, 0, 0))
    recorder.close()
    assert np.flatnonzero(read(tmp_path / "call.wav")[:, 1]).tolist() == [*range(10), *range(160, 320)]


def test_only_the_owner_may_read_it_even_where_a_file_lay_open_before(tmp_path: Path) -> None:
    path = tmp_path / "call.wav"
    path.write_bytes(b"x" * 100_000)
    path.chmod(0o644)
    Recorder(path).close()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert len(read(path)) == 0


def test_a_place_that_cannot_be_written_is_told_at_once(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        Recorder(tmp_path / "nowhere" / "call.wav")


def test_a_full_disk_ends_the_recording_and_not_the_call(tmp_path: Path) -> None:
    recorder = Recorder(tmp_path / "call.wav")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (40_000, hard))
    try:
        for n in range(220):
            recorder.add(frame(n, 1))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert "recording stopped at 1.0 s" in recorder.fault
    assert str(tmp_path / "call.wav") in recorder.fault
    recorder.close()
    assert len(read(tmp_path / "call.wav")) == 8000, "what was written before stays readable"


def test_a_position_no_wav_can_hold_ends_the_recording(tmp_path: Path) -> None:
    recorder = Recorder(tmp_path / "call.wav")
    recorder.add(frame(0, 1))
    recorder.add(frame(2**40, 1))
    recorder.close()
    assert "do not fit" in recorder.fault
    assert len(read(tmp_path / "call.wav")) == FRAME_SAMPLES


def test_close_may_be_called_again_and_leaves_no_descriptor(tmp_path: Path) -> None:
    before = len(list(Path("/proc/self/fd").iterdir()))
    recorder = Recorder(tmp_path / "call.wav")
    recorder.add(frame(0, 1))
    recorder.close()
    recorder.close()
    recorder.add(frame(1, 1))
    assert len(list(Path("/proc/self/fd").iterdir())) == before
    assert len(read(tmp_path / "call.wav")) == FRAME_SAMPLES
