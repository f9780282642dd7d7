from __future__ import annotations

import json
import logging
import subprocess
import sys

from hypothesis import given
from hypothesis import strategies as st

from sidecars.log import Event, JsonFormatter


def record(message: object, *, error: BaseException | None = None) -> logging.LogRecord:
    told = None if error is None else (type(error), error, None)
    return logging.LogRecord("phone_daemon.call", logging.WARNING, "call.py", 1, message, None, told)


def test_an_event_is_a_name_and_fields() -> None:
    assert str(Event("call.ended", call="7-1", seconds=12.5)) == "call.ended call=7-1 seconds=12.5"
    assert str(Event("engine.down", reason='it said "no"')) == r'engine.down reason="it said \"no\""'


@given(st.text())
def test_whatever_a_field_holds_the_line_is_one(text: str) -> None:
    assert len(str(Event("call.ended", reason=text)).split("\n")) == 1
    assert json.loads(JsonFormatter().format(record(Event("call.ended", reason=text))))["reason"] == text


def test_as_json_an_event_has_its_fields_beside_its_name() -> None:
    told = json.loads(JsonFormatter().format(record(Event("call.ended", call="7-1", turns=3))))
    assert told.pop("at").endswith("+00:00")
    assert told == {"level": "warning", "logger": "phone_daemon.call", "event": "call.ended", "call": "7-1", "turns": 3}


def test_as_json_what_is_no_event_is_a_message_and_a_traceback_stays() -> None:
    told = json.loads(JsonFormatter().format(record("the library said so", error=ValueError("no"))))
    assert (told["event"], told["message"]) == ("message", "the library said so")
    assert "ValueError: no" in told["traceback"]


def test_lines_go_to_standard_error() -> None:
    program = (
        "import logging; from sidecars.log import Event, set_up; set_up(logging.INFO, as_json={}); "
        "logging.getLogger('x').info(Event('call.ended', call=7))"
    )
    text, as_json = (
        subprocess.run([sys.executable, "-c", program.format(how)], capture_output=True, text=True, check=True).stderr
        for how in (False, True)
    )
    assert text.split(" ", 2)[2] == "INFO    call.ended call=7\n"
    assert json.loads(as_json)["call"] == 7


def test_what_a_client_library_says_of_each_request_is_not_logged() -> None:
    """In a process of its own, because a process sets up its log once."""
    said = subprocess.run(
        [
            sys.executable,
            "-c",
            "import logging; from sidecars.log import set_up; set_up(logging.INFO)\n"
            "logging.getLogger('httpx2').info('a request'); logging.getLogger('httpx2').warning('a warning')",
        ],
        capture_output=True,
        text=True,
        check=True,
    ).stderr
    assert "a request" not in said
    assert "a warning" in said
