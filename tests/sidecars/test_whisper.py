"""Whisper in its own environment, with a tiny random model of its format: it babbles, the rest is real."""

from __future__ import annotations

import asyncio
import os
import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from sidecars.environment import interpreter
from sidecars.local.subprocess import SubprocessHost
from tests.sidecars.clinic import SAID
from tests.sidecars.family import BUILD_S, ROOT, python_of, refusal, tiny
from tests.sidecars.hearing import FRAME, feed, final, opened, until
from tests.sidecars.speech import Audio, caller, clicks, hum, line, pink, white, wide

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(BUILD_S)]


def hosted(model: Path | str, **options: object) -> SubprocessHost:
    return SubprocessHost("stt", "whisper", {"model": str(model), "threads": 1, **options}, python_of("whisper"))


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny("whisper", tmp_path_factory.mktemp("whisper"))


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def host(model: Path) -> AsyncIterator[SubprocessHost]:
    host = hosted(model, words=True, partials_s=0.5, max_sessions=3)
    await host.start()
    yield host
    await host.close()


async def test_an_utterance_has_partials_a_last_word_and_words_with_their_times(host: SubprocessHost) -> None:
    channel = opened(host, language="en", grammar="clinic")
    assert channel.sample_rate == 16000
    feed(channel, SAID[0])
    partial = await until(channel, "Partial")
    assert partial["text"]
    told = await final(channel)
    assert told["held"] == {"sessions": 0}
    assert [word for word, *_ in told["words"]] == told["text"].split()
    times = [time for _, start, end, _ in told["words"] for time in (start, end)]
    assert times == sorted(times)
    assert times[-1] < 4
    assert 0 < told["confidence"] <= 1
    assert all(0 <= confidence <= 1 for *_, confidence in told["words"])


async def test_the_same_audio_is_the_same_words_and_other_audio_is_others(host: SubprocessHost) -> None:
    texts = []
    for said in (SAID[0], SAID[4], SAID[0]):
        channel = opened(host, language="en")
        feed(channel, said)
        texts.append((await final(channel))["text"])
    assert texts[0] == texts[2] != texts[1]


async def test_a_language_that_nobody_named_is_detected_and_one_that_was_is_obeyed(host: SubprocessHost) -> None:
    texts = []
    for options in ({}, {"language": "de-AT"}, {"language": "is"}):
        channel = opened(host, **options)
        feed(channel, SAID[1])
        texts.append((await final(channel))["text"])
    assert all(texts)
    assert len(set(texts)) > 1


@pytest.mark.parametrize(
    "noise",
    [white(2, 0.0), white(2, 0.05), pink(2, 0.05), hum(2, 0.1), clicks(2, 0.5)],
    ids=["silence", "white", "pink", "hum", "clicks"],
)
async def test_of_what_is_no_speech_nothing_is_said(host: SubprocessHost, noise: Audio) -> None:
    channel, audio = opened(host, language="en"), wide(line(noise))
    for begin in range(0, len(audio), FRAME):
        channel.send({"type": "Audio"}, audio[begin : begin + FRAME])
    told = await final(channel)
    assert (told["text"], told["confidence"]) == ("", 0.0)


async def test_a_cancel_frees_an_utterance_and_the_others_go_on(host: SubprocessHost) -> None:
    one, other = opened(host, language="en"), opened(host, language="en")
    for channel in (one, other):
        feed(channel, SAID[0])
    one.send({"type": "Cancel"})
    assert (await until(one, "Cancelled"))["held"] == {"sessions": 1}
    one.close()
    assert (await final(other))["text"]


async def test_one_utterance_too_many_is_refused(host: SubprocessHost) -> None:
    channels = [opened(host) for _ in range(4)]
    assert "3 utterances are open" in (await until(channels[3], "Failed"))["error"]
    for channel in channels:
        channel.close()


async def test_a_language_that_there_is_not_costs_its_utterance_only(host: SubprocessHost) -> None:
    channel = opened(host, language="elvish")
    assert "language 'elvish': expected one of" in (await until(channel, "Failed"))["error"]
    channel.close()


async def test_without_a_gpu_it_hears_on_the_cpu_and_says_so(model: Path, caplog: pytest.LogCaptureFixture) -> None:
    host = hosted(model, device="cuda", language="en")
    await host.start()
    assert "no CUDA here: recognizing on the CPU" in caplog.text
    channel = opened(host)
    feed(channel, SAID[0])
    told = await final(channel)
    assert told["text"]
    assert "words" not in told
    await host.close()


async def test_inside(model: Path, tmp_path: Path) -> None:
    """The tests of `whisper_inside.py`, run by the environment's own Python."""
    (tmp_path / "speech").write_bytes(wide(caller(SAID[0])))
    flags = ["-c", os.devnull, "--rootdir", str(ROOT), "-p", "no:cacheprovider", "--import-mode=importlib", "-q"]
    ran = await asyncio.create_subprocess_exec(
        *[
            python_of("whisper"),
            "-W",
            "ignore",
            "-m",
            "pytest",
            "--noconftest",
            *flags,
            f"{ROOT}/tests/sidecars/whisper_inside.py",
        ],
        env={
            **{key: value for key, value in os.environ.items() if not key.startswith(("HF_", "PYTEST_"))},
            "PYTHONPATH": str(ROOT),
            "TINY": str(model),
            "SPEECH": str(tmp_path / "speech"),
        },
        cwd=tmp_path,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    said, _ = await ran.communicate()
    assert ran.returncode == 0, said.decode()


async def test_the_daemon_finds_its_environment() -> None:
    assert interpreter("whisper") == python_of("whisper")


async def failure(model: Path | str, **options: object) -> str:
    return await refusal(hosted(model, **options))


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"language": "elvish"}, "language 'elvish'"),
        ({"device": "tpu"}, "device 'tpu': expected"),
        ({"compute_type": "float8"}, "compute_type 'float8': cpu has auto"),
        ({"beam_size": 0}, "beam_size 0: expected a whole number from 1"),
        ({"words": "yes"}, "words 'yes': expected true or false"),
        ({"pitch": 1}, "'pitch': whisper knows"),
    ],
)
async def test_an_option_that_cannot_be_is_named(model: Path, options: dict[str, object], says: str) -> None:
    assert says in await failure(model, **options)


async def test_weights_that_cannot_be_loaded_are_one_line(model: Path, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(model, tmp_path / "spoilt"))
    weights = (folder / "model.bin").read_bytes()
    (folder / "model.bin").write_bytes(weights[: len(weights) // 2])
    assert "damaged, cut short or no Whisper" in await failure(folder)
    (folder / "model.bin").unlink()
    assert "has no model.bin" in await failure(folder)


async def test_weights_that_are_nowhere_and_may_not_be_fetched_are_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_HOME", str(tmp_path))
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    error = await failure("small")
    assert "Systran/faster-whisper-small: vocabulary.txt, config.json" in error
    assert "HF_HUB_OFFLINE" in error
    assert "sizes: tiny.en, tiny" in await failure("enormous")
