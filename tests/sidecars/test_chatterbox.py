"""Chatterbox in its own environment, with random weights: its internals, and its behavior behind a host with a
spare.
"""

from __future__ import annotations

import asyncio
import os
import signal
import socket
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from sidecars.host.host import Channel, HostLost
from sidecars.local.subprocess import SubprocessHost
from tests.sidecars.family import BUILD_S, ROOT, python_of, tiny
from tests.sidecars.hearing import until

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(BUILD_S)]

INSIDE = ("chatterbox_model_inside", "chatterbox_inside", "weights_inside")
TEXT = "Your appointment is on Tuesday."
SAMPLES = 55 * 960
"""For every text, with this checkpoint."""


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny("chatterbox", tmp_path_factory.mktemp("chatterbox"))


async def test_inside(model: Path, tmp_path: Path) -> None:
    """The tests of `INSIDE`, run by the environment's own Python."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        hub = f"http://127.0.0.1:{free.getsockname()[1]}"
    flags = ["-c", os.devnull, "--rootdir", str(ROOT), "-p", "no:cacheprovider", "--import-mode=importlib", "-q"]
    ran = await asyncio.create_subprocess_exec(
        *[
            python_of("chatterbox"),
            "-W",
            "ignore",
            "-m",
            "pytest",
            "--noconftest",
            "-p",
            "tests.sidecars.chatterbox_alone",
            *flags,
            *[f"{ROOT}/tests/sidecars/{name}.py" for name in INSIDE],
        ],
        env={
            **{key: value for key, value in os.environ.items() if not key.startswith(("HF_", "PYTEST_"))},
            "PYTHONPATH": str(ROOT),
            "CHATTERBOX_TINY": str(model),
            "HF_ENDPOINT": hub,
            "HF_HOME": str(tmp_path / "hub"),
        },
        cwd=tmp_path,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    said, _ = await ran.communicate()
    assert ran.returncode == 0, said.decode()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def host(model: Path) -> AsyncIterator[SubprocessHost]:
    options = {"model": str(model), "threads": 1, "seed": 1}
    # The deadlines are for busy machines; a lighter engine tests that a host keeps to a short one.
    host = SubprocessHost(
        "tts", "chatterbox", options, python_of("chatterbox"), spare=True, cancel_s=20, start_timeout_s=300
    )
    await host.start()
    yield host
    await host.close()


async def heard(channel: Channel) -> list[int]:
    """Samples of the chunks until the text is over."""
    chunks = []
    async with asyncio.timeout(120):
        while (received := await channel.receive())[0]["type"] == "Chunk":
            chunks.append(len(received[1]) // 2)
    assert received[0]["type"] == "Done", received[0]
    return chunks


async def test_texts_are_spoken_in_parts_one_after_the_other(host: SubprocessHost) -> None:
    assert (host.sample_rate, tuple(host.voices)) == (24_000, ("default",))
    channel = host.open()
    for text in (TEXT, "Bye."):
        channel.send({"type": "Speak", "text": text, "options": {"rate": 1.0}})
    for _ in range(2):
        assert await heard(channel) == [15 * 960, 30 * 960, 10 * 960]
    channel.close()


async def test_a_cancelled_text_stops_and_the_next_is_whole(host: SubprocessHost) -> None:
    pid, channel = host.pid, host.open()
    channel.send({"type": "Speak", "text": TEXT})
    async with asyncio.timeout(120):
        assert (await channel.receive())[0]["type"] == "Chunk"
    channel.send({"type": "Cancel"})
    channel.send({"type": "Speak", "text": TEXT})
    kinds = [(await channel.receive())[0]["type"]]
    while kinds[-1] == "Chunk":  # made before the cancel was read
        kinds.append((await channel.receive())[0]["type"])
    assert kinds[-1] == "Cancelled"
    assert len(kinds) <= 2
    assert sum(await heard(channel)) == SAMPLES
    assert host.pid == pid
    channel.close()


async def test_a_bad_option_fails_its_text_alone(host: SubprocessHost) -> None:
    channel = host.open()
    channel.send({"type": "Speak", "text": TEXT, "options": {"voice_file": "/no/such/voice.wav"}})
    failed = await until(channel, "Failed")
    assert failed["error"] == "ValueError: voice_file '/no/such/voice.wav': No such file or directory"
    channel.send({"type": "Speak", "text": TEXT})
    assert sum(await heard(channel)) == SAMPLES
    channel.close()


async def test_when_it_dies_in_the_middle_of_a_text_the_warm_spare_speaks_the_next(host: SubprocessHost) -> None:
    async with asyncio.timeout(300):
        while host.spare_pid is None:  # noqa: ASYNC110
            await asyncio.sleep(0.1)
    pid, spare, channel = host.pid, host.spare_pid, host.open()
    assert pid is not None
    channel.send({"type": "Speak", "text": TEXT})
    async with asyncio.timeout(120):
        await channel.receive()
    os.kill(pid, signal.SIGKILL)
    with pytest.raises(HostLost, match="SIGKILL"):
        await heard(channel)
    again = host.open()
    again.send({"type": "Speak", "text": TEXT})
    assert sum(await heard(again)) == SAMPLES
    assert host.pid == spare
    again.close()
