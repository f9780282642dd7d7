"""sherpa-onnx in its own environment, with small Parakeets of random weights: they babble, and the rest is real."""

from __future__ import annotations

import asyncio
import logging
import shutil
import subprocess
import wave
from collections.abc import AsyncIterator, Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from sidecars.environment import interpreter
from sidecars.host.host import Channel, Host
from sidecars.local.subprocess import SubprocessHost
from tests.sidecars.exports import made_and_exported
from tests.sidecars.family import BUILD_S, ROOT, python_of, refusal
from tests.sidecars.hearing import opened, until
from tests.sidecars.speech import wide

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(BUILD_S)]

FRAME = 640
MAX_SESSIONS = 8
NOTHING = {"sessions": 0, "streams": 0}


def recordings() -> Sequence[bytes]:
    """Callers, 16 kHz, the first of them 3 s long."""
    heard = []
    for path in sorted((ROOT / "fixtures" / "calls").glob("*/*.wav"))[:MAX_SESSIONS]:
        with wave.open(str(path), "rb") as file:
            heard.append(wide(file.readframes(file.getnframes())))
    return sorted(heard, key=len, reverse=True)


CALLERS = recordings()


@pytest.fixture(scope="module")
def ctc(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("ctc")
    return made_and_exported(folder, "ctc", 160, 80)


@pytest.fixture(scope="module")
def rnnt(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("rnnt")
    return made_and_exported(folder, "rnnt")


@pytest.fixture(scope="module", params=["ctc", "rnnt"])
def model(request: pytest.FixtureRequest) -> Path:
    return Path(request.getfixturevalue(request.param))


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def host(model: Path) -> AsyncIterator[SubprocessHost]:
    host = SubprocessHost("stt", "sherpa", {"model": str(model), "max_sessions": MAX_SESSIONS}, python_of("sherpa"))
    await host.start()
    yield host
    await host.close()


def feed(channel: Channel, pcm: bytes) -> None:
    for begin in range(0, len(pcm), FRAME):
        channel.send({"type": "Audio"}, pcm[begin : begin + FRAME])


async def finished(channel: Channel) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """The partials, and the message that ended the utterance."""
    channel.send({"type": "Finalize"})
    told = [await until(channel, "Partial", "Final", "Failed")]
    while told[-1]["type"] == "Partial":
        told.append(await until(channel, "Partial", "Final", "Failed"))
    channel.close()
    return told[:-1], told[-1]


async def heard(host: Host, pcm: bytes) -> dict[str, Any]:
    channel = opened(host)
    feed(channel, pcm)
    return (await finished(channel))[1]


# ------------------------------------------------------------------------------------------------- what is heard


async def test_partials_grow_into_a_final_with_words_and_their_times(host: SubprocessHost) -> None:
    assert host.sample_rate == 16000
    pcm = CALLERS[0]
    channel = opened(host)
    feed(channel, pcm)
    partials, final = await finished(channel)
    assert len(partials) > 3
    texts = [partial["text"] for partial in partials]
    assert all(later.startswith(earlier) for earlier, later in zip(texts, [*texts[1:], final["text"]], strict=True))
    words = final["words"]
    assert " ".join(word[0] for word in words) == final["text"]
    starts = [word[1] for word in words]
    assert starts == sorted(starts)
    seconds = len(pcm) / 32000
    assert seconds / 2 < words[-1][2] <= seconds + 0.4
    assert all(0 < word[3] <= 1 for word in words)
    assert final["held"] == NOTHING


async def test_the_last_word_is_not_lost(host: SubprocessHost) -> None:
    """The result is the same as when silence follows, and the times are those of the speech."""
    for pcm in CALLERS:
        alone, longer = await heard(host, pcm), await heard(host, pcm + bytes(32000))
        until_then = [word[:2] for word in longer["words"] if word[1] < len(pcm) / 32000]
        assert [word[:2] for word in alone["words"]][: len(until_then)] == until_then


async def test_in_company_the_same_is_heard_as_alone(host: SubprocessHost) -> None:
    alone = [(await heard(host, pcm))["text"] for pcm in CALLERS]
    assert len(set(alone)) > 3
    channels = [opened(host) for _ in CALLERS]
    for begin in range(0, max(map(len, CALLERS)), FRAME):
        for channel, pcm in zip(channels, CALLERS, strict=True):
            if begin < len(pcm):
                channel.send({"type": "Audio"}, pcm[begin : begin + FRAME])
    finals = [(await finished(channel))[1] for channel in channels]
    assert [final["text"] for final in finals] == alone
    assert finals[-1]["held"] == NOTHING


async def test_how_the_audio_is_cut_makes_no_difference(host: SubprocessHost) -> None:
    pcm, texts = CALLERS[1], []
    for size in (2, 322, 5000, len(pcm)):
        channel = opened(host)
        for begin in range(0, len(pcm), size):
            channel.send({"type": "Audio"}, pcm[begin : begin + size])
        texts.append((await finished(channel))[1]["text"])
    assert len(set(texts)) == 1


async def test_of_nothing_nothing_is_heard(host: SubprocessHost) -> None:
    final = await heard(host, b"")
    assert (final["text"], final["held"]) == ("", NOTHING)
    assert (await heard(host, bytes(2)))["type"] == "Final"


async def test_a_cancelled_utterance_is_freed_and_the_others_go_on(host: SubprocessHost) -> None:
    pcm = CALLERS[1]
    alone = (await heard(host, pcm))["text"]
    left, staying = opened(host), opened(host)
    for channel in (left, staying):
        feed(channel, pcm[: len(pcm) // 4 * 2])
        await until(channel, "Partial")
    left.send({"type": "Cancel"})
    cancelled = await until(left, "Cancelled")
    assert cancelled["held"] == {"sessions": 1, "streams": 1}
    feed(staying, pcm[len(pcm) // 4 * 2 :])
    assert (await finished(staying))[1]["text"] == alone
    assert (await heard(host, pcm))["held"] == NOTHING


async def test_one_utterance_too_many_is_refused_and_the_others_never_notice(host: SubprocessHost) -> None:
    pcm = CALLERS[2]
    channels = [opened(host) for _ in range(MAX_SESSIONS)]
    one_more = opened(host)
    assert f"{MAX_SESSIONS} utterances are open" in (await until(one_more, "Failed"))["error"]
    for channel in channels:
        feed(channel, pcm)
    assert len({(await finished(channel))[1]["text"] for channel in channels}) == 1
    one_more.close()


# ------------------------------------------------------------------------------------------------ what it is given


async def failure(options: dict[str, object]) -> str:
    return await refusal(SubprocessHost("stt", "sherpa", options, python_of("sherpa")))


STEPS = """
import sys
from sidecars.engine import load
engine = load("sherpa", {"model": sys.argv[1], "chunk_ms": int(sys.argv[2])})
engine.open(1, {})
engine.step({1: sys.stdin.buffer.read()})
print(engine._sessions[1].steps)
"""


async def test_chunks_are_of_the_size_that_is_asked_for(ctc: Path) -> None:
    """A chunk is processed when its last frame of 25 ms has come, and the next one has begun."""
    for chunk_ms in (80, 160):
        command = [python_of("sherpa"), "-c", STEPS, str(ctc), str(chunk_ms)]
        ran = await asyncio.to_thread(
            subprocess.run, command, cwd=ROOT, input=bytes(64000), capture_output=True, check=True
        )
        assert int(ran.stdout) == (2000 - 25 - 10 + 70) // chunk_ms  # the first chunk is 70 ms shorter
    assert "chunk_ms 500" in (error := await failure({"model": str(ctc), "chunk_ms": 500}))
    assert "80, 160" in error


async def test_without_cuda_it_hears_on_the_cpu_and_says_so(ctc: Path, caplog: pytest.LogCaptureFixture) -> None:
    host = SubprocessHost("stt", "sherpa", {"model": str(ctc), "provider": "cuda"}, python_of("sherpa"))
    with caplog.at_level(logging.WARNING):
        await host.start()
        assert (await heard(host, CALLERS[0]))["text"]
        await host.close()
    assert "recognizing on the CPU" in caplog.text


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"provider": "npu"}, "provider 'npu'"),
        ({"threads": 0}, "threads 0"),
        ({"chunk_ms": "160"}, "chunk_ms '160'"),
        ({"max_sessions": True}, "max_sessions True"),
        ({"beam": 4}, "'beam': sherpa knows the options"),
        ({"model": "/nowhere"}, "no such folder"),
    ],
)
async def test_an_option_that_cannot_be_is_named(options: dict[str, object], says: str) -> None:
    assert says in await failure(options)


async def test_a_model_that_is_nowhere_and_may_not_be_fetched_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_HOME", str(tmp_path))
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    error = await failure({})
    assert "tokens.txt" in error
    assert "HF_HUB_OFFLINE" in error


def without(folder: Path, name: str) -> None:
    """The name of a metadata entry is replaced by another of the same length."""
    path = next(folder.glob("*-160ms.onnx"))
    data = path.read_bytes()
    assert data.count(name.encode()) == 1
    path.write_bytes(data.replace(name.encode(), b"x" * len(name)))


def says(folder: Path, name: str, value: str) -> None:
    """A later metadata entry counts: field 14 of the file's message, its fields 1 and 2."""
    key, said = name.encode(), value.encode()
    entry = b"\x0a" + bytes([len(key)]) + key + b"\x12" + bytes([len(said)]) + said
    with next(folder.glob("*-160ms.onnx")).open("ab") as file:
        file.write(b"\x72" + bytes([len(entry)]) + entry)


def cut(folder: Path, name: str) -> None:
    path = next(folder.glob(name))
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def no_blank(folder: Path) -> None:
    path = folder / "tokens.txt"
    path.write_text(path.read_text().replace("<blk>", "blank"))


def too_few_tokens(folder: Path) -> None:
    path = folder / "tokens.txt"
    lines = path.read_text().splitlines()
    path.write_text("\n".join([*lines[:-2], f"<blk> {len(lines) - 2}"]))


def scrambled(folder: Path) -> None:
    """The weights and the graph are gone, the description is left."""
    path = next(folder.glob("*-160ms.onnx"))
    data = bytearray(path.read_bytes())
    at = data.index(b"MatMul")
    data[at : at + 6] = b"NoSuch"
    path.write_bytes(bytes(data))


Spoil = Callable[[Path], object]
SPOILT: Sequence[tuple[str, str, Spoil]] = (
    ("ctc", "its metadata has no chunk_shift", lambda folder: without(folder, "chunk_shift")),
    ("ctc", "window_size = 'wide'", lambda folder: says(folder, "window_size", "wide")),
    ("ctc", "cache_last_channel has the shape", lambda folder: says(folder, "cache_last_channel_dim3", "145")),
    ("ctc", "does not normalize features for CTC", lambda folder: says(folder, "normalize_type", "per_feature")),
    ("ctc", "chunk_shift > window_size", lambda folder: says(folder, "window_size", "5")),
    ("ctc", "the last token, and no other, must be <blk>", no_blank),
    ("ctc", "96 tokens, and the model has 97", too_few_tokens),
    ("ctc", "no tokens.txt", lambda folder: (folder / "tokens.txt").unlink()),
    ("ctc", "not an ONNX model, or truncated", lambda folder: cut(folder, "model-160ms.onnx")),
    ("ctc", "sherpa-onnx cannot load it", scrambled),
    ("rnnt", "its metadata has no pred_hidden", lambda folder: without(folder, "pred_hidden")),
    ("rnnt", "a state has the shape", lambda folder: says(folder, "pred_rnn_layers", "2")),
    ("rnnt", "no normalize_type", lambda folder: says(folder, "normalize_type", "all_features")),
    ("rnnt", "there is no joiner.onnx", lambda folder: (folder / "joiner.onnx").unlink()),
    ("rnnt", "not an ONNX model, or truncated", lambda folder: cut(folder, "decoder.onnx")),
    ("rnnt", "no decoder of NeMo's", lambda folder: shutil.copy(folder / "joiner.onnx", folder / "decoder.onnx")),
)
LOAD_ALL = """
import sys
from sidecars.engine import load
for model in sys.argv[1:]:
    try:
        load("sherpa", {"model": model, "chunk_ms": 160})
        print("loaded")
    except Exception as error:
        print(type(error).__name__, str(error).replace("\\n", " // "))
"""


async def test_a_bad_model_is_one_clear_line_and_the_process_lives(ctc: Path, rnnt: Path, tmp_path: Path) -> None:
    """In one process, which sherpa-onnx itself would have ended at the first of them."""
    folders = []
    for number, (kind, _, spoil) in enumerate(SPOILT):
        folders.append(Path(shutil.copytree(ctc if kind == "ctc" else rnnt, tmp_path / str(number))))
        spoil(folders[-1])
    command = [python_of("sherpa"), "-c", LOAD_ALL, *map(str, (*folders, ctc, rnnt))]
    ran = await asyncio.to_thread(subprocess.run, command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr
    lines = ran.stdout.splitlines()
    assert lines[len(SPOILT) :] == ["loaded", "loaded"]
    for line, (_, expected, _) in zip(lines, SPOILT, strict=False):
        assert expected in line
        assert line.startswith(("ValueError", "WeightsMissing"))
        assert "//" not in line


async def test_a_bad_model_is_told_to_the_host(ctc: Path, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(ctc, tmp_path / "spoilt"))
    without(folder, "window_size")
    assert "its metadata has no window_size" in await failure({"model": str(folder)})


# ----------------------------------------------------------------------------------------------- where it is served


async def test_a_listen_server_in_its_environment_says_what_it_hears(ctc: Path) -> None:
    assert interpreter("sherpa") == python_of("sherpa")
    recording = ROOT / "fixtures" / "calls" / "asks_hours_twice" / "when.wav"
    server = await asyncio.create_subprocess_exec(
        *(python_of("sherpa"), "-m", "sidecars.serve.stt", "--engine", "sherpa", "--model", str(ctc)),
        *("--port", "0", "--hear", str(recording)),
        cwd=ROOT,
        stdout=asyncio.subprocess.PIPE,
    )
    assert server.stdout is not None
    line = (await server.stdout.readline()).decode()
    server.terminate()
    assert await server.wait() == 0
    assert line.startswith("sherpa hears “")
    assert "in when.wav, and listens on ws://127.0.0.1:" in line
