"""Qwen3-ASR in its own environment, with a tiny random model of its classes: it babbles, the rest is real."""

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
from tests.sidecars.hearing import feed, final, opened, until
from tests.sidecars.speech import caller, wide

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(BUILD_S)]


def hosted(model: Path | str, **options: object) -> SubprocessHost:
    return SubprocessHost("stt", "qwen3", {"model": str(model), "threads": 1, **options}, python_of("qwen3"))


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny("qwen3", tmp_path_factory.mktemp("qwen3"))


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def host(model: Path) -> AsyncIterator[SubprocessHost]:
    host = hosted(model, partials_s=1, max_sessions=3, context="an appointment", device="cuda")
    await host.start()
    yield host
    await host.close()


async def test_an_utterance_has_partials_and_a_last_word(host: SubprocessHost) -> None:
    channel = opened(host, grammar="clinic")
    assert channel.sample_rate == 16000
    feed(channel, SAID[0])
    partial = await until(channel, "Partial")
    told = await final(channel)
    assert partial["text"] != told["text"] != ""
    assert told["held"] == {"sessions": 0}
    assert 0 < told["confidence"] <= 1


async def test_the_same_audio_is_the_same_words_and_what_it_is_told_changes_them(host: SubprocessHost) -> None:
    texts = []
    for said, options in (
        (SAID[0], {}),
        (SAID[0], {}),
        (SAID[4], {}),
        (SAID[0], {"language": "de-AT"}),
        (SAID[0], {"context": "a parcel"}),
    ):
        channel = opened(host, **options)
        feed(channel, said)
        texts.append((await final(channel))["text"])
    assert texts[0] == texts[1]
    assert len(set(texts)) == 4


async def test_a_very_short_utterance_is_heard_and_a_shorter_one_is_not(host: SubprocessHost) -> None:
    for seconds, heard in ((0.3, True), (0.05, False)):
        channel = opened(host)
        channel.send({"type": "Audio"}, wide(caller(SAID[0]))[20000:][: 2 * round(16000 * seconds)])
        assert bool((await final(channel))["text"]) is heard


async def test_a_cancel_frees_an_utterance_and_one_too_many_is_refused(host: SubprocessHost) -> None:
    channels = [opened(host) for _ in range(4)]
    assert "3 utterances are open" in (await until(channels[3], "Failed"))["error"]
    channels[0].send({"type": "Cancel"})
    assert (await until(channels[0], "Cancelled"))["held"] == {"sessions": 2}
    for channel in channels:
        channel.close()


async def test_a_language_that_there_is_not_costs_its_utterance_only(host: SubprocessHost) -> None:
    channel = opened(host, language="elvish")
    assert "language 'elvish': expected one of zh, en" in (await until(channel, "Failed"))["error"]
    channel.close()


async def test_the_daemon_finds_its_environment() -> None:
    assert interpreter("qwen3") == python_of("qwen3")


async def test_inside(model: Path, tmp_path: Path) -> None:
    """The tests of `qwen3_inside.py`, run by the environment's own Python."""
    spoilt = Path(shutil.copytree(model, tmp_path / "spoilt"))
    (spoilt / "model.safetensors").write_bytes((model / "model.safetensors").read_bytes()[:100_000])
    flags = ["-c", os.devnull, "--rootdir", str(ROOT), "-p", "no:cacheprovider", "--import-mode=importlib", "-q"]
    ran = await asyncio.create_subprocess_exec(
        *[
            python_of("qwen3"),
            "-W",
            "ignore",
            "-m",
            "pytest",
            "--noconftest",
            *flags,
            f"{ROOT}/tests/sidecars/qwen3_inside.py",
        ],
        env={
            **{key: value for key, value in os.environ.items() if not key.startswith(("HF_", "PYTEST_"))},
            "PYTHONPATH": str(ROOT),
            "HF_HOME": str(tmp_path / "hub"),
            "TINY": str(model),
            "SPOILT": str(spoilt),
        },
        cwd=tmp_path,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    said, _ = await ran.communicate()
    assert ran.returncode == 0, said.decode()


async def test_without_weights_it_says_so_in_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HOME", str(tmp_path))
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    error = await refusal(hosted("Qwen/Qwen3-ASR-1.7B"))
    assert "model Qwen/Qwen3-ASR-1.7B: config.json" in error
    assert "HF_HUB_OFFLINE" in error
