"""Parakeet in its own environment: its internals, in a child process, and behind the listen server.

The models are small and their weights random, so their transcripts are babble; the rest is real.
"""

from __future__ import annotations

import asyncio
import logging
import os
import socket
import subprocess
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import pytest_asyncio

from sidecars.environment import interpreter
from sidecars.host.host import Channel, HostLost
from sidecars.local.subprocess import SubprocessHost
from sidecars.remote.listen_client import ListenHost
from tests.sidecars.family import BUILD_S, ROOT, python_of
from tests.sidecars.hearing import final, opened, until
from tests.sidecars.speech import caller, wide

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(BUILD_S)]

FRAME_S = 0.02
MAX_SESSIONS = 24
SAID = "I want to book an appointment for Tuesday at half past ten"
INSIDE = (
    *("nemo_inside", "nemo_failures_inside", "nemo_graphs_inside", "nemo_model_inside", "nemo_place_inside"),
    "weights_inside",
)
MAKE = """
import sys
from fixtures.models.tiny_nemo.make import main
for decoder, seed in (("ctc", "0"), ("rnnt", "7"), ("tdt", "2")):  # seeds that say something now and then
    sys.argv[1:] = [f"{decoder}.nemo", "--decoder", decoder, "--seed", seed]
    main()
"""


