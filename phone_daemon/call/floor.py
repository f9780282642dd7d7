"""Who has the floor: one table from (state, input) to (state, commands), and nothing else.

The table decides; `turn_taking.py` carries out. What an input is about (the reply to give, the actions to take, who
interrupts) travels through it to the command. An input that the table does not know in a state raises `IllegalInput`
and changes nothing; an input that may be ignored is in the table too, as a row without commands.
"""

from __future__ import annotations

from enum import Enum, auto


class State(Enum):
    IDLE = auto()
    """Not answered yet."""
    GREETING = auto()
    """The agent speaks first."""
    LISTENING = auto()
    """The floor is the caller's, whether or not they speak."""
    THINKING = auto()
    """The caller's turn is over; nothing of the reply has been heard yet."""
    SPEAKING = auto()
    """The caller hears the reply."""
    CLOSING = auto()
    """The last word has been said; the line is being hung up or handed over."""
    CLOSED = auto()


class Input(Enum):
    ANSWERED = auto()
    """About the greeting."""
    SPEECH_STARTED = auto()
    """The caller began to speak, and the agent has no floor to yield."""
    SPEECH_ENDED = auto()
    """Endpoint: the caller has been silent long enough."""
    UNDERSTOOD = auto()
    """The final transcript has words. About the answer."""
    NOTHING = auto()
    """The final transcript is empty: it was noise."""
    RESUME = auto()
    """It was noise, and it interrupted the agent. About what is still to be said."""
    TYPED = auto()
    """DTMF digits make a complete turn. About the answer."""
    NO_INPUT = auto()
    """The caller has said nothing for too long. About what is said to that."""
    TOLD = auto()
    """An operator, or the end of the time limit, tells the agent what to say. About that."""
    FIRST_AUDIO = auto()
    """The reply's first non-silent frame was handed to RTP."""
    PLAYED_OUT = auto()
    """The reply's last sample was handed to RTP, or it had none."""
    FAREWELL = auto()
    """As PLAYED_OUT, and the reply ends the call. About the actions that do."""
    STAYED = auto()
    """The caller could not be handed over, and is still here. About what is said to that."""
    BARGE_IN = auto()
    """The caller takes the floor: the barge-in policy is satisfied. About who took it, and when."""
    LINE_CLOSED = auto()


class Command(Enum):
    LISTEN = auto()
    """Wait for the caller, with a fresh utterance."""
    FINALIZE = auto()
    """Ask for the utterance's final transcript."""
    REPLY = auto()
    """Give the reply that the input is about."""
    CANCEL = auto()
    """Run the cancel chain on a reply of which the caller has heard something, and listen."""
    WITHDRAW = auto()
    """Likewise on one of which nothing was heard: it counts as never given, and the caller's turn goes on."""
    ACT = auto()
    """Hang up or hand over, as the reply said."""
    RELEASE = auto()
    """Let go of everything: the call is over."""
    LAST_WORDS = auto()
    """Write down what the caller was saying when the line closed."""


S, I, C = State, Input, Command  # noqa: E741
Row = tuple[State, tuple[Command, ...]]

TABLE: dict[tuple[State, Input], Row] = {
    (S.IDLE, I.ANSWERED): (S.GREETING, (C.REPLY,)),
    #
    (S.GREETING, I.FIRST_AUDIO): (S.GREETING, ()),
    (S.GREETING, I.SPEECH_STARTED): (S.GREETING, ()),
    (S.GREETING, I.SPEECH_ENDED): (S.GREETING, ()),
    (S.GREETING, I.BARGE_IN): (S.LISTENING, (C.CANCEL,)),
    (S.GREETING, I.PLAYED_OUT): (S.LISTENING, (C.LISTEN,)),
    (S.GREETING, I.FAREWELL): (S.CLOSING, (C.ACT,)),
    #
    (S.LISTENING, I.SPEECH_STARTED): (S.LISTENING, ()),
    (S.LISTENING, I.SPEECH_ENDED): (S.THINKING, (C.FINALIZE,)),
    (S.LISTENING, I.TYPED): (S.THINKING, (C.REPLY,)),
    (S.LISTENING, I.NO_INPUT): (S.THINKING, (C.REPLY,)),
    (S.LISTENING, I.TOLD): (S.THINKING, (C.REPLY,)),
    #
    (S.THINKING, I.UNDERSTOOD): (S.THINKING, (C.REPLY,)),
    (S.THINKING, I.NOTHING): (S.LISTENING, (C.LISTEN,)),
    (S.THINKING, I.RESUME): (S.THINKING, (C.REPLY,)),
    (S.THINKING, I.SPEECH_STARTED): (S.THINKING, ()),
    (S.THINKING, I.SPEECH_ENDED): (S.THINKING, ()),
    (S.THINKING, I.FIRST_AUDIO): (S.SPEAKING, ()),
    (S.THINKING, I.BARGE_IN): (S.LISTENING, (C.WITHDRAW,)),
    (S.THINKING, I.PLAYED_OUT): (S.LISTENING, (C.LISTEN,)),
    (S.THINKING, I.FAREWELL): (S.CLOSING, (C.ACT,)),
    #
    (S.SPEAKING, I.SPEECH_STARTED): (S.SPEAKING, ()),
    (S.SPEAKING, I.SPEECH_ENDED): (S.SPEAKING, ()),
    (S.SPEAKING, I.BARGE_IN): (S.LISTENING, (C.CANCEL,)),
    (S.SPEAKING, I.PLAYED_OUT): (S.LISTENING, (C.LISTEN,)),
    (S.SPEAKING, I.FAREWELL): (S.CLOSING, (C.ACT,)),
    #
    # What still happens on the line after the last word does not matter any more.
    (S.CLOSING, I.SPEECH_STARTED): (S.CLOSING, ()),
    (S.CLOSING, I.SPEECH_ENDED): (S.CLOSING, ()),
    (S.CLOSING, I.STAYED): (S.THINKING, (C.REPLY,)),
    #
    **{(state, I.LINE_CLOSED): (S.CLOSED, (C.RELEASE,)) for state in State if state is not S.CLOSED},
    (S.LISTENING, I.LINE_CLOSED): (S.CLOSED, (C.LAST_WORDS, C.RELEASE)),
}

HAS_FLOOR = frozenset({S.GREETING, S.THINKING, S.SPEAKING})
"""States in which there is a reply that the caller can take the floor from."""


class IllegalInput(Exception):
    """An input that cannot happen in the state: a defect of ours."""


class Floor:
    """The state of one call's conversation."""

    def __init__(self) -> None:
        self.state = State.IDLE

    @property
    def heard(self) -> bool:
        """Whether the agent has the floor, and the caller hears it."""
        return self.state in HAS_FLOOR - {State.THINKING}

    def feed(self, happened: Input) -> tuple[Command, ...]:
        """Moves on, and returns what is to be done, in order. Raises `IllegalInput` and changes nothing."""
        try:
            self.state, commands = TABLE[self.state, happened]
        except KeyError:
            raise IllegalInput(f"{happened.name} in {self.state.name}") from None
        return commands
