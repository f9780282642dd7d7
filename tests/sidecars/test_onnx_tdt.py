"""Parakeet TDT in ONNX in its own environment, with tiny random models of its format: they babble, the rest is real."""

from __future__ import annotations

import asyncio
import logging
import shutil
import subprocess
import wave
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from sidecars.environment import interpreter
from sidecars.host.host import Host
from sidecars.local.subprocess import SubprocessHost
from tests.sidecars.family import BUILD_S, ROOT, python_of, refusal, tiny
from tests.sidecars.hearing import until
from tests.sidecars.speech import wide

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(BUILD_S)]

MAX_SESSIONS = 4
SECOND = 32000
"""Bytes."""


def recordings() -> list[bytes]:
    """Callers, 16 kHz."""
    heard = []
    for path in sorted((ROOT / "fixtures" / "calls").glob("*/*.wav"))[:MAX_SESSIONS]:
        with wave.open(str(path), "rb") as file:
            heard.append(wide(file.readframes(file.getnframes())))
    return heard


CALLERS = recordings()
MINUTE = (b"".join(CALLERS) * 10)[: 60 * SECOND]


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny("onnx_tdt", tmp_path_factory.mktemp("onnx_tdt"))


@pytest.fixture(scope="module")
def slow(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny("onnx_tdt", tmp_path_factory.mktemp("slow"), "--slow")


async def started(**options: object) -> SubprocessHost:
    host = SubprocessHost("stt", "onnx_tdt", {"threads": 1, **options}, python_of("onnx_tdt"))
    await host.start()
    return host


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def host(model: Path) -> AsyncIterator[SubprocessHost]:
    host = await started(model=str(model), max_sessions=MAX_SESSIONS)
    yield host
    await host.close()


async def heard(host: Host, pcm: bytes) -> dict[str, Any]:
    """The message that ends an utterance."""
    channel = host.open()
    channel.send({"type": "Open", "options": {"language": "en"}})
    for begin in range(0, len(pcm), SECOND):
        channel.send({"type": "Audio"}, pcm[begin : begin + SECOND])
    channel.send({"type": "Finalize"})
    ended = await until(channel, "Final", "Failed")
    channel.close()
    return ended


# ------------------------------------------------------------------------------------------------- what is heard


async def test_a_segment_is_understood_when_it_ends_with_its_words_and_their_times(host: SubprocessHost) -> None:
    assert host.sample_rate == 16000
    assert interpreter("onnx_tdt") == python_of("onnx_tdt")
    texts = set()
    for pcm in CALLERS:
        final = await heard(host, pcm)
        words = final["words"]
        assert len(words) > 1
        assert " ".join(word[0] for word in words) == final["text"]
        starts = [word[1] for word in words]
        assert starts == sorted(starts)
        assert words[-1][2] <= len(pcm) / SECOND + 0.16
        assert all(0 < word[3] < 1 for word in words)
        assert final["held"] == {"sessions": 0}
        texts.add(final["text"])
    assert len(texts) == len(CALLERS)


async def test_of_nothing_nothing_is_heard(host: SubprocessHost) -> None:
    assert (await heard(host, b""))["text"] == ""


async def test_partials_come_where_they_are_asked_for(model: Path) -> None:
    host = await started(model=str(model), partials_s=0.5)
    channel = host.open()
    channel.send({"type": "Open", "options": {}})
    channel.send({"type": "Audio"}, CALLERS[0])
    assert (await until(channel, "Partial"))["text"]
    channel.send({"type": "Cancel"})
    assert (await until(channel, "Cancelled"))["held"] == {"sessions": 0}
    await host.close()


async def test_one_utterance_too_many_is_refused_and_the_others_never_notice(host: SubprocessHost) -> None:
    channels = [host.open() for _ in range(MAX_SESSIONS + 1)]
    for channel in channels:
        channel.send({"type": "Open", "options": {}})
    refused = channels.pop()
    assert f"{MAX_SESSIONS} utterances are open" in (await until(refused, "Failed"))["error"]
    refused.close()
    alone = []
    for channel, pcm in zip(channels, CALLERS, strict=True):
        channel.send({"type": "Audio"}, pcm)
    for channel in channels:
        channel.send({"type": "Finalize"})
        alone.append((await until(channel, "Final"))["text"])
        channel.close()
    assert [(await heard(host, pcm))["text"] for pcm in CALLERS] == alone


# ------------------------------------------------------------------------------------------------------- deadlines


async def test_a_segment_that_takes_too_long_fails_alone_and_the_engine_goes_on(slow: Path) -> None:
    host = await started(model=str(slow), deadline_s=1)
    late, soon = asyncio.create_task(heard(host, MINUTE)), asyncio.create_task(heard(host, CALLERS[0]))
    assert (await soon)["text"]
    ended = await late
    assert ended["type"] == "Failed"
    assert "a segment of 30.0 s was not understood within 1 s" in ended["error"]
    assert ended["held"] == {"sessions": ended["open"]}  # The other may or may not be over by now.
    assert (await heard(host, CALLERS[1]))["type"] == "Final"
    await host.close()


async def test_a_partial_that_takes_too_long_is_left_out(slow: Path, caplog: pytest.LogCaptureFixture) -> None:
    host = await started(model=str(slow), deadline_s=1, partials_s=29)
    with caplog.at_level(logging.WARNING):
        channel = host.open()
        channel.send({"type": "Open", "options": {}})
        for begin in range(0, 29 * SECOND, SECOND):
            channel.send({"type": "Audio"}, MINUTE[begin : begin + SECOND])
        async with asyncio.timeout(60):
            while "no partial result: a segment of 29.0 s" not in caplog.text:  # noqa: ASYNC110
                await asyncio.sleep(0.05)
        assert (await heard(host, CALLERS[0]))["type"] == "Final"
        channel.send({"type": "Cancel"})
        await until(channel, "Cancelled")
        await host.close()


# ------------------------------------------------------------------------------------------------------------- GPU


async def test_without_cuda_it_hears_on_the_cpu_and_says_so(model: Path, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        host = await started(model=str(model), device="cuda")
        assert (await heard(host, CALLERS[0]))["text"]
        await host.close()
    assert "recognizing on the CPU" in caplog.text


# There is no GPU in CI: the CPU takes its place, with a session that fails like CUDA's or takes as long.
ON_A_GPU = """
import json, logging, sys, time
import numpy as np
from sidecars.engines import onnx_tdt
logging.basicConfig(stream=sys.stdout, format="%(message)s")
fails_at, takes_s = int(sys.argv[2]), float(sys.argv[3])
real, loaded = onnx_tdt.onnx_asr.load_model, []

class Gpu:
    runs = 0
    def __init__(self, session): self.session = session
    def get_providers(self): return ["CUDAExecutionProvider"]
    def run(self, outputs, inputs, options):
        Gpu.runs += 1
        if Gpu.runs == fails_at:
            end = time.monotonic() + takes_s
            while not options.terminate and time.monotonic() < end:
                time.sleep(0.01)
            raise RuntimeError("CUDA error: out of memory\\nand much more")
        return self.session.run(outputs, inputs, options)

def load_model(*args, providers, **options):
    model = real(*args, providers=["CPUExecutionProvider"], **options)
    loaded.append(providers[0])
    if providers[0].startswith("CUDA"):
        model.asr._encoder = Gpu(model.asr._encoder)
    return model

onnx_tdt.onnx_asr.load_model = load_model
onnx_tdt.onnxruntime.get_available_providers = lambda: ["CUDAExecutionProvider", "CPUExecutionProvider"]
engine = onnx_tdt.create({"model": sys.argv[1], "threads": 1, "deadline_s": 1})
pcm = sys.stdin.buffer.read()
for number in range(3):
    engine.open(number, {})
    engine.step({number: pcm})
    try:
        print("heard", engine.finalize(number).text)
    except Exception as error:
        print(type(error).__name__, error)
print(loaded, dict(engine.held()))
"""


async def on_a_gpu(model: Path, fails_at: int, takes_s: float) -> list[str]:
    command = [python_of("onnx_tdt"), "-c", ON_A_GPU, str(model), str(fails_at), str(takes_s)]
    ran = await asyncio.to_thread(
        subprocess.run, command, cwd=ROOT, input=CALLERS[0], capture_output=True, timeout=120, check=False
    )
    assert ran.returncode == 0, ran.stderr.decode()
    return ran.stdout.decode().splitlines()


BOTH = "['CUDAExecutionProvider', 'CPUExecutionProvider'] {'sessions': 0}"


async def test_a_gpu_that_works_is_used(host: SubprocessHost, model: Path) -> None:
    text = (await heard(host, CALLERS[0]))["text"]
    assert await on_a_gpu(model, 0, 0) == [f"heard {text}"] * 3 + ["['CUDAExecutionProvider'] {'sessions': 0}"]


@pytest.mark.parametrize("fails_at", [1, 3])
async def test_a_gpu_that_fails_is_left_for_the_cpu_and_no_segment_is_lost(
    host: SubprocessHost, model: Path, fails_at: int
) -> None:
    """Whether it fails at once, or in the middle of a call."""
    text = (await heard(host, CALLERS[0]))["text"]
    lines = await on_a_gpu(model, fails_at, 0)
    says = "GPU failed (CUDA error: out of memory): recognizing on the CPU from here on"
    assert lines.pop(0 if fails_at == 1 else 1) == says
    assert lines == [f"heard {text}"] * 3 + [BOTH]


async def test_a_gpu_that_is_too_slow_is_left_for_the_cpu_after_its_segment(host: SubprocessHost, model: Path) -> None:
    text = (await heard(host, CALLERS[0]))["text"]
    assert await on_a_gpu(model, 2, 60) == [
        f"GPU failed (a segment of {len(CALLERS[0]) / SECOND:.1f} s was not understood within 1 s): "
        "recognizing on the CPU from here on",
        f"DeadlinePassed a segment of {len(CALLERS[0]) / SECOND:.1f} s was not understood within 1 s",
        *[f"heard {text}"] * 2,
        BOTH,
    ]


# ------------------------------------------------------------------------------------------------ what it is given


async def failure(options: dict[str, object]) -> str:
    return await refusal(SubprocessHost("stt", "onnx_tdt", options, python_of("onnx_tdt")))


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"device": "npu"}, "device 'npu'"),
        ({"quantization": "int4"}, "quantization 'int4'"),
        ({"threads": 0.5}, "threads 0.5"),
        ({"deadline_s": 0}, "deadline_s 0"),
        ({"max_sessions": True}, "max_sessions True"),
        ({"beam": 4}, "'beam': onnx_tdt knows the options"),
        ({"model": "/nowhere"}, "no such folder"),
    ],
)
async def test_an_option_that_cannot_be_is_named(options: dict[str, object], says: str) -> None:
    assert says in await failure(options)


