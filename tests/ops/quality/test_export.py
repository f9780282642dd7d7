"""`phone-ops export` with the real engines in their environments, for small Parakeets with random weights."""

from __future__ import annotations

import json
import shutil
import wave
from pathlib import Path
from typing import Any

import pytest

from ops.quality import export
from ops.quality.score import edits
from ops.usage import Parser, WrongUse
from tests.sidecars.exports import made_and_exported, nemo_file
from tests.sidecars.family import BUILD_S, ROOT, python_of

pytestmark = pytest.mark.timeout(BUILD_S)

CALLS = ROOT / "fixtures" / "calls"


def phone_ops(*words: object) -> int:
    top = Parser("phone-ops")
    export.add_parser(top.add_subparsers(required=True))
    args = top.parse_args(["export", *map(str, words)])
    code: int = args.run(args)
    return code


@pytest.fixture(scope="module")
def streaming(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Its environments are built, and there are a model and its export."""
    for family in ("sherpa", "onnx_tdt"):
        python_of(family)
    folder = tmp_path_factory.mktemp("streaming")
    made_and_exported(folder, "ctc")
    return folder


@pytest.fixture
def some(tmp_path: Path) -> Path:
    """A folder with some recorded callers."""
    for name in ("books_an_appointment", "asks_hours_twice"):
        shutil.copytree(CALLS / name, tmp_path / "recordings" / name)
    return tmp_path / "recordings"


# --------------------------------------------------------------------------------------------- made, and proved


def test_a_streaming_model_is_made_for_sherpa_and_both_engines_hear_nearly_the_same_babble(
    streaming: Path, some: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Random weights are the hardest test: nearly every frame is about to become another token."""
    made = tmp_path / "made"
    code = phone_ops(streaming / "ctc.nemo", made, "--chunk-ms", 160, 80, "--check", some, "--tolerance", 0.5, "--json")
    out, err = capsys.readouterr()
    told = json.loads(out)
    assert code == 0
    assert told["passed"] is True
    assert told["engine"] == "sherpa"
    assert told["chunk_ms"] == [160, 80]
    assert sorted(told["files"]) == ["model-160ms.onnx", "model-80ms.onnx", "tokens.txt"]
    assert sorted(path.name for path in made.iterdir()) == sorted(told["files"])
    assert told["words"] == sum(len(each["nemo"].split()) for each in told["recordings"]) > 20
    assert told["wer"] == told["edits"] / told["words"]
    assert len(told["recordings"]) == 2 * len(list(some.rglob("*.wav")))
    near = [each for each in told["recordings"] if each["chunk_ms"] == 160]
    assert sum(each["edits"] for each in near) <= 0.15 * sum(each["words"] for each in near)
    assert "sherpa hears" in err
    assert near[0]["nemo"] not in err


def test_of_the_trained_model_that_ships_both_hear_the_same_words(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Uses the kinds of voices on which it was trained: for others its output is too poor to compare."""
    for family in ("parakeet", "sherpa"):
        python_of(family)
    robots = tmp_path / "robots"
    for folder in CALLS.glob("robot_*"):
        shutil.copytree(folder, robots / folder.name)
    model = ROOT / "sidecars" / "parakeet" / "tiny.nemo"
    assert phone_ops(model, tmp_path / "made", "--tolerance", 0.05, "--check", robots) == 0
    assert f"the same words as NeMo in {len(list(robots.glob('*/*.wav')))} recordings" in capsys.readouterr().out


def test_a_model_that_hears_segments_is_made_for_onnx_tdt_and_the_words_are_the_same(
    some: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    model, made = nemo_file(tmp_path, "tdt"), tmp_path / "made"
    assert phone_ops(model, made, "--check", some) == 0
    said = capsys.readouterr().out
    assert "for the engine onnx_tdt" in said
    assert "the same words as NeMo" in said
    assert "0.00% (tolerance 2.00%)" in said


def test_a_model_that_hears_something_else_is_found_out(
    streaming: Path, some: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    other = made_and_exported(tmp_path, "rnnt")

    def exported(model: str, folder: Path, chunks_ms: list[int]) -> dict[str, Any]:
        shutil.copytree(other, folder)
        return {"engine": "sherpa", "chunk_ms": [160], "files": []}

    monkeypatch.setattr(export, "_exported", exported)
    assert phone_ops(streaming / "ctc.nemo", tmp_path / "made", "--check", some) == 1
    said = capsys.readouterr().out
    assert "NOT THE SAME WORDS" in said
    assert "when.wav" in said


# ------------------------------------------------------------------------------------------------- what cannot be


def test_what_cannot_be_made_is_one_line(
    streaming: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    model, made = streaming / "ctc.nemo", tmp_path / "made"
    cut = tmp_path / "cut.nemo"
    cut.write_bytes(model.read_bytes()[:100_000])
    for words, says in (
        ((tmp_path / "none.nemo", made), "no such file"),
        ((cut, made), "is damaged, cut short or no .nemo file"),
        ((model, made, "--chunk-ms", 100), "was trained for 80, 160, 560, 1120"),
    ):
        assert phone_ops(*words) == 1
        *_, reason, last = capfd.readouterr().err.splitlines()
        assert says in reason
        assert "nothing was made" in last
    assert not made.exists() or not list(made.iterdir())
    monkeypatch.setattr(export, "interpreter", lambda engine: "")
    assert phone_ops(model, made) == 1
    assert "build it with make parakeet" in capfd.readouterr().err


def test_silence_proves_nothing(streaming: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither recognizes a word in it."""

    async def nothing(engine: str, options: object, recordings: dict[str, bytes]) -> dict[str, str]:
        return dict.fromkeys(recordings, "")

    monkeypatch.setattr(export, "_heard", nothing)
    monkeypatch.setattr(export, "_exported", lambda *_: {"engine": "sherpa", "chunk_ms": [160], "files": []})
    assert phone_ops(streaming / "ctc.nemo", tmp_path) == 1


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["m", "{folder}", "--tolerance", "2"], "--tolerance 2: expected a fraction from 0 to 1"),
        (["m", "{folder}/file"], "is a file; name a folder"),
        (["m", "{folder}", "--check", "{folder}/none"], "no such folder or manifest"),
        (["m", "{folder}", "--check", "{folder}/empty"], "there is no WAV file in it"),
        (["m", "{folder}", "--check", "{folder}/file"], "line 1: expected JSON with audio_filepath"),
        (["m", "{folder}", "--check", "{folder}/manifest"], "no.wav: cannot be read as a WAV file"),
        (["m", "{folder}", "--check", "{folder}/stereo"], "one channel of 16 bits"),
        (["m", "{folder}", "--chunk-ms", "x"], "is not a whole number"),
        (["m"], "FOLDER"),
    ],
)
def test_wrong_use_is_one_line(words: list[str], says: str, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("nothing\n")
    (tmp_path / "empty").mkdir()
    (tmp_path / "manifest").write_text('{"audio_filepath": "no.wav", "text": "x"}\n')
    (tmp_path / "stereo").mkdir()
    with wave.open(str(tmp_path / "stereo" / "a.wav"), "wb") as file:
        file.setparams((2, 2, 8000, 0, "NONE", ""))
        file.writeframes(bytes(400))
    with pytest.raises(WrongUse) as caught:
        phone_ops(*(word.format(folder=tmp_path) for word in words))
    assert says in str(caught.value)
    assert "\n" not in str(caught.value)


# ---------------------------------------------------------------------------------------------------------- parts


def test_recordings_are_those_that_ship_or_of_a_folder_or_a_manifest(some: Path) -> None:
    shipped = export.read_recordings(None)
    assert "asks_hours_twice/when.wav" in shipped
    assert len(shipped) == len(list(CALLS.glob("*/*.wav")))
    folder = export.read_recordings(some)
    (name,) = (each for each in folder if each.endswith("asks_hours_twice/when.wav"))
    assert folder[name] == shipped["asks_hours_twice/when.wav"]
    manifest = some / "manifest.json"
    line = json.dumps({"audio_filepath": "asks_hours_twice/when.wav", "text": "when are you open"})
    manifest.write_text(f"{line}\n\n")
    assert list(export.read_recordings(manifest).values()) == [folder[name]]


def test_edits_are_words_that_are_inserted_deleted_or_changed() -> None:
    assert edits(["a", "b", "c"], ["a", "b", "c"]) == 0
    assert edits(["a", "b", "c"], ["a", "x", "c", "d"]) == 2
    assert edits([], ["a"]) == edits(["a"], []) == 1
