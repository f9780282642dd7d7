"""Piper in its own environment, with the voice that `make piper` extracts from a package."""

from __future__ import annotations

import asyncio
import json
import shutil
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import numpy as np
import pytest
import pytest_asyncio

from sidecars.local.subprocess import SubprocessHost
from sidecars.remote.tts_host import RemoteHost
from sidecars.remote.wyoming_tts import WyomingSource
from tests.sidecars.family import BUILD_S, python_of, refusal
from tests.sidecars.speaking import LONG, heard_back, speak, stops_in_the_middle, told

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(BUILD_S)]

RATE = 22050
VOICE = "en_US-joe-medium"
TEXT = "Your appointment is on Tuesday."
SENTENCES = "We open at nine. Doctor Brown waits for you. Goodbye now."


@pytest.fixture(scope="module")
def model() -> Path:
    """The voice's own file; its description is next to it."""
    return Path(python_of("piper")).parent.parent / "share" / "piper" / f"{VOICE}.onnx"


def put(model: Path, folder: Path, name: str = VOICE, rate: int = RATE) -> None:
    """Puts the voice into `folder` under `name`, with `rate` as its declared rate."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{name}.onnx").symlink_to(model)
    description = json.loads(Path(f"{model}.json").read_text(encoding="utf-8"))
    description["audio"]["sample_rate"] = rate
    (folder / f"{name}.onnx.json").write_text(json.dumps(description))


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def host(model: Path, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[SubprocessHost]:
    folder = tmp_path_factory.mktemp("piper")
    put(model, folder)
    put(model, folder, "en_US-low-medium", 16000)
    host = SubprocessHost("tts", "piper", {"model": str(folder)}, python_of("piper"))
    await host.start()
    yield host
    await host.close()


async def test_a_folder_is_its_voices_and_the_first_gives_the_rate(host: SubprocessHost) -> None:
    assert (host.sample_rate, tuple(host.voices)) == (RATE, (VOICE, "en_US-low-medium"))


async def test_the_packages_voice_is_understood() -> None:
    host = SubprocessHost("tts", "piper", {"voice": VOICE}, python_of("piper"))
    await host.start()
    assert (host.sample_rate, tuple(host.voices)) == (RATE, (VOICE,))
    channel = host.open()
    speak(channel, TEXT)
    assert await heard_back((await told(channel))[1], RATE) == "your appointment is on tuesday"
    await host.close()


async def test_no_voice_with_an_unread_license_is_used() -> None:
    error = await failure({})
    assert f"voice = '{VOICE}'" in error
    assert "sidecars/piper/README.md" in error


async def test_a_text_is_spoken_with_its_words_where_the_model_says_them(host: SubprocessHost) -> None:
    channel = host.open()
    speak(channel, TEXT)
    messages, pcm = await told(channel)
    marks = [mark for message in messages[:-1] for mark in message["marks"]]
    assert [TEXT[start:end] for _, start, end in marks] == TEXT.split()
    samples = [sample for sample, _, _ in marks]
    assert samples == sorted(set(samples))
    assert samples[-1] < len(pcm) // 2
    audio = np.frombuffer(pcm, "<i2").astype(float)
    assert audio.std() > 1000


async def test_a_text_comes_sentence_by_sentence_and_its_words_count_on(host: SubprocessHost) -> None:
    channel = host.open()
    speak(channel, SENTENCES)
    messages, pcm = await told(channel)
    assert len(messages) == 4
    marks = [mark for message in messages[:-1] for mark in message["marks"]]
    assert [SENTENCES[start:end] for _, start, end in marks] == SENTENCES.split()
    pause = np.frombuffer(pcm, "<i2")[marks[4][0] - 12000 : marks[4][0]]
    assert (pause == 0).sum() >= RATE * 0.2 - 1, "between the sentences, before the first word of the next"


async def test_rate_and_voice_are_heard(host: SubprocessHost) -> None:
    channel, sizes = host.open(), []
    for options in ({}, {"rate": 2.0}, {"voice": "en_US-low-medium"}):
        speak(channel, TEXT, **options)
        sizes.append(len((await told(channel))[1]))
    assert sizes[1] < 0.75 * sizes[0], "no sound is shorter than a frame: not quite half"
    assert sizes[2] == pytest.approx(sizes[0] * RATE / 16000, rel=0.25), "the same samples at 16 kHz take longer"


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"voice": "nobody"}, "voice 'nobody': there are en_US-joe-medium"),
        ({"rate": 9}, "rate 9"),
        ({"pitch": 1}, "'pitch': piper knows"),
    ],
)
async def test_an_option_that_cannot_be_is_named(host: SubprocessHost, options: dict[str, object], says: str) -> None:
    channel = host.open()
    speak(channel, TEXT, **options)
    messages, _ = await told(channel, "Failed")
    assert says in messages[-1]["error"]


@pytest.mark.parametrize("text", ["...", "[[", "\U0001f600", "]] [[x"])
async def test_odd_texts_do_no_harm(host: SubprocessHost, text: str) -> None:
    channel = host.open()
    speak(channel, text)
    await told(channel)


async def test_a_cancel_stops_in_the_middle_of_a_sentence() -> None:
    options = {"voice": VOICE, "threads": 1}
    sentence = LONG.partition(". ")[0].replace(",", " and") + " " + "and on " * 15
    await stops_in_the_middle(SubprocessHost("tts", "piper", options, python_of("piper")), sentence)


async def failure(options: dict[str, object]) -> str:
    return await refusal(SubprocessHost("tts", "piper", options, python_of("piper")))


def no_config(folder: Path) -> None:
    (folder / f"{VOICE}.onnx.json").unlink()


def bad_config(folder: Path) -> None:
    (folder / f"{VOICE}.onnx.json").write_text("{}")


def bad_model(folder: Path) -> None:
    (folder / f"{VOICE}.onnx").unlink()
    (folder / f"{VOICE}.onnx").write_bytes(b"not a model")


def nothing(folder: Path) -> None:
    for file in folder.iterdir():
        file.unlink()


@pytest.mark.parametrize(
    ("spoil", "says"),
    [
        (no_config, "has no en_US-joe-medium.onnx.json"),
        (bad_config, "not the description of a Piper voice"),
        (bad_model, "onnxruntime cannot load it"),
        (nothing, "the folder has no voice"),
    ],
)
async def test_a_voice_that_cannot_be_loaded_is_one_line(
    model: Path, tmp_path: Path, spoil: Callable[[Path], None], says: str
) -> None:
    put(model, tmp_path)
    spoil(tmp_path)
    assert says in await failure({"model": str(tmp_path)})


async def test_a_voice_that_is_nowhere_and_may_not_be_fetched_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_HOME", str(tmp_path))
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    error = await failure({"voice": "en_GB-alba-medium"})
    assert "en/en_GB/alba/medium/en_GB-alba-medium.onnx" in error
    assert "HF_HUB_OFFLINE" in error


async def test_a_voice_in_the_hubs_cache_is_used_without_a_network(
    model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The cache is laid out by hand, in the same way as by the hub's own client."""
    snapshot = tmp_path / "hub" / "models--rhasspy--piper-voices" / "snapshots" / ("0" * 40)
    put(model, snapshot / "en" / "en_US" / "cached" / "low", "en_US-cached-low")
    refs = snapshot.parent.parent / "refs"
    refs.mkdir()
    (refs / "main").write_text("0" * 40)
    monkeypatch.setenv("HF_HOME", str(tmp_path))
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    host = SubprocessHost("tts", "piper", {"voice": "en_US-cached-low"}, python_of("piper"))
    await host.start()
    assert tuple(host.voices) == ("en_US-cached-low",)
    await host.close()


