"""The state of a conversation after a question, and whether the answer was understood correctly."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum

from phone_daemon.agent.agent import CallerTurn
from phone_daemon.agent.script.conversation import Conversation
from phone_daemon.agent.script.state import Answer, Asked, State
from phone_daemon.dialplan.dialplan import Dialplan
from phone_daemon.dialplan.intents import Script, Slot
from phone_daemon.dialplan.slots import YES_NO, Day, Digits, Kind, Text, Time
from phone_daemon.language.words import words
from phone_daemon.settings.problems import nearest

_KINDS: dict[str, type[Kind]] = {"day": Day, "time": Time, "number": Digits}
ANSWERS = ("yes", "no")
QUESTIONS = (*_KINDS, *ANSWERS)
"""What can be wanted besides an intent."""


class Unasked(Exception):
    """The dialplan never asks this: one line that says so."""


class Verdict(StrEnum):
    RIGHT = "right"
    UNCLEAR = "unclear"
    """The agent asked again."""
    WRONG = "wrong"
    """The agent did something else."""


@dataclass(frozen=True, slots=True)
class Judged:
    verdict: Verdict
    taken: str
    """How it was understood: an intent, a kind of value, `yes`, `no`, `unclear`."""
    detail: str = ""
    """The value, if there was one."""


def question(plan: Dialplan, want: str, expects: str) -> State:
    """The state of a conversation in which `want` was asked for. Raises `Unasked`."""
    script = plan.script
    if want and want not in script.intents and want not in QUESTIONS:
        known = nearest(want, (*script.intents, *QUESTIONS))
        raise Unasked(f'want "{want}" is neither an intent of {plan.name} nor one of {", ".join(QUESTIONS)}; {known}')
    if expects and expects not in plan.phrase_sets():
        raise Unasked(f'expects "{expects}": {plan.name} asks no such thing; {nearest(expects, plan.phrase_sets())}')
    if not expects and (want in script.intents or not want):
        return State(said=plan.opening)
    state = _open_question(script, want, expects or (YES_NO if want in ANSWERS else ""))
    if state is None:
        raise Unasked(f'{plan.name} never asks for "{expects or want}"')
    return state


def expected(plan: Dialplan, state: State) -> str:
    """The phrases that the engine is told to expect there."""
    return Conversation(plan).expects(state)


def _open_question(script: Script, want: str, expects: str) -> State | None:
    for intent in script.intents.values():
        slots = [script.slots[name] for name in intent.slots]
        if expects == YES_NO and intent.confirm and not any(isinstance(slot.kind, Text) for slot in slots):
            return State(Asked.CONFIRM, intent=intent.name, values=_values(slots), said=intent.confirm[0])
        for at, slot in enumerate(slots):
            if slot.expects == expects if expects else isinstance(slot.kind, _KINDS[want]):
                return State(Asked.SLOT, slot.name, intent.name, _values(slots[:at]), said=slot.ask[0])
    return None


def _values(slots: Iterable[Slot]) -> dict[str, str]:
    """For each question, a value that it allows."""
    return {slot.name: next(_allowed(slot.kind), "") for slot in slots}


def _allowed(kind: Kind) -> Iterator[str]:
    found = (each.value for said in kind.examples() for each in kind.find(said.split(), True))
    return (value for value in found if kind.allows(value))


def judged(plan: Dialplan, state: State, want: str, value: str, turn: CallerTurn) -> Judged:
    """How the dialplan's script understands `turn`; `value`: the value that was said, empty if any will do."""
    if not turn.text:
        return Judged(Verdict.UNCLEAR, "nothing heard")
    answer = Conversation(plan).answer(state, turn)
    taken = answer.understood
    if taken.intent in ("", "unclear") or answer.state.digits:
        return Judged(Verdict.UNCLEAR, "unclear")
    if want in plan.script.intents:
        wanted = _same(plan.script, taken.intent, value)
        right = taken.intent == want and (not value or not wanted.isdisjoint(taken.slots.values()))
        return Judged(_right(right), taken.intent, ", ".join(taken.slots.values()))
    if taken.intent != state.intent:
        return Judged(Verdict.WRONG, taken.intent)
    if want in ANSWERS and state.asked is Asked.CONFIRM:
        said = _settled(state, answer)
        return Judged(_right(said == want), said)
    return _valued(plan.script, state, answer, want, value)


def _valued(script: Script, state: State, answer: Answer, want: str, value: str) -> Judged:
    """An answer to the question for a slot's value."""
    slot = script.slots[state.slot]
    got = answer.understood.slots.get(slot.name, "")
    if not got and answer.state.slot == slot.name:
        # The value was refused, but it was understood: for example, a day on which nobody is there.
        refused = value and not any(slot.kind.allows(each) for each in _alike(slot, value))
        return Judged(_right(bool(refused)), f"refused {want}")
    right = got in _alike(slot, want if want in ANSWERS else value) if value or want in ANSWERS else bool(got)
    return Judged(_right(right), want if right else f"another {want}", got)


def _settled(state: State, answer: Answer) -> str:
    """`yes`, `no`, or how else an answer to a yes-or-no question was understood."""
    if answer.state.asked is Asked.CONFIRM and dict(answer.state.values) == dict(state.values):
        return "asked again"
    return "yes" if dict(answer.state.settled) == dict(state.values) else "no"


def _same(script: Script, intent: str, value: str) -> set[str]:
    slots = (script.slots[name] for name in script.intents[intent].slots) if intent in script.intents else ()
    return {value}.union(*(_alike(slot, value) for slot in slots))


def _alike(slot: Slot, value: str) -> set[str]:
    """`value`, and its form as a value of the slot: "half past two" is 14:30."""
    return {value, *(found.value for found in slot.kind.find(words(value), True)[-1:])}


def _right(right: bool) -> Verdict:
    return Verdict.RIGHT if right else Verdict.WRONG