def environment(**more: str) -> dict[str, str]:
    """A user's settings, on one thread: two cores serve everybody here."""
    mine = {key: value for key, value in os.environ.items() if not key.startswith(("HF_", "PYTEST_"))}
    return {**mine, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1", **more}


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("parakeet")
    made = subprocess.run(
        [python_of("parakeet"), "-c", MAKE], cwd=folder, env=environment(), capture_output=True, text=True, check=False
    )
    assert made.returncode == 0, made.stderr
    return folder


async def test_inside(models: Path, tmp_path: Path) -> None:
    """The tests of `INSIDE`, run by the environment's own Python."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        hub = f"http://127.0.0.1:{free.getsockname()[1]}"
    flags = ["-c", os.devnull, "--rootdir", str(ROOT), "-p", "no:cacheprovider", "--import-mode=importlib", "-q"]
    ran = await asyncio.create_subprocess_exec(
        *[
            python_of("parakeet"),
            "-W",
            "ignore",
            "-m",
            "pytest",
            "--noconftest",
            "-p",
            "tests.sidecars.nemo_alone",
            *flags,
            *[f"{ROOT}/tests/sidecars/{name}.py" for name in INSIDE],
        ],
        env=environment(NEMO_MODELS=str(models), HF_HOME=str(tmp_path / "hub"), HF_ENDPOINT=hub),
        cwd=tmp_path,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    said, _ = await ran.communicate()
    assert ran.returncode == 0, said.decode()


class Complaints(logging.Handler):
    """Log messages above the level of information."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(record.getMessage())


@pytest.fixture(scope="module")
def complaints() -> Iterator[Complaints]:
    handler = Complaints()
    logging.getLogger().addHandler(handler)
    yield handler
    logging.getLogger().removeHandler(handler)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def host(models: Path, complaints: Complaints) -> AsyncIterator[SubprocessHost]:
    options = {"model": str(models / "rnnt.nemo"), "max_sessions": MAX_SESSIONS}
    host = SubprocessHost("stt", "nemo", options, python_of("parakeet"), start_timeout_s=300)
    await host.start()
    yield host
    await host.close()


def say(channel: Channel, text: str = SAID) -> None:
    audio = caller(text, "en-us")
    if channel.sample_rate == 16000:
        audio = wide(audio)
    size = 2 * round(FRAME_S * channel.sample_rate)
    for begin in range(0, len(audio), size):
        channel.send({"type": "Audio"}, audio[begin : begin + size])


def nothing() -> dict[str, int]:
    return {"sessions": 0, "slots": 0}


async def test_the_daemon_finds_its_environment() -> None:
    assert interpreter("nemo") == python_of("parakeet")


async def test_an_utterance_has_partials_and_a_final_with_words(host: SubprocessHost) -> None:
    assert host.sample_rate == 16000
    channel = opened(host)
    say(channel)
    partial = await until(channel, "Partial")
    told = await final(channel)
    assert partial["text"]
    assert told["text"].split() == [text for text, *_ in told["words"]]
    assert told["held"] == nothing()
    assert told["open"] == 0


async def test_many_callers_at_once_are_understood_as_one_is(host: SubprocessHost) -> None:
    alone = opened(host)
    say(alone)
    text = (await final(alone))["text"]
    channels = [opened(host) for _ in range(MAX_SESSIONS)]
    for channel in channels:
        say(channel)
    assert {told["text"] for told in [await final(channel) for channel in channels]} == {text}


async def test_a_cancel_frees_every_store_beside_others_who_speak(host: SubprocessHost) -> None:
    channels = [opened(host) for _ in range(MAX_SESSIONS)]
    for channel in channels:
        say(channel)
    for left in range(MAX_SESSIONS - 1, -1, -1):
        leaving = channels[left]
        leaving.send({"type": "Cancel"})
        told = await until(leaving, "Cancelled")
        assert told["open"] == left
        assert told["held"]["sessions"] == left
        assert max(told["held"].values()) <= left  # those that wait for their first chunk hold less
        leaving.close()
    assert told["held"] == nothing()


async def test_one_too_many_is_refused_and_a_channel_that_closes_makes_room(host: SubprocessHost) -> None:
    channels = [opened(host) for _ in range(MAX_SESSIONS)]
    refused = opened(host)
    told = await until(refused, "Failed")
    assert "24 utterances are open already" in told["error"]
    for channel in (refused, *channels):
        channel.close()
    channel = opened(host)
    say(channel)
    assert (await final(channel))["held"] == nothing()


async def test_nothing_of_this_was_worth_a_line_in_the_log(host: SubprocessHost, complaints: Complaints) -> None:
    assert complaints.lines == []


async def test_a_damaged_model_is_one_line_to_whoever_starts_it(models: Path, tmp_path: Path) -> None:
    path = tmp_path / "cut.nemo"
    path.write_bytes((models / "ctc.nemo").read_bytes()[:1_000_000])
    host = SubprocessHost("stt", "nemo", {"model": str(path)}, python_of("parakeet"), start_timeout_s=300)
    with pytest.raises(HostLost, match=r"cut\.nemo is damaged, cut short or no \.nemo file") as caught:
        await host.start()
    await host.close()
    assert "\n" not in str(caught.value)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def server(models: Path) -> AsyncIterator[tuple[str, list[str]]]:
    """`python -m sidecars.serve.stt` as a user starts it: its address, and its output on standard error."""
    arguments = ["--engine", "nemo", "--model", str(models / "ctc.nemo"), "--port", "0"]
    process = await asyncio.create_subprocess_exec(
        *[python_of("parakeet"), "-m", "sidecars.serve.stt", *arguments],
        env=environment(),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    assert process.stdout is not None
    assert process.stderr is not None
    said: list[str] = []

    async def listen(stream: asyncio.StreamReader) -> None:
        async for line in stream:
            said.append(line.decode().rstrip())

    listening = asyncio.create_task(listen(process.stderr))
    async with asyncio.timeout(300):
        line = (await process.stdout.readline()).decode()
    assert line.startswith("nemo listens on ws://"), (line, said)
    yield line.split()[-1], said
    process.terminate()
    rest = await process.stdout.read()
    assert await process.wait() == 0
    await listening
    assert rest == b""


async def test_the_listen_server_of_its_environment_hears(server: tuple[str, list[str]]) -> None:
    url, said = server
    host = ListenHost(url)
    await host.start()
    finals = []
    for _ in range(2):
        channel = opened(host)
        say(channel)
        assert (await until(channel, "Partial"))["text"]
        finals.append(await final(channel))
    leaving = opened(host)
    say(leaving)
    leaving.send({"type": "Cancel"})
    cancelled = await until(leaving, "Cancelled")
    leaving.close()
    await host.close()
    assert finals[0]["text"] == finals[1]["text"] != ""
    assert finals[0]["held"] == cancelled["held"] == nothing()
    assert [line for line in said if "INFO" not in line] == []
