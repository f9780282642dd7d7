"""`phone-daemon try`: a conversation by typing, with a script and with a language model."""

import io
import json
from pathlib import Path

import pytest

from phone_daemon.__main__ import main
from phone_daemon.cli import try_dialplan
from phone_daemon.dialplan.dialplan import SHIPPED
from phone_daemon.settings.settings import LlmSettings, Settings
from tests.sse_server import SseServer, calls, says

RECEPTION = SHIPPED / "start" / "reception.toml"


def typed(monkeypatch: pytest.MonkeyPatch, *lines: str) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("".join(f"{line}\n" for line in lines)))


def test_a_script_answers_and_shows_what_it_understood(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    typed(monkeypatch, "i want to book a table", "four", "tomorrow", "yes", "bye", "never read")
    assert main(["try", str(RECEPTION)]) == 0
    out = capsys.readouterr().out.splitlines()
    assert out[1].startswith("agent:  Thank you for calling.")
    assert out[2:5] == [
        "caller: i want to book a table",
        "        [understood: book]",
        "agent:  For two or for four people?",
    ]
    assert "        [understood: book, size = 'large', day = 'tomorrow']" in out
    assert "agent:  You have a table for four tomorrow. Is there anything else?" in out
    assert out[-1] == "        [hang_up]"


def test_digits_alone_are_keys_and_an_empty_line_is_silence(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    typed(monkeypatch, "", "2")
    assert main(["try", str(RECEPTION)]) == 0
    out = capsys.readouterr().out
    assert "        [understood: silence]\nagent:  Are you still there?\n" in out
    assert "caller: 2\n        [understood: hours]\n" in out


def test_outside_opening_hours_the_closed_greeting_is_said(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    typed(monkeypatch)
    assert main(["try", str(SHIPPED / "dental_clinic.toml"), "--closed"]) == 0
    out = capsys.readouterr().out
    assert "The dialplan is outside its opening hours." in out
    assert "agent:  Welcome to Riverside Dental. We are closed just now" in out


def test_a_dialplan_without_hours_is_never_closed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["try", str(RECEPTION), "--closed"]) == 2
    assert capsys.readouterr().err == f"{RECEPTION}: has no [hours], so it is never closed; leave out --closed\n"


def test_a_dialplan_with_mistakes_is_told_a_line_each(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "bad.toml").write_text('called = ["1"]\ngreeting = "Hello."\n')
    assert main(["try", str(tmp_path / "bad.toml")]) == 2
    [line] = capsys.readouterr().err.splitlines()
    assert line.startswith(f"{tmp_path}/bad.toml:1: has no intents;")


MODEL_PLAN = """
called = ["1"]
agent = "llm"
greeting = "Hotel, hello."
[llm]
model = "m"
prompt = "You are a porter."
[tools.hang_up]
"""


async def test_a_language_model_answers_remembers_and_ends_the_call(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "hotel.toml").write_text(MODEL_PLAN)
    typed(monkeypatch, "when is breakfast", "thank you, bye")
    async with SseServer() as server:
        server.answers(says("From seven until ten."), calls("hang_up", "{}", before="Goodbye."))
        settings = Settings(llm=LlmSettings(server.base_url))
        assert await try_dialplan.run(tmp_path / "hotel.toml", settings) == 0
        said = [message["content"] for message in server.requests[1]["messages"][1:]]
    assert said[-2:] == ["From seven until ten.", "thank you, bye"]
    assert "when is breakfast" in json.dumps(said)
    out = capsys.readouterr().out
    assert "agent:  Hotel, hello.\ncaller: when is breakfast\nagent:  From seven until ten.\n" in out
    assert out.endswith("agent:  Goodbye.\n        [hang_up]\n")
