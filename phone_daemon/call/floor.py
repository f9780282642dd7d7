"""Who has the floor: one table from (state, input) to (state, commands), and nothing else.

The machine decides, `call.py` does. An input that the table does not know in a state raises `IllegalInput` and
changes nothing; what may be ignored is in the table too, as a row without commands.
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
    INTERRUPTED = auto()
    """The agent yields; until a fresh recognition session has been fed the pre-roll."""
    CLOSING = auto()
    """The last word has been said; the line is being hung up or handed over."""
    CLOSED = auto()


class Input(Enum):
    ANSWERED = auto()
    SPEECH_STARTED = auto()
    """The caller began to speak, and the agent has no floor to yield."""
    SPEECH_ENDED = auto()
    """Endpoint: the caller has been silent long enough."""
    UNDERSTOOD = auto()
    """The final transcript has words."""
    NOTHING = auto()
    """The final transcript is empty: it was noise."""
    RESUME = auto()
    """It was noise, and it interrupted the agent: the rest of what was being said is still owed."""
    TYPED = auto()
    """DTMF digits make a complete turn."""
    NO_INPUT = auto()
    """The caller has said nothing for too long."""
    TOLD = auto()
    """An operator tells the agent what to say."""
    FIRST_AUDIO = auto()
    """The reply's first non-silent frame was handed to RTP."""
    PLAYED_OUT = auto()
    """The reply's last sample was handed to RTP, or it had none."""
    FAREWELL = auto()
    """As PLAYED_OUT, and the reply ends the call."""
    YIELD = auto()
    """The caller takes the floor: the barge-in policy is satisfied."""
    LISTENS = auto()
    """A fresh recognition session is live and has the pre-roll."""
    LINE_CLOSED = auto()


class Command(Enum):
    GREET = auto()
    LISTEN = auto()
    """Start waiting for the caller, with a fresh recognition session."""
    FINALIZE = auto()
    """Ask the recognition session for its final transcript."""
    REPLY = auto()
    CANCEL = auto()
    """Run the cancel chain on the reply."""
    ACT = auto()
    """Hang up or hand over, as the reply said."""
    RELEASE = auto()
    """Let go of everything: the call is over."""


S, I, C = State, Input, Command  # noqa: E741
Row = tuple[State, tuple[Command, ...]]

TABLE: dict[tuple[State, Input], Row] = {
    (S.IDLE, I.ANSWERED): (S.GREETING, (C.GREET,)),
    #
    (S.GREETING, I.FIRST_AUDIO): (S.GREETING, ()),
    (S.GREETING, I.SPEECH_STARTED): (S.GREETING, ()),
    (S.GREETING, I.SPEECH_ENDED): (S.GREETING, ()),
    (S.GREETING, I.YIELD): (S.INTERRUPTED, (C.CANCEL,)),
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
    (S.THINKING, I.YIELD): (S.INTERRUPTED, (C.CANCEL,)),
    (S.THINKING, I.PLAYED_OUT): (S.LISTENING, (C.LISTEN,)),
    (S.THINKING, I.FAREWELL): (S.CLOSING, (C.ACT,)),
    #
    (S.SPEAKING, I.SPEECH_STARTED): (S.SPEAKING, ()),
    (S.SPEAKING, I.SPEECH_ENDED): (S.SPEAKING, ()),
    (S.SPEAKING, I.YIELD): (S.INTERRUPTED, (C.CANCEL,)),
    (S.SPEAKING, I.PLAYED_OUT): (S.LISTENING, (C.LISTEN,)),
    (S.SPEAKING, I.FAREWELL): (S.CLOSING, (C.ACT,)),
    #
    (S.INTERRUPTED, I.LISTENS): (S.LISTENING, ()),
    #
    # What still happens on the line after the last word does not matter any more.
    (S.CLOSING, I.SPEECH_STARTED): (S.CLOSING, ()),
    (S.CLOSING, I.SPEECH_ENDED): (S.CLOSING, ()),
    #
    **{(state, I.LINE_CLOSED): (S.CLOSED, (C.RELEASE,)) for state in State if state is not S.CLOSED},
}

HAS_FLOOR = frozenset({S.GREETING, S.THINKING, S.SPEAKING})
"""States in which there is a reply that the caller can take the floor from."""


class IllegalInput(Exception):
    """An input that cannot happen in the state: a defect of ours."""


class Machine:
    """The state of one call's conversation."""

    def __init__(self) -> None:
        self.state = State.IDLE

    def feed(self, happened: Input) -> tuple[Command, ...]:
        """Moves on, and returns what is to be done, in order. Raises `IllegalInput` and changes nothing."""
        try:
            self.state, commands = TABLE[self.state, happened]
        except KeyError:
            raise IllegalInput(f"{happened.name} in {self.state.name}") from None
        return commands
