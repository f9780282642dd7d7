"""`phone-ops wer`: real engines on freshly synthesized speech, and files that cannot be transcribed."""

from __future__ import annotations

import asyncio
import csv
import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import soundfile

from ops.__main__ import main
from tests.sidecars.clinic import CLINIC, SAID
from tests.sidecars.serve.stt.servers import serving
from tests.sidecars.speech import caller


@pytest.fixture(scope="module")
def spoken(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A manifest of what callers of a clinic say, at 8 kHz."""
    folder = tmp_path_factory.mktemp("spoken")
    rows = []
    for number, text in enumerate(SAID[:4]):
        soundfile.write(str(folder / f"{number}.wav"), np.frombuffer(caller(text), "<i2"), 8000)
        rows.append({"audio_filepath": f"{number}.wav", "text": text.capitalize() + "?"})
    manifest = folder / "manifest.json"
    manifest.write_text("\n".join(map(json.dumps, rows)))
    return manifest


@pytest.fixture
def clinic(tmp_path: Path) -> Iterator[list[str]]:
    phrases = tmp_path / "phrases.json"
    phrases.write_text(json.dumps({"": CLINIC}))
    yield ["--engine", "moonshine", "--option", f"phrases=@{phrases}"]


@pytest.mark.long
def test_what_was_understood_is_counted_in_words(
    spoken: Path, clinic: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = tmp_path / "rows.csv"
    assert main(["wer", str(spoken), *clinic, "--json", "--csv", str(rows)]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["wer"] == 0.0
    assert told["ci95"] == [0.0, 0.0]
    assert told["utterances"] == 4
    assert told["words"] == sum(len(text.split()) for text in SAID[:4])
    assert (told["engine"], told["band"], told["failed"]) == ("moonshine", "telephone", 0)
    assert told["real_time_factor"] > 0
    assert told["seconds_of_audio"] > 4
    with rows.open() as file:
        assert [row["errors"] for row in csv.DictReader(file)] == ["0"] * 4


@pytest.mark.long
def test_both_bands_are_told_beside_each_other_and_the_worst_utterance_is_shown(
    spoken: Path, clinic: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    spoilt = spoken.with_name("spoilt.json")
    spoilt.write_text(spoken.read_text().replace(SAID[0].capitalize(), "Something else entirely"))
    assert main(["wer", str(spoilt), *clinic, "--band", "both", "--worst", "1"]) == 0
    out = capsys.readouterr().out
    assert [line.split()[0] for line in out.splitlines() if line.startswith(("telephone ", "full "))] == [
        "telephone",
        "full",
    ]
    assert out.count("0.wav") == 2
    assert "REF: " in out
    assert "entirely" in out


@pytest.mark.long
def test_a_limit_makes_it_a_gate(spoken: Path, clinic: list[str]) -> None:
    assert main(["wer", str(spoken), *clinic, "--json", "--limit", "0.1"]) == 0
    spoilt = spoken.with_name("spoilt.json")
    spoilt.write_text(spoken.read_text().replace(SAID[0].capitalize(), "Something else entirely"))
    assert main(["wer", str(spoilt), *clinic, "--json", "--limit", "0.1"]) == 1


@pytest.mark.long
async def test_a_listen_server_is_measured_like_an_engine(spoken: Path, capsys: pytest.CaptureFixture[str]) -> None:
    async with serving({"phrases": {"": CLINIC}}) as (_, http):
        url = f"{http.replace('http', 'ws', 1)}/v1/listen"
        assert await asyncio.to_thread(main, ["wer", str(spoken), "--url", url, "--streams", "2", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["wer"] == 0.0


@pytest.mark.long
def test_a_file_that_cannot_be_heard_is_told_and_the_others_are_heard(
    spoken: Path, clinic: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    some = spoken.with_name("some.json")
    some.write_text(f'{spoken.read_text()}\n{{"audio_filepath": "gone.wav", "text": "yes"}}\n')
    assert main(["wer", str(some), *clinic, "--json"]) == 0
    out, err = capsys.readouterr()
    assert json.loads(out)["failed"] == 1
    assert f"{spoken.parent}/gone.wav: no such file" in err
    some.write_text('{"audio_filepath": "gone.wav", "text": "yes"}')
    assert main(["wer", str(some), *clinic, "--json"]) == 2


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (["wer", "nowhere", "--engine", "moonshine"], "nowhere: no such file or folder"),
        (["wer", "nowhere"], "one of the arguments --engine --url is required"),
        (["wer", ".", "--url", "http://x"], "write ws://HOST:PORT/v1/listen"),
        (["wer", ".", "--engine", "moonshine", "--grammar", "bakery"], "--grammar bakery: there are"),
        (["wer", ".", "--engine", "moonshine", "--streams", "0"], "--streams 0: must be at least 1"),
    ],
)
def test_wrong_use_is_one_line(words: list[str], complaint: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(words) == 2
    assert complaint in capsys.readouterr().err.splitlines()[-1]


def test_an_engine_that_cannot_be_loaded_says_why(spoken: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["wer", str(spoken), "--engine", "no_such"]) == 1
    assert "no such engine" in capsys.readouterr().err