async def test_weights_that_are_nowhere_and_may_not_be_fetched_are_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_HOME", str(tmp_path))
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    error = await failure({"model": "nemo-parakeet-tdt-0.6b-v3"})
    assert "encoder-model.onnx" in error
    assert "HF_HUB_OFFLINE" in error


def cut(folder: Path) -> None:
    path = folder / "encoder-model.onnx"
    path.write_bytes(path.read_bytes()[:-100])


def other_kind(folder: Path) -> None:
    (folder / "config.json").write_text('{"model_type": "whisper"}')


def no_json(folder: Path) -> None:
    (folder / "config.json").write_text("{")


def no_blank(folder: Path) -> None:
    path = folder / "vocab.txt"
    path.write_text(path.read_text().replace("<blk>", "blank"))


def too_many_tokens(folder: Path) -> None:
    path = folder / "vocab.txt"
    lines = path.read_text().splitlines()
    more = [f"x {number}" for number in range(len(lines) - 1, 99)]
    path.write_text("\n".join([*lines[:-1], *more, "<blk> 99"]))


def swapped(folder: Path) -> None:
    shutil.copy(folder / "encoder-model.onnx", folder / "decoder_joint-model.onnx")


@pytest.mark.parametrize(
    ("spoil", "says"),
    [
        (cut, "encoder-model.onnx: not an ONNX model, or truncated"),
        (lambda folder: (folder / "vocab.txt").unlink(), "has no vocab.txt"),
        (other_kind, "it says that the model is 'whisper'"),
        (no_json, "config.json: expected JSON"),
        (no_blank, "must be <blk>"),
        (too_many_tokens, "100 tokens, and the model has"),
        (swapped, "onnx-asr cannot use it"),
    ],
)
async def test_a_model_that_cannot_be_loaded_is_one_line(
    model: Path, tmp_path: Path, spoil: Callable[[Path], None], says: str
) -> None:
    folder = Path(shutil.copytree(model, tmp_path / "spoilt"))
    spoil(folder)
    error = await failure({"model": str(folder)})
    assert says in error
