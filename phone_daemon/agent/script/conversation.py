"""The scripted conversation: what a caller's turn means at this point of the conversation, and the answer to it.

`Conversation` has no state of its own: a turn goes in with a `State`, and an `Answer` comes out with the next one.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace

from phone_daemon.agent.agent import CallerTurn
from phone_daemon.agent.script.reading import Reader, Reading
from phone_daemon.agent.script.request import Request
from phone_daemon.agent.script.scoring import APART, CLOSE, LEAST, MAYBE, SURE, Score
from phone_daemon.agent.script.state import Answer, Asked, State
from phone_daemon.dialplan.dialplan import Dialplan
from phone_daemon.dialplan.intents import Intent, Script, Then
from phone_daemon.dialplan.slots import YES_NO, Digits, Text, YesNo
from phone_daemon.events import Action, ActionKind
from phone_daemon.language.words import words as words_of
from phone_daemon.language.yes_no import AROUND

WHOLE = 0.95
"""From this score on there is no doubt: the caller said that intent and nothing else."""
CLEAR = 0.62
"""From this score on an aside, such as "one moment", or a goodbye is recognized."""
DOUBT = 0.5
"""Below this confidence of the recognizer, nothing irreversible is done: the caller is asked first."""
BRIEF = 4
"""While a question is open, a turn of at most this many words is more likely a misheard answer than another request."""
RIVAL = 0.7
"""Share of the best score from which a second intent is offered beside one that only matches in part."""


class Conversation:
    def __init__(self, plan: Dialplan) -> None:
        self._script = plan.script
        self._open = plan.is_open
        self._no_input = plan.no_input
        self._max_no_input = plan.max_no_input
        self._reader = Reader(plan.script, plan.language)

    def wanted_digits(self, state: State) -> int:
        """How many digits end the turn: the most that the requested number may have, 1 for a choice, 0 for none."""
        if state.asked is Asked.SLOT:
            kind = self._script.slots[state.slot].kind
            if isinstance(kind, Digits):
                return kind.high
        return 1 if self._script.keys or state.asked is Asked.CONFIRM else 0

    def expects(self, state: State) -> str:
        """The kind of answer that the agent's question expects: a set of `Script.phrase_sets`; empty for nothing in
        particular."""
        match state.asked:
            case Asked.SLOT:
                return self._script.slots[state.slot].expects
            case Asked.CONFIRM | Asked.ADD | Asked.ELSE:
                return YES_NO
            case Asked.OFFER if len(state.offered) == 1:
                return YES_NO
            case _:
                return ""

    def answer(self, state: State, turn: CallerTurn, *, interrupted: bool = False) -> Answer:
        """The answer to `turn`; `interrupted`: whether it interrupted the agent's last words.

        If the turn's words are not understood, or do not answer the question, but one of the `others` that the caller
        may well have said does, that one counts instead.
        """
        answer = self._answer(state, turn, interrupted)
        if not turn.others or self._fits(state, answer):
            return answer
        others = (self._answer(state, replace(turn, text=other), interrupted) for other in turn.others)
        return next((other for other in others if self._fits(state, other)), answer)

    def _fits(self, state: State, answer: Answer) -> bool:
        """Whether a turn was understood, and answers the question that was asked, if any."""
        understood = answer.understood.intent not in ("", "unclear") and not answer.state.digits
        asked = state.asked in (Asked.SLOT, Asked.CONFIRM)
        return understood and (not asked or answer.understood.intent == state.intent)

    def _answer(self, state: State, turn: CallerTurn, interrupted: bool) -> Answer:
        step = _Step(self._script, self._reader, self._open, state, interrupted)
        if turn.silent:
            step.silence(turn.silent, self._no_input, self._max_no_input)
        elif turn.digits:
            step.pressed(turn.text)
        else:
            step.heard(turn.text, turn.confidence)
        return step.answer()


class _Step(Request):
    """One turn's part of the conversation, on its way from the old state to the new one."""

    def __init__(self, script: Script, reader: Reader, is_open: bool, state: State, interrupted: bool) -> None:
        super().__init__(script, state, interrupted, is_open)
        self._reader = reader
        self._brief = False

    # ------------------------------------------------------------------------------------------ what came in

    def silence(self, count: int, prompts: Sequence[str], most: int) -> None:
        self._tell("silence")
        if self._state.asked is Asked.ADD:
            self._complete()
            return
        if count > most:
            self._end()
            return
        self._add(prompts[(count - 1) % len(prompts)])
        if self._state.asked is Asked.SLOT:
            self._say_variant(f"slot {self._state.slot}", self._script.slots[self._state.slot].ask)
        elif self._state.asked is Asked.CONFIRM:
            self._ask_confirm()

    def pressed(self, keys: str) -> None:
        state = self._state
        kind = self._script.slots[state.slot].kind if state.asked is Asked.SLOT else None
        digits = re.sub(r"\D", "", keys)
        if isinstance(kind, Digits) and kind.fits(digits):
            self._fill({state.slot: digits})
        elif state.asked is Asked.CONFIRM and keys in ("1", "2"):
            self._complete() if keys == "1" else self._reject()
        elif isinstance(kind, YesNo) and keys in ("1", "2"):
            self._fill({state.slot: "yes" if keys == "1" else "no"})
        elif keys in self._script.keys:
            self._start(self._script.intents[self._script.keys[keys]], {})
        elif isinstance(kind, Digits) or not (number := self._number_intent(digits)):
            self._miss()
        else:
            self._start(number[0], {number[1]: digits})

    def _number_intent(self, digits: str) -> tuple[Intent, str] | None:
        """The intent that a number alone indicates, and the slot that it fills."""
        for intent in self._script.intents.values():
            for name in intent.slots:
                kind = self._script.slots[name].kind
                if isinstance(kind, Digits) and kind.fits(digits) and f"{{{name}}}" in intent.sentences:
                    return intent, name
        return None

    def heard(self, text: str, confidence: float) -> None:
        state = self._state
        self._sure = confidence >= DOUBT
        words = words_of(text)
        self._brief = len(words) <= BRIEF
        reading = self._reader.read(words, state)
        if not words:
            self._miss()
        elif state.asked is Asked.ADD or self._leaving_text():
            self._text(text, reading)
        elif state.asked in (Asked.SLOT, Asked.CONFIRM, Asked.CHANGE):
            self._in_request(reading)
        elif chosen := self._chosen(words):
            self._start(self._script.intents[chosen], reading.values)
        elif reading.best.score < WHOLE and (both := self._reader.both(words, state)):
            first, second = both
            self._state = replace(state, later=second.best.intent, later_values=second.values)
            self._start(self._script.intents[first.best.intent], first.values)
        else:
            self._outside(reading)

    def _chosen(self, words: Sequence[str]) -> str:
        """Which of two offered intents was chosen by its place, as in "the second one"; empty if none was."""
        offered = self._state.offered if self._state.asked is Asked.OFFER else ()
        said = [word for word in words if word not in AROUND]
        if len(offered) != 2 or len(said) != 1:
            return ""
        return {"first": offered[0], "former": offered[0], "second": offered[1], "latter": offered[1]}.get(said[0], "")

    def _leaving_text(self) -> bool:
        return self._state.asked is Asked.SLOT and isinstance(self._script.slots[self._state.slot].kind, Text)

    # ------------------------------------------------------------------------------------------ where it stands

    def _text(self, text: str, reading: Reading) -> None:
        """The caller is leaving a text: hardly anything counts as something else."""
        state = self._state
        adding = state.asked is Asked.ADD
        if (reading.only and reading.answer == "no") or (reading.gives_up and not adding):
            self._complete() if adding else self._drop()
        elif reading.only and adding:
            self._tell(state.intent, state.values)
            self._say_prompt("listening")
        elif reading.best.score >= WHOLE and reading.best.intent != state.intent:
            self._start(self._script.intents[reading.best.intent], {})
        else:
            said = " ".join(part for part in (state.values.get(state.slot, ""), text.strip()) if part)
            self._state = replace(state, values={**state.values, state.slot: said}, asked=Asked.ADD, misses=0)
            self._before.append(Action(ActionKind.TAKE_MESSAGE, "\n".join((*state.texts, said))))
            self._tell(state.intent, self._state.values)
            self._say_prompt("add")

    def _in_request(self, reading: Reading) -> None:
        """A request's question is open: a value answers it, and a clear request for something else outweighs it."""
        state = self._state
        intent = self._script.intents[state.intent]
        confirming = state.asked is Asked.CONFIRM
        values = {name: value for name, value in reading.values.items() if name in intent.slots}
        if reading.gives_up and not values:
            self._drop()
        elif self._outweighs(reading, intent, values):
            self._start(self._script.intents[reading.other_than(intent.name).intent], reading.values)
        elif confirming and reading.answer == "yes" and not self._differ(values):
            self._complete()
        elif values and not (confirming and reading.answer == "no" and not self._differ(values)):
            self._fill(values)
        elif reading.answer == "no" and (reading.only or confirming):
            self._reject() if confirming else self._drop()
        elif reading.score(intent.name) >= LEAST and not reading.answer:
            self._advance()
        else:
            self._miss()

    def _outweighs(self, reading: Reading, intent: Intent, values: Mapping[str, str]) -> bool:
        """Whether the caller wants something else instead of answering the question of `intent`."""
        other = reading.other_than(intent.name)
        if not other.intent or other.score <= reading.score(intent.name):
            return False
        confirming = self._state.asked is Asked.CONFIRM
        if reading.only and confirming:
            return False
        if values and self._aside(self._script.intents[other.intent]):
            return False
        answered = self._state.slot in values if self._state.asked is Asked.SLOT else bool(values)
        leaving = self._leaves(other) or self._by_the_way(other)
        said = reading.answer and (confirming or (reading.only and not self._interrupted))
        doubtful = answered or leaving or self._brief or said
        return other.score >= (SURE if doubtful else LEAST)

    def _by_the_way(self, best: Score) -> bool:
        """Whether it was said in passing rather than as a request: in few words, some of which belong only to it."""
        intent = self._script.intents.get(best.intent)
        return intent is not None and (intent.then is Then.REPEAT or self._aside(intent))

    def _leaves(self, best: Score) -> bool:
        intent = self._script.intents.get(best.intent)
        return intent is not None and intent.then is Then.HANG_UP

    def _leaves_unasked(self, best: Score) -> bool:
        """Whether it says goodbye before the agent asked if there is anything else."""
        return self._leaves(best) and self._state.asked is not Asked.ELSE

    def _differ(self, values: Mapping[str, str]) -> bool:
        return any(self._state.values.get(name) != value for name, value in values.items())

    def _outside(self, reading: Reading) -> None:
        """No request is open."""
        state = self._state
        best, rival = reading.best, reading.other_than(reading.best.intent)
        corrected = {name: reading.values[name] for name in state.settled if name in reading.values}
        if reading.only and (state.asked is Asked.ELSE or self._settles(reading)):
            self._yes_or_no(reading.answer)
        elif corrected and (best.score < LEAST or self._aside(self._script.intents[best.intent])):
            self._state = replace(state, intent=state.done, values={**state.settled, **corrected}, misses=0)
            self._advance()
        elif LEAST <= best.score < WHOLE and best.score - rival.score < (CLOSE if reading.agreed else APART):
            self._clarify(best, rival)
        elif best.score >= (CLEAR if self._by_the_way(best) or self._leaves_unasked(best) else LEAST):
            self._start(self._script.intents[best.intent], reading.values)
        elif best.score >= MAYBE and self._script.intents[best.intent].offer and not state.misses:
            self._clarify(*(each for each in (best, rival) if each.score >= RIVAL * best.score))
        else:
            self._miss()

    def _settles(self, reading: Reading) -> bool:
        """Whether a yes or no alone answers an offer."""
        return self._state.asked is Asked.OFFER and (reading.answer == "no" or len(self._state.offered) == 1)

    def _yes_or_no(self, answer: str) -> None:
        self._sure = True  # because they were asked
        if self._state.asked is Asked.OFFER and answer == "yes":
            self._start(self._script.intents[self._state.offered[0]], {})
        elif self._state.asked is Asked.ELSE and answer == "no":
            self._tell("goodbye")
            self._end()
        else:
            self._tell("more" if answer == "yes" else "dropped")
            self._drop()
