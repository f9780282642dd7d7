from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from phone_daemon.call.floor import TABLE, Command, Floor, IllegalInput, Input, State


def walk(*inputs: Input) -> tuple[State, list[Command]]:
    floor = Floor()
    commands = [command for happened in inputs for command in floor.feed(happened)]
    return floor.state, commands


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
        Command.REPLY,
        Command.LISTEN,
        Command.FINALIZE,
        Command.REPLY,
        Command.ACT,
        Command.RELEASE,
    ]


@pytest.mark.parametrize(
    ("before", "how"),
    [
        ((Input.ANSWERED, Input.FIRST_AUDIO), Command.CANCEL),
        ((Input.ANSWERED, Input.PLAYED_OUT, Input.TYPED), Command.WITHDRAW),
        ((Input.ANSWERED, Input.PLAYED_OUT, Input.TYPED, Input.FIRST_AUDIO), Command.CANCEL),
    ],
    ids=["greeting", "thinking", "speaking"],
)
def test_the_caller_can_take_the_floor_wherever_there_is_one_to_take(before: tuple[Input, ...], how: Command) -> None:
    state, commands = walk(*before, Input.BARGE_IN)
    assert (state, commands[-1]) == (State.LISTENING, how)


@pytest.mark.parametrize("state", State)
def test_an_agent_is_heard_while_it_greets_and_speaks(state: State) -> None:
    floor = Floor()
    floor.state = state
    assert floor.heard is (state in {State.GREETING, State.SPEAKING})


def test_noise_that_held_no_words_gives_the_floor_back_without_a_reply() -> None:
    state, commands = walk(Input.ANSWERED, Input.PLAYED_OUT, Input.SPEECH_STARTED, Input.SPEECH_ENDED, Input.NOTHING)
    assert state is State.LISTENING
    assert Command.REPLY not in commands[1:]


@given(st.lists(st.sampled_from(Input), max_size=40))
def test_an_illegal_input_raises_and_changes_nothing(inputs: list[Input]) -> None:
    floor = Floor()
    for happened in inputs:
        before = floor.state
        if (before, happened) in TABLE:
            floor.feed(happened)
            assert floor.state is TABLE[before, happened][0]
        else:
            with pytest.raises(IllegalInput, match=f"{happened.name} in {before.name}"):
                floor.feed(happened)
            assert floor.state is before


def test_every_state_can_be_reached_and_every_state_but_the_last_can_be_left() -> None:
    assert {state for state, _ in TABLE.values()} | {State.IDLE} == set(State)
    assert {state for state, _ in TABLE} == set(State) - {State.CLOSED}


@pytest.mark.parametrize("state", [state for state in State if state is not State.CLOSED])
def test_a_closed_line_ends_the_call_from_every_state_and_what_was_being_said_is_written_down(state: State) -> None:
    last_words = (Command.LAST_WORDS,) if state is State.LISTENING else ()
    assert TABLE[state, Input.LINE_CLOSED] == (State.CLOSED, (*last_words, Command.RELEASE))
