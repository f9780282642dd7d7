from __future__ import annotations

import wave
from pathlib import Path

import numpy as np
import pytest

from phone_daemon.media.wav import WavError, read_wav


def write(path: Path, samples: np.ndarray, rate: int, channels: int = 1, width: int = 2) -> Path:
    """`samples` between -1 and 1, the same in every channel."""
    full = 2 ** (8 * width - 1) - 1
    values = np.repeat(np.rint(samples * full).astype("<i4"), channels)
    raw = (
        values.view(np.uint8).reshape(-1, 4)[:, :width].tobytes()
        if width > 1
        else (values + 128).astype("u1").tobytes()
    )
    with wave.open(str(path), "wb") as file:
        file.setnchannels(channels)
        file.setsampwidth(width)
        file.setframerate(rate)
        file.writeframes(raw)
    return path


def tone(rate: int, seconds: float = 1.0) -> np.ndarray:
    return 0.5 * np.sin(2 * np.pi * 440 * np.arange(round(rate * seconds)) / rate)


@pytest.mark.parametrize(
    ("rate", "channels", "width"),
    [(8000, 1, 2), (44100, 2, 2), (48000, 2, 3), (16000, 1, 4), (8000, 1, 1), (22050, 6, 2)],
)
def test_any_linear_pcm_becomes_8_khz_mono(tmp_path: Path, rate: int, channels: int, width: int) -> None:
    got = np.frombuffer(read_wav(write(tmp_path / "a.wav", tone(rate), rate, channels, width)), "<i2") / 32767
    assert len(got) == 8000
    inside = slice(400, -400)
    assert np.abs(got - tone(8000))[inside].max() < (0.01 if width == 1 else 0.0005)


def test_8_khz_mono_comes_back_as_it_is(tmp_path: Path) -> None:
    path = write(tmp_path / "a.wav", tone(8000), 8000)
    assert read_wav(path) == path.read_bytes()[44:]


def test_channels_are_averaged(tmp_path: Path) -> None:
    with wave.open(str(tmp_path / "a.wav"), "wb") as file:
        file.setnchannels(2)
        file.setsampwidth(2)
        file.setframerate(8000)
        file.writeframes(np.tile(np.array([1000, 3000], "<i2"), 100).tobytes())
    assert set(np.frombuffer(read_wav(tmp_path / "a.wav"), "<i2")) == {2000}


def bad_files(folder: Path) -> dict[str, tuple[Path, str]]:
    good = write(folder / "good.wav", tone(8000), 8000).read_bytes()
    made = {
        "empty": (b"", "empty file"),
        "text": (b"this is not audio at all, whatever its name", "not a linear PCM WAV"),
        "header only": (good[:20], "not a linear PCM WAV"),
        "no samples": (good[:40] + bytes(4), "0 samples"),
        "cut": (good[:5000], "cut short: the header promises 8000 samples, 2478 are there"),
        "mu-law": (good[:20] + b"\x07\x00" + good[22:], "not a linear PCM WAV"),
        "no rate": (good[:24] + bytes(4) + good[28:], "0 Hz makes no sense"),
    }
    files = {}
    for name, (data, complaint) in made.items():
        path = folder / f"{name}.wav"
        path.write_bytes(data)
        files[name] = (path, complaint)
    files["missing"] = (folder / "nowhere.wav", "no such file")
    files["folder"] = (folder, "cannot be read")
    return files


@pytest.mark.parametrize(
    "name", ["empty", "text", "header only", "no samples", "cut", "mu-law", "no rate", "missing", "folder"]
)
def test_a_bad_file_is_refused_in_one_line_that_names_it(tmp_path: Path, name: str) -> None:
    path, complaint = bad_files(tmp_path)[name]
    with pytest.raises(WavError) as caught:
        read_wav(path)
    assert complaint in str(caught.value)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)
