from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from phone_daemon.call.floor import TABLE, Command, IllegalInput, Input, Machine, State


def walk(*inputs: Input) -> tuple[State, list[Command]]:
    machine = Machine()
    commands = [command for happened in inputs for command in machine.feed(happened)]
    return machine.state, commands


def test_a_call_that_is_greeted_asks_once_and_is_bid_farewell() -> None:
    state, commands = walk(
        Input.ANSWERED,
        Input.FIRST_AUDIO,
        Input.PLAYED_OUT,
        Input.SPEECH_STARTED,
        Input.SPEECH_ENDED,
        Input.UNDERSTOOD,
        Input.FIRST_AUDIO,
        Input.FAREWELL,
        Input.LINE_CLOSED,
    )
    assert state is State.CLOSED
    assert commands == [
        Command.GREET,
        Command.LISTEN,
        Command.FINALIZE,
        Command.REPLY,
        Command.ACT,
        Command.RELEASE,
    ]


@pytest.mark.parametrize(
    "before",
    [
        (Input.ANSWERED, Input.FIRST_AUDIO),
        (Input.ANSWERED, Input.PLAYED_OUT, Input.TYPED),
        (Input.ANSWERED, Input.PLAYED_OUT, Input.TYPED, Input.FIRST_AUDIO),
    ],
    ids=["greeting", "thinking", "speaking"],
)
def test_the_caller_can_take_the_floor_wherever_there_is_one_to_take(before: tuple[Input, ...]) -> None:
    state, commands = walk(*before, Input.YIELD)
    assert (state, commands[-1]) == (State.INTERRUPTED, Command.CANCEL)
    state, commands = walk(*before, Input.YIELD, Input.LISTENS)
    assert (state, commands[-1]) == (State.LISTENING, Command.CANCEL)


def test_noise_that_held_no_words_gives_the_floor_back_without_a_reply() -> None:
    state, commands = walk(Input.ANSWERED, Input.PLAYED_OUT, Input.SPEECH_STARTED, Input.SPEECH_ENDED, Input.NOTHING)
    assert state is State.LISTENING
    assert Command.REPLY not in commands


@given(st.lists(st.sampled_from(Input), max_size=40))
def test_an_illegal_input_raises_and_changes_nothing(inputs: list[Input]) -> None:
    machine = Machine()
    for happened in inputs:
        before = machine.state
        if (before, happened) in TABLE:
            machine.feed(happened)
            assert machine.state is TABLE[before, happened][0]
        else:
            with pytest.raises(IllegalInput, match=f"{happened.name} in {before.name}"):
                machine.feed(happened)
            assert machine.state is before


def test_every_state_can_be_reached_and_every_state_but_the_last_can_be_left() -> None:
    assert {state for state, _ in TABLE.values()} | {State.IDLE} == set(State)
    assert {state for state, _ in TABLE} == set(State) - {State.CLOSED}


def test_a_closed_line_ends_the_call_from_every_state() -> None:
    for state in set(State) - {State.CLOSED}:
        assert TABLE[state, Input.LINE_CLOSED] == (State.CLOSED, (Command.RELEASE,))
