from __future__ import annotations

from typing import get_args

import pytest

from phone_daemon.call.barge_in import BargeInPolicy
from phone_daemon.call.floor import HAS_FLOOR, State
from phone_daemon.dialplan.keys import BargeIn
from phone_daemon.dialplan.policy import Policy

POLICIES: tuple[Policy, ...] = get_args(Policy)


@pytest.mark.parametrize("state", State)
def test_speech_and_keys_take_the_floor_wherever_there_is_one(state: State) -> None:
    policy = BargeInPolicy(BargeIn(policy="speech"))
    assert policy.on_speech(state) is policy.on_digit(state) is (state in HAS_FLOOR)


@pytest.mark.parametrize("state", [State.GREETING, State.SPEAKING])
def test_by_default_a_voice_is_judged_before_it_takes_the_floor(state: State) -> None:
    policy = BargeInPolicy(BargeIn())
    assert policy.by_evidence(state) and not policy.on_speech(state)
    assert policy.on_words(state, "stop") and policy.on_words(state, "no wait")
    assert not policy.on_words(state, "uh-huh") and not policy.on_words(state, "and")


def test_what_a_reply_says_of_itself_comes_before_what_the_dialplan_says() -> None:
    policy = BargeInPolicy(BargeIn(policy="speech"), lambda: "off")
    assert not policy.on_speech(State.SPEAKING) and policy.on_digit(State.SPEAKING)
    assert BargeInPolicy(BargeIn(policy="off"), lambda: "speech").on_speech(State.SPEAKING)


def test_by_words_the_onset_alone_does_not_interrupt_but_enough_words_do() -> None:
    policy = BargeInPolicy(BargeIn(policy="words", min_words=2))
    assert not policy.on_speech(State.SPEAKING)
    assert not policy.on_words(State.SPEAKING, "uh-huh")
    assert policy.on_words(State.SPEAKING, "no wait")
    assert not policy.on_words(State.LISTENING, "no wait")


def test_by_words_a_remark_does_not_interrupt_however_few_words_are_enough() -> None:
    policy = BargeInPolicy(BargeIn(policy="words", min_words=1))
    assert not policy.on_words(State.SPEAKING, "uh-huh")
    assert policy.on_words(State.SPEAKING, "stop")


def test_a_caller_who_goes_on_before_the_reply_is_heard_is_never_talked_over() -> None:
    for policy in POLICIES:
        found = BargeInPolicy(BargeIn(policy=policy))
        assert found.on_speech(State.THINKING) and not found.by_evidence(State.THINKING)


def test_a_protected_greeting_is_heard_to_the_end() -> None:
    policy = BargeInPolicy(BargeIn(policy="speech", greeting=False))
    assert not policy.on_speech(State.GREETING)
    assert not policy.on_digit(State.GREETING)
    assert policy.on_speech(State.SPEAKING)


def test_switched_off_only_keys_interrupt() -> None:
    policy = BargeInPolicy(BargeIn(policy="off"))
    assert not policy.on_speech(State.SPEAKING)
    assert policy.on_digit(State.SPEAKING)