async def test_a_copy_of_the_repositorys_folders_is_a_folder_of_voices(model: Path, tmp_path: Path) -> None:
    voice = tmp_path / "en" / "en_US" / "joe" / "medium"
    put(model, voice)
    for held in (tmp_path, voice / f"{VOICE}.onnx"):
        host = SubprocessHost("tts", "piper", {"model": str(held)}, python_of("piper"))
        await host.start()
        assert tuple(host.voices) == (VOICE,)
        await host.close()


async def test_wyoming_piper_is_a_voice(model: Path, tmp_path: Path) -> None:
    """A third-party Wyoming server."""
    folder = tmp_path / "data"
    folder.mkdir()
    for file in (model, Path(f"{model}.json")):
        shutil.copy(file, folder)
    python, path = python_of("piper"), tmp_path / "socket"
    server = await asyncio.create_subprocess_exec(
        *(python, "-m", "wyoming_piper", "--voice", VOICE, "--uri", f"unix://{path}"),
        *("--data-dir", str(folder), "--download-dir", str(folder)),
        stderr=asyncio.subprocess.PIPE,
    )
    host = RemoteHost(WyomingSource(f"unix://{path}", {}))
    try:
        async with asyncio.timeout(30):
            while not path.exists() and server.returncode is None:  # noqa: ASYNC110
                await asyncio.sleep(0.05)
        assert server.returncode is None, await server.stderr.read() if server.stderr else ""
        await host.start()
        assert host.sample_rate == RATE
        channel = host.open()
        speak(channel, SENTENCES)
        messages, pcm = await told(channel)
        assert messages[-1] == {"type": "Done"}
        assert len(pcm) > 2 * RATE * 2
    finally:
        await host.close()
        if server.returncode is None:
            server.terminate()
        await server.wait()
