"""Kokoro in its own environment, on tiny random models of its format: what they say is babble, the rest is real."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import numpy as np
import pytest
import pytest_asyncio

from phone_daemon.config import MouthSettings
from phone_daemon.hosts import make_mouth
from sidecars.environment import interpreter
from sidecars.hosts.subprocess import SubprocessHost
from tests.sidecars.family import BUILD_S, python_of, refusal, tiny
from tests.sidecars.speaking import speak, stops_in_the_middle, told

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(BUILD_S)]

TEXT = "Your appointment is on Tuesday."
LONG = "Your appointment is on Tuesday at nine, and Doctor Brown waits for you then. " * 3


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny("kokoro", tmp_path_factory.mktemp("kokoro"), "--durations")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def host(model: Path) -> AsyncIterator[SubprocessHost]:
    host = SubprocessHost("tts", "kokoro", {"model": str(model)}, python_of("kokoro"))
    await host.start()
    yield host
    await host.close()


async def test_the_file_of_voices_says_which_there_are(host: SubprocessHost) -> None:
    assert (host.sample_rate, tuple(host.voices)) == (24000, ("af_heart", "af_sky", "bm_george", "if_sara"))


async def test_a_text_is_spoken_with_its_words_where_the_model_says_them(host: SubprocessHost) -> None:
    channel = host.open()
    speak(channel, TEXT)
    messages, pcm = await told(channel)
    marks = [mark for message in messages[:-1] for mark in message["marks"]]
    assert [TEXT[start:end] for _, start, end in marks] == TEXT.split()
    samples = [sample for sample, _, _ in marks]
    assert samples == sorted(set(samples))
    assert samples[-1] < len(pcm) // 2
    assert np.frombuffer(pcm, "<i2").astype(float).std() > 1000


async def test_a_long_text_begins_with_a_short_piece_and_its_words_count_on(host: SubprocessHost) -> None:
    channel = host.open()
    speak(channel, LONG)
    messages, pcm = await told(channel)
    assert len(messages) > 3
    marks = [mark for message in messages[:-1] for mark in message["marks"]]
    assert [LONG[start:end] for _, start, end in marks] == LONG.split()
    assert messages[0]["marks"][-1][2] <= 60
    samples = [sample for sample, _, _ in marks]
    assert samples == sorted(set(samples))
    assert samples[-1] < len(pcm) // 2


async def test_a_model_that_says_no_durations_has_no_marks(tmp_path: Path) -> None:
    model = tiny("kokoro", tmp_path)
    host = SubprocessHost("tts", "kokoro", {"model": str(model), "voice": "bm_george"}, python_of("kokoro"))
    await host.start()
    assert host.voices[0] == "bm_george"
    channel = host.open()
    speak(channel, TEXT)
    messages, pcm = await told(channel)
    assert [message.get("marks") for message in messages] == [[], None]
    assert len(pcm) > 24000
    await host.close()


async def test_rate_is_heard(host: SubprocessHost) -> None:
    channel, sizes = host.open(), []
    for rate in (0.8, 1.6):
        speak(channel, TEXT, rate=rate)
        sizes.append(len((await told(channel))[1]))
    assert sizes[0] > 1.6 * sizes[1]


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"voice": "nobody"}, "voice 'nobody': there are af_heart"),
        ({"rate": 3}, "rate 3"),
        ({"pitch": 1}, "'pitch': kokoro knows"),
    ],
)
async def test_an_option_that_cannot_be_is_named(host: SubprocessHost, options: dict[str, object], says: str) -> None:
    channel = host.open()
    speak(channel, TEXT, **options)
    messages, _ = await told(channel, "Failed")
    assert says in messages[-1]["error"]


@pytest.mark.parametrize("text", ["...", "\U0001f600", "x" * 200, "\n\n"])
async def test_odd_texts_do_no_harm(host: SubprocessHost, text: str) -> None:
    channel = host.open()
    speak(channel, text)
    await told(channel)


async def test_a_cancel_stops_in_the_middle_of_a_piece(tmp_path: Path) -> None:
    model = tiny("kokoro", tmp_path, "--slow")
    await stops_in_the_middle(SubprocessHost("tts", "kokoro", {"model": str(model), "threads": 1}, python_of("kokoro")))


async def test_the_daemon_finds_its_environment_and_speaks_espeaks_voices_with_the_default(model: Path) -> None:
    assert interpreter("kokoro") == python_of("kokoro")
    mouth = make_mouth(MouthSettings(engine="kokoro", options={"model": str(model)}), {})
    await mouth.start()
    assert mouth.problem == ""
    assert mouth.voices[0] == "af_heart"
    channel = mouth.open()
    speak(channel, TEXT, voice="en-us+f5")
    assert channel.sample_rate == 24000
    assert len((await told(channel))[1]) > 24000
    await mouth.close()


async def failure(options: dict[str, object]) -> str:
    return await refusal(SubprocessHost("tts", "kokoro", options, python_of("kokoro")))


def no_voices(folder: Path) -> None:
    (folder / "voices-v1.0.bin").unlink()


def bad_voices(folder: Path) -> None:
    (folder / "voices-v1.0.bin").write_bytes(b"not voices")


def bad_model(folder: Path) -> None:
    (folder / "kokoro-v1.0.onnx").write_bytes(b"not a model")


@pytest.mark.parametrize(
    ("spoil", "says"),
    [
        (no_voices, "has no voices-v1.0.bin"),
        (bad_voices, "not a file of voices"),
        (bad_model, "onnxruntime cannot load it"),
    ],
)
async def test_weights_that_cannot_be_loaded_are_one_line(
    model: Path, tmp_path: Path, spoil: Callable[[Path], None], says: str
) -> None:
    folder = Path(shutil.copytree(model, tmp_path / "spoilt"))
    spoil(folder)
    error = await failure({"model": str(folder)})
    assert says in error


async def test_weights_that_are_nowhere_and_may_not_be_fetched_are_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_HOME", str(tmp_path))
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    error = await failure({})
    assert "kokoro-v1.0.onnx" in error
    assert "HF_HUB_OFFLINE" in error
