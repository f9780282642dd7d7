"""Who has the floor: one table from (state, input) to (state, commands), and nothing else.

The table decides, and `turn_taking.py` carries out. What an input is about (the reply to give, the actions to take, who
interrupts) is passed through to the command. An input that the table does not list for a state raises `IllegalInput`
and changes nothing; an input that may be ignored is listed as a row without commands.
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
    """The caller's turn is over, and nothing of the reply has been heard yet."""
    SPEAKING = auto()
    """The caller hears the reply."""
    CLOSING = auto()
    """The last word has been said; the call is being ended or transferred."""
    CLOSED = auto()


class Input(Enum):
    ANSWERED = auto()
    """About the greeting."""
    SPEECH_STARTED = auto()
    """The caller begins to speak while the agent does not have the floor."""
    SPEECH_ENDED = auto()
    """Endpoint: the caller has been silent long enough."""
    UNDERSTOOD = auto()
    """The final transcript has words. About the answer."""
    NOTHING = auto()
    """The final transcript is empty: it was noise."""
    RESUME = auto()
    """It was noise, but it interrupted the agent. About what is still to be said."""
    TYPED = auto()
    """DTMF digits make a complete turn. About the answer."""
    NO_INPUT = auto()
    """The caller has said nothing for too long. About what is said then."""
    TOLD = auto()
    """An operator, or the end of the time limit, makes the agent say something. About that."""
    FIRST_AUDIO = auto()
    """The reply's first non-silent frame was handed to RTP."""
    PLAYED_OUT = auto()
    """The reply's last sample was handed to RTP, or it had none."""
    FAREWELL = auto()
    """Like PLAYED_OUT, but the reply ends the call. About the actions that end it."""
    STAYED = auto()
    """The transfer failed, and the caller is still on the line. About what is said then."""
    BARGE_IN = auto()
    """The caller takes the floor: the barge-in policy is satisfied. About who took it, and when."""
    LINE_CLOSED = auto()


class Command(Enum):
    LISTEN = auto()
    """Wait for the caller, with a fresh utterance."""
    FINALIZE = auto()
    """Ask for the utterance's final transcript."""
    REPLY = auto()
    """Start the reply that the input is about."""
    CANCEL = auto()
    """Run the cancel chain on a reply that the caller has partly heard, and listen."""
    WITHDRAW = auto()
    """Run the cancel chain on a reply of which nothing was heard: it counts as never given, and the caller's turn
    continues."""
    ACT = auto()
    """Hang up or transfer, as the reply says."""
    RELEASE = auto()
    """Release everything: the call is over."""
    LAST_WORDS = auto()
    """Log what the caller was saying when the line closed."""


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
"""States with a reply from which the caller can take the floor."""


class IllegalInput(Exception):
    """An input that cannot happen in this state: a defect in the daemon."""


class Floor:
    """The state of one call's conversation."""

    def __init__(self) -> None:
        self.state = State.IDLE

    @property
    def heard(self) -> bool:
        """Whether the agent has the floor, and the caller hears it."""
        return self.state in HAS_FLOOR - {State.THINKING}

    def feed(self, happened: Input) -> tuple[Command, ...]:
        """Moves to the next state, and returns the commands to carry out, in order. Raises `IllegalInput`, and then
        changes nothing."""
        try:
            self.state, commands = TABLE[self.state, happened]
        except KeyError:
            raise IllegalInput(f"{happened.name} in {self.state.name}") from None
        return commands
