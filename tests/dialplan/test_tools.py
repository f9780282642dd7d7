"""Tools and models in a dialplan: how they are read, and one line for each mistake."""

from __future__ import annotations

import re
import tomllib
from dataclasses import fields
from pathlib import Path

import pytest

from phone_daemon.dialplan.dialplan import SHIPPED, Dialplan, DialplanError, Dialplans
from phone_daemon.dialplan.model import Model
from phone_daemon.dialplan.tools import BadArguments, Tool, Webhook

LLM = 'called = ["*"]\nagent = "llm"\nllm = { model = "m" }\n'


def load(tmp_path: Path, text: str) -> Dialplan:
    path = tmp_path / "plan.toml"
    path.write_text(text)
    return next(iter(Dialplans.load([path])))


def test_two_lines_make_a_script_think(tmp_path: Path) -> None:
    script = (
        'called = ["*"]\ngreeting = "Hello."\nagent = "script"\n[intents.bye]\ncaller_says = ["bye"]\nsay = ["Bye."]\n'
    )
    thinking = load(tmp_path, script.replace('agent = "script"', 'agent = "llm"\nllm.model = "qwen3:4b"'))
    assert (thinking.agent, thinking.model) == ("llm", Model("qwen3:4b"))
    assert thinking.script.intents.keys() == load(tmp_path, script).script.intents.keys()


def test_a_model_needs_neither_greeting_nor_intents(tmp_path: Path) -> None:
    plan = load(tmp_path, LLM)
    assert (plan.opening, plan.phrases()) == ("", ())


def test_everything_a_model_can_be_told(tmp_path: Path) -> None:
    plan = load(
        tmp_path,
        """
called = ["*"]
agent = "llm"
[llm]
model = "m"
base_url = "https://models.example/v1"
api_key_env = "MODELS_KEY"
prompt = "You are Ada."
max_tokens = 80
temperature = 0.2
thinking = true
first_token_s = 5
extra = { chat_template_kwargs = { enable_thinking = false } }
sorry = "Sorry."
[tools.transfer]
to = { desk = "sip:desk@clinic.example" }
[tools.hang_up]
description = "Only when the caller says goodbye."
[tools.find_slot]
description = "Finds a free time."
url = "https://clinic.example/slots"
method = "GET"
deadline_s = 3
filler = "Let me look."
api_key_env = "CLINIC_KEY"
[tools.find_slot.parameters]
properties = { day = { type = "string", enum = ["today", "tomorrow"] } }
required = ["day"]
""",
    )
    assert plan.model is not None
    assert (plan.model.temperature, plan.model.first_token_s, plan.model.sorry) == (0.2, 5.0, ("Sorry.",))
    assert plan.model.extra == {"chat_template_kwargs": {"enable_thinking": False}}
    transfer, hang_up, find = plan.tools.values()
    assert transfer.to == {"desk": "sip:desk@clinic.example"}
    assert transfer.parameters["properties"]["to"]["enum"] == ["desk"], "the model never sees an address"
    assert hang_up.description == "Only when the caller says goodbye."
    assert find.webhook == Webhook("https://clinic.example/slots", "GET", 3.0, ("Let me look.",), "CLINIC_KEY")
    assert find.declared()["function"]["parameters"]["type"] == "object"


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        (
            'called = ["*"]\nagent = "llm"\n',
            ['2: agent: is "llm", but "llm" is missing; write llm = { model = "NAME" }'],
        ),
        (LLM.replace("model", "modle"), ['3: llm.modle: unknown key; did you mean "mod', '3: llm: "model" is missing']),
        (LLM + "[tools.transfer]\n", ['4: tools.transfer: "to" is missing; write to = {']),
        (LLM + '[tools.transfer]\nto = { a = "desk" }\n', ['5: tools.transfer.to.a: "desk" is no SIP or tel URI']),
        (LLM + "[tools.look]\n", ['4: tools.look: "url" is missing', '4: tools.look: "description" is missing']),
        (
            LLM + '[tools.look]\ndescription = "x"\nurl = "ftp://a/b"\nmethod = "PUT"\n',
            ["6: tools.look.url: is not an HTTP address", '7: tools.look.method: unknown value "PUT"'],
        ),
        (
            LLM + '[tools.look]\ndescription = "x"\nurl = "http://me:secret@a/b"\napi_key_env = "sk-123"\n',
            [
                "6: tools.look.url: is not an HTTP address, or has a password in it",
                "7: tools.look.api_key_env: is not the name",
            ],
        ),
        (
            LLM + '[tools.look]\ndescription = "x"\nurl = "http://a/b"\nparameters = { type = "obj" }\n',
            ["7: tools.look.parameters.type: no JSON schema: 'obj' is not valid"],
        ),
        (
            LLM + '[tools.look]\ndescription = "x"\nurl = "http://a/b"\nparameters = { type = "string" }\n',
            ['7: tools.look.parameters.type: a tool has named arguments; write type = "object"'],
        ),
        (
            LLM.replace('"m"', '"m", extra = { messages = [] }, base_url = "localhost"'),
            ["3: llm.base_url: is not an HTTP address", "3: llm.extra: messages: written by the daemon itself"],
        ),
    ],
)
def test_each_problem_is_one_line_with_line_key_and_remedy(tmp_path: Path, text: str, lines: list[str]) -> None:
    with pytest.raises(DialplanError) as caught:
        load(tmp_path, text)
    told = [line.removeprefix(f"{tmp_path}/plan.toml:") for line in caught.value.lines]
    assert len(told) == len(lines), told
    for line, wanted in zip(told, lines, strict=True):
        assert line.startswith(wanted)
        assert "secret" not in line and "sk-123" not in line


FRONT_DESK = SHIPPED / "llm" / "front_desk.toml"


def test_the_example_names_every_key_of_a_model_with_its_default() -> None:
    text = FRONT_DESK.read_text()
    for key in fields(Model):
        assert re.search(rf"^(# )?{key.name} = ", text, re.M), key.name
    for name in ("base_url", "api_key_env", "thinking", "connect_s", "first_token_s", "stall_s", "extra", "holding"):
        line = re.search(rf"^# ({name} = .*)$", text, re.M)
        assert line is not None
        assert tomllib.loads(line[1])[name] == getattr(Model(""), name)


def test_the_example_loads_with_its_webhook_switched_on(tmp_path: Path) -> None:
    head, mark, tail = FRONT_DESK.read_text().partition("# [tools.find_room]")
    assert mark
    plan = load(tmp_path, head + re.sub(r"^# ", "", mark + tail, flags=re.M))
    assert list(plan.tools) == ["transfer", "hang_up", "take_message", "find_room"]
    assert plan.tools["find_room"].arguments('{"arrival": "2026-03-03", "nights": 2}')["nights"] == 2
    with pytest.raises(BadArguments):
        plan.tools["find_room"].arguments('{"arrival": "2026-03-03", "nights": 31}')


def test_arguments_are_held_to_their_schema() -> None:
    tool = Tool("t", "", {"type": "object", "properties": {"n": {"type": "integer", "minimum": 1}}})
    assert tool.arguments('{"n": 2}') == {"n": 2}
    assert tool.arguments("") == {}
    for wrong in ('{"n": 0}', '{"n": "two"}', "[]", "{", "[" * 100_000):
        with pytest.raises(BadArguments):
            tool.arguments(wrong)
