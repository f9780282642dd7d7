"""Kokoro in its own environment, with the weights that `make kokoro` extracts from packages."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from pathlib import Path

import numpy as np
import pytest
import pytest_asyncio

from phone_daemon.engines import make_tts
from phone_daemon.settings.settings import TtsSettings
from sidecars.engines.level import LEVEL_DB, active_level_db
from sidecars.environment import interpreter
from sidecars.local.subprocess import SubprocessHost
from tests.sidecars.family import BUILD_S, python_of, refusal
from tests.sidecars.speaking import heard_back, speak, stops_in_the_middle, told

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(BUILD_S)]

RATE = 24000
TEXT = "Your appointment is on Tuesday."
LONG = "Your appointment is on Tuesday morning, and Doctor Brown waits for you then. Please bring your card."


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def host() -> AsyncIterator[SubprocessHost]:
    host = SubprocessHost("tts", "kokoro", {}, python_of("kokoro"))
    await host.start()
    yield host
    await host.close()


async def test_the_packages_hold_english_voices_of_both_kinds(host: SubprocessHost) -> None:
    assert (host.sample_rate, host.voices[0]) == (RATE, "af_heart")
    assert {"am_michael", "bf_isabella", "bm_lewis"} < set(host.voices)


@pytest.mark.parametrize("voice", ["af_heart", "am_michael", "bf_isabella"])
async def test_what_is_said_is_understood(host: SubprocessHost, voice: str) -> None:
    channel = host.open()
    speak(channel, TEXT, voice=voice)
    assert await heard_back((await told(channel))[1], RATE) == "your appointment is on tuesday"


async def test_a_text_is_spoken_with_its_words_where_the_model_says_them(host: SubprocessHost) -> None:
    """If the audio is cut at a word's mark, exactly the words before it are recognized."""
    text = "Your appointment is on Tuesday, Doctor Brown."
    channel = host.open()
    speak(channel, text)
    messages, pcm = await told(channel)
    marks = [mark for message in messages[:-1] for mark in message["marks"]]
    assert [text[start:end] for _, start, end in marks] == text.split()
    samples = [sample for sample, _, _ in marks]
    assert samples == sorted(set(samples))
    assert await heard_back(pcm[: 2 * samples[5]], RATE) == "your appointment is on tuesday"


async def test_the_same_text_gives_the_same_samples(host: SubprocessHost) -> None:
    channel, said = host.open(), []
    for _ in range(2):
        speak(channel, TEXT)
        said.append((await told(channel))[1])
    assert said[0] == said[1]


async def test_a_long_text_begins_with_a_short_piece_and_its_words_count_on(host: SubprocessHost) -> None:
    channel = host.open()
    speak(channel, LONG)
    messages, pcm = await told(channel)
    assert len(messages) > 2
    marks = [mark for message in messages[:-1] for mark in message["marks"]]
    assert [LONG[start:end] for _, start, end in marks] == LONG.split()
    assert messages[0]["marks"][-1][2] <= 60
    samples = [sample for sample, _, _ in marks]
    assert samples == sorted(set(samples))
    assert samples[-1] < len(pcm) // 2


async def test_the_level_is_that_of_the_other_voices(host: SubprocessHost) -> None:
    channel = host.open()
    for text, voice in (("Yes.", "af_heart"), (TEXT, "am_michael")):
        speak(channel, text, voice=voice)
        samples = np.frombuffer((await told(channel))[1], "<i2").astype(np.float32) / np.float32(32768)
        assert active_level_db(samples, RATE) == pytest.approx(LEVEL_DB, abs=0.5)


async def test_rate_is_heard(host: SubprocessHost) -> None:
    channel, sizes = host.open(), []
    for rate in (0.8, 1.6):
        speak(channel, TEXT, rate=rate)
        sizes.append(len((await told(channel))[1]))
    assert sizes[0] > 1.6 * sizes[1]


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"voice": "nobody"}, "voice 'nobody': there are af_alloy"),
        ({"rate": 3}, "rate 3"),
        ({"pitch": 1}, "'pitch': kokoro knows"),
    ],
)
async def test_an_option_that_cannot_be_is_named(host: SubprocessHost, options: dict[str, object], says: str) -> None:
    channel = host.open()
    speak(channel, TEXT, **options)
    messages, _ = await told(channel, "Failed")
    assert says in messages[-1]["error"]


@pytest.mark.parametrize("text", ["...", "\U0001f600", "x" * 20, "\n\n"])
async def test_odd_texts_do_no_harm(host: SubprocessHost, text: str) -> None:
    channel = host.open()
    speak(channel, text)
    await told(channel)


async def test_a_cancel_stops_in_the_middle_of_a_piece() -> None:
    await stops_in_the_middle(SubprocessHost("tts", "kokoro", {"threads": 1}, python_of("kokoro")), TEXT)


async def test_the_daemon_finds_its_environment_and_speaks_espeaks_voices_with_the_default() -> None:
    assert interpreter("kokoro") == python_of("kokoro")
    tts = make_tts(TtsSettings(engine="kokoro", fallback=""), {})
    await tts.start()
    assert tts.problem == ""
    assert tts.voices[0] == "af_heart"
    channel = tts.open()
    speak(channel, TEXT, voice="en-us+f5")
    assert channel.sample_rate == RATE
    assert np.frombuffer((await told(channel))[1], "<i2").size > RATE
    await tts.close()


async def failure(options: dict[str, object]) -> str:
    return await refusal(SubprocessHost("tts", "kokoro", options, python_of("kokoro")))


def nothing(folder: Path) -> None:
    for file in folder.iterdir():
        file.unlink()


def no_voices(folder: Path) -> None:
    (folder / "voices-v1.0.bin").unlink()


def bad_voices(folder: Path) -> None:
    (folder / "voices-v1.0.bin").unlink()
    (folder / "voices-v1.0.bin").write_bytes(b"not voices")


def bad_model(folder: Path) -> None:
    (folder / "kokoro-v1.0.int8.onnx").unlink()
    (folder / "kokoro-v1.0.int8.onnx").write_bytes(b"not a model")


@pytest.mark.parametrize(
    ("spoil", "says"),
    [
        (nothing, "has no kokoro-v1.0.onnx, voices-v1.0.bin"),
        (no_voices, "has no voices-v1.0.bin"),
        (bad_voices, "not a file of voices"),
        (bad_model, "onnxruntime cannot load it"),
    ],
)
async def test_weights_that_cannot_be_loaded_are_one_line(
    tmp_path: Path, spoil: Callable[[Path], None], says: str
) -> None:
    for file in (Path(python_of("kokoro")).parent.parent / "share" / "kokoro").iterdir():
        (tmp_path / file.name).symlink_to(file)
    spoil(tmp_path)
    assert says in await failure({"model": str(tmp_path)})


async def test_weights_that_are_nowhere_and_may_not_be_fetched_are_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_HOME", str(tmp_path))
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    error = await failure({"model": "fastrtc/kokoro-onnx"})
    assert "kokoro-v1.0.onnx" in error
    assert "HF_HUB_OFFLINE" in error
