"""`phone-daemon check`: reports every mistake at once, and starts nothing."""

import subprocess
import sys
from pathlib import Path

import pytest

from phone_daemon.__main__ import main
from phone_daemon.dialplan.dialplan import SHIPPED

PLAN = """
called = ["100"]
greeting = "Hello."
[intents.bye]
caller_says = ["goodbye"]
say = ["Bye."]
"""


def checked(tmp_path: Path, settings: str, capsys: pytest.CaptureFixture[str]) -> tuple[int, str, list[str]]:
    (tmp_path / "s.toml").write_text(settings)
    code = main(["check", "-c", str(tmp_path / "s.toml")])
    out, err = capsys.readouterr()
    return code, out, err.replace(f"{tmp_path}/", "").splitlines()


def test_nothing_wrong_is_told_with_the_dialplans(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "desk.toml").write_text(PLAN)
    code, out, err = checked(tmp_path, 'dialplans = ["desk.toml"]', capsys)
    assert (code, err) == (0, [])
    assert out == f"{tmp_path}/s.toml: no mistakes; dialplans: desk\n"


def test_the_edge_has_a_check_of_its_own(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = checked(tmp_path, '[edge]\nbind = "192.0.2.7"\n', capsys)
    assert code == 0
    assert out.endswith(f"Now check the edge: phone-ops edge check -c {tmp_path}/s.toml\n")


def test_mistakes_in_settings_and_dialplans_are_told_together(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "desk.toml").write_text(PLAN.replace("say = ", "sya = "))
    code, out, err = checked(
        tmp_path, 'dialplans = ["desk.toml", "gone.toml"]\n[sip]\nprot = 5060\n[tts]\nengine = "kokorro"\n', capsys
    )
    assert (code, out) == (1, "")
    assert err == [
        "s.toml:1: dialplans[1]: no such file: gone.toml; paths are relative to the settings file",
        's.toml:3: sip.prot: unknown key; did you mean "port"?',
        's.toml:5: tts.engine: unknown engine "kokorro"; did you mean "kokoro"?',
        'desk.toml:4: intents.bye: "say" is missing; write say = ["…"], what the agent answers to bye',
        'desk.toml:6: intents.bye.sya: unknown key; did you mean "say"?',
    ]


def test_a_key_that_a_dialplan_names_must_be_set(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("DESK_KEY", raising=False)
    (tmp_path / "desk.toml").write_text(
        'called = ["1"]\nagent = "llm"\nllm = { model = "m", api_key_env = "DESK_KEY" }\n'
    )
    code, _, err = checked(tmp_path, 'dialplans = ["desk.toml"]', capsys)
    assert code == 1
    assert err == ['environment: DESK_KEY: is not set, and dialplan "desk" names it (llm.api_key_env)']


def test_defaults_are_fine_and_so_is_an_address_of_another_machine(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["check"]) == 0
    assert capsys.readouterr().out == "the default settings: no mistakes; dialplans: the dental clinic\n"
    assert checked(tmp_path, '[sip]\nbind = "192.0.2.7"', capsys)[0] == 0


def test_every_shipped_dialplan_is_fine(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for path in sorted(SHIPPED.rglob("*.toml")):
        assert checked(tmp_path, f'dialplans = ["{path}"]', capsys)[0] == 0


def test_it_loads_no_part_that_takes_calls(tmp_path: Path) -> None:
    """It would take several times as long."""
    heavy = {"numpy", "openai", "redis", "opentelemetry", "aiohttp", "phone_daemon.daemon", "phone_daemon.call"}
    code = "import sys; from phone_daemon.__main__ import main; main(['check']); print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert not heavy & set(done.stdout.split())
