"""Talkative copies of dialplans are still dialplans, with the same voice and numbers."""

from __future__ import annotations

from pathlib import Path

from ops.bench.plans import model_plan
from ops.live.verbose_dialplan import MAX_TOKENS, PROMPT, talkative
from phone_daemon.dialplan.dialplan import SHIPPED, Dialplans


def test_a_language_model_is_made_to_talk_and_the_rest_stays(tmp_path: Path) -> None:
    (tmp_path / "copy").mkdir()
    path = model_plan(tmp_path, "http://127.0.0.1:1/v1", "tiny", max_tokens=40, temperature=0.5)
    (before,), (after,) = Dialplans.load([path]), Dialplans.load([talkative(path, tmp_path / "copy")])
    assert before.model is not None
    assert after.model is not None
    assert (before.model.max_tokens, after.model.max_tokens) == (40, MAX_TOKENS)
    assert after.model.prompt == PROMPT
    assert after.model.temperature == 0.5
    assert after.phrases() == before.phrases() != ()
    assert (after.greeting, after.voice, after.hours) == (before.greeting, before.voice, before.hours)


def test_a_script_is_left_alone(tmp_path: Path) -> None:
    for plan in SHIPPED.glob("*.toml"):
        assert talkative(plan, tmp_path) == plan
