"""Dialplans written for earlier versions: they still load, and a line names the current key."""

from __future__ import annotations

from pathlib import Path

import pytest

from phone_daemon.dialplan.dialplan import Dialplans

HEAD = 'called = ["1"]\ngreeting = "Hello."\n'
INTENT = '[intents.bye]\ncaller_says = ["goodbye"]\nsay = "Bye."\n'


def loaded(folder: Path, text: str) -> str:
    (folder / "desk.toml").write_text(text)
    (plan,) = Dialplans.load([folder / "desk.toml"])
    return plan.barge_in.policy


def test_mode_is_read_as_the_policy_and_named(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    assert loaded(tmp_path, HEAD + '[barge_in]\nmode = "words"\nmin_words = 3\n' + INTENT) == "words"
    assert caplog.messages == [
        f'{tmp_path}/desk.toml:4: barge_in.mode: is the old name of policy; write policy = "words" instead'
    ]


@pytest.mark.parametrize("policy", ["adaptive", "speech", "words", "off"])
def test_the_policy_alone_needs_no_table(tmp_path: Path, policy: str, caplog: pytest.LogCaptureFixture) -> None:
    assert loaded(tmp_path, f'{HEAD}barge_in = "{policy}"\n{INTENT}') == policy
    assert caplog.messages == []


def test_without_a_word_about_it_it_is_adaptive(tmp_path: Path) -> None:
    assert loaded(tmp_path, HEAD + INTENT) == "adaptive"
