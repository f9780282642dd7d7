"""The scripted conversation: what a caller's turn means where the conversation stands, and what is answered.

`Conversation` holds no state of its own: a turn goes in with a `State`, an `Answer` comes out with the next one.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from enum import Enum, auto

from phone_daemon.events import Action, ActionKind, Understood
from phone_daemon.mind.agent import CallerTurn
from phone_daemon.mind.grammar import words as words_of
from phone_daemon.mind.intents import Intent, Prompts, Script, Then
from phone_daemon.mind.scoring import CLOSE, LEAST, MAYBE, SURE, Matcher, Score
from phone_daemon.mind.slots import Digits, Text, YesNo, only_yes_or_no, yes_or_no

WHOLE = 0.95
"""A score from here on ends a message that is being left: nothing but that intent was said."""
_HIDDEN = "(given)"
"""Shown instead of a text, which is personal."""
_START = re.compile(r"(^|[.?!]\s+)([a-z])")


class Asked(Enum):
    """What the agent's last words asked for."""

    NOTHING = auto()
    SLOT = auto()
    CONFIRM = auto()
    CHANGE = auto()
    """Which value was wrong."""
    ADD = auto()
    """Whether there is anything to add to a text."""
    OFFER = auto()
    """Whether one of the `offered` intents was meant."""
    ELSE = auto()
    """Whether there is anything else."""


@dataclass(frozen=True, slots=True)
class State:
    """Where a conversation stands."""

    asked: Asked = Asked.NOTHING
    slot: str = ""
    """The slot that was asked for."""
    intent: str = ""
    """The intent whose slots are being filled."""
    values: Mapping[str, str] = field(default_factory=dict)
    digits: str = ""
    """The digits heard so far of a number that comes in pieces."""
    offered: tuple[str, ...] = ()
    done: str = ""
    """The intent that was settled last, and with what: it can still be corrected."""
    settled: Mapping[str, str] = field(default_factory=dict)
    texts: tuple[str, ...] = ()
    """What the caller has left, one text a line."""
    misses: int = 0
    """Turns in a row that were not understood."""
    said: str = ""
    turns: Mapping[str, int] = field(default_factory=dict)
    """How often each prompt was used: its wordings take turns."""


@dataclass(frozen=True, slots=True)
class Answer:
    state: State
    understood: Understood
    text: str
    before: tuple[Action, ...] = ()
    """Done before anything is said."""
    after: tuple[Action, ...] = ()


class Conversation:
    def __init__(self, script: Script, *, is_open: bool, no_input: Sequence[str], max_no_input: int) -> None:
        self._script = script
        self._open = is_open
        self._no_input = tuple(no_input)
        self._max_no_input = max_no_input
        self._matcher = Matcher({name: intent.sentences for name, intent in script.intents.items()})

    def wanted_digits(self, state: State) -> int:
        """How many digits end the turn: as many as the number asked for may have, 1 for a choice, 0 for none."""
        if state.asked is Asked.SLOT:
            kind = self._script.slots[state.slot].kind
            if isinstance(kind, Digits):
                return kind.high
        return 1 if self._script.keys or state.asked is Asked.CONFIRM else 0

    def answer(self, state: State, turn: CallerTurn, *, interrupted: bool = False) -> Answer:
        """The answer to `turn`; `interrupted` when it broke off the agent's last words."""
        step = _Step(self._script, self._matcher, self._open, state, interrupted)
        if turn.silent:
            step.silence(turn.silent, self._no_input, self._max_no_input)
        elif turn.digits:
            step.pressed(turn.text)
        else:
            step.heard(words_of(turn.text), turn.text)
        return step.answer()


class _Step:
    """One turn's worth of the conversation, on its way from the old state to the new one."""

    def __init__(self, script: Script, matcher: Matcher, is_open: bool, state: State, interrupted: bool) -> None:
        self._script = script
        self._matcher = matcher
        self._open = is_open
        self._state = state
        self._interrupted = interrupted
        self._parts: list[str] = []
        self._before: list[Action] = []
        self._after: list[Action] = []
        self._understood = ""
        self._shown: Mapping[str, str] | None = None

    def answer(self) -> Answer:
        text = _START.sub(lambda match: match[1] + match[2].upper(), " ".join(part for part in self._parts if part))
        state = replace(self._state, said=text or self._state.said)
        shown = {name: self._show(name, value) for name, value in (self._shown or {}).items()}
        return Answer(state, Understood(self._understood, shown), text, tuple(self._before), tuple(self._after))

    def _show(self, name: str, value: str) -> str:
        return _HIDDEN if isinstance(self._script.slots[name].kind, Text) else value

    # ------------------------------------------------------------------------------------------ what came in

    def silence(self, count: int, prompts: Sequence[str], most: int) -> None:
        self._understood = "silence"
        if count > most:
            self._say_prompt("goodbye")
            self._after.append(Action(ActionKind.HANG_UP))
            return
        self._parts.append(prompts[(count - 1) % len(prompts)])
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
        """The intent that a number alone stands for, and the slot it fills."""
        for intent in self._script.intents.values():
            for name in intent.slots:
                kind = self._script.slots[name].kind
                if isinstance(kind, Digits) and kind.fits(digits) and f"{{{name}}}" in intent.sentences:
                    return intent, name
        return None

    def heard(self, words: Sequence[str], text: str) -> None:
        state = self._state
        if not words:
            self._miss()
            return
        ranked, found = self._understand(words)
        if state.asked is Asked.ADD or self._leaving_text():
            self._text(words, text, ranked)
        elif state.asked in (Asked.SLOT, Asked.CONFIRM, Asked.CHANGE):
            self._in_request(words, ranked, found)
        else:
            self._outside(words, ranked, found)

    def _understand(self, words: Sequence[str]) -> tuple[list[Score], dict[str, str]]:
        """The intents, best first, and the value of each slot that has one."""
        found: dict[str, str] = {}
        where: dict[str, Collection[int]] = {}
        for name, slot in self._script.slots.items():
            expected = self._state.asked is Asked.SLOT and self._state.slot == name
            if isinstance(slot.kind, Text | YesNo) and not expected:
                continue
            if values := slot.kind.find(words, expected):
                found[name] = values[-1].value
                where[name] = [at for value in values for at in range(value.start, value.end)]
        return self._matcher.rank(words, where), found

    def _leaving_text(self) -> bool:
        return self._state.asked is Asked.SLOT and isinstance(self._script.slots[self._state.slot].kind, Text)

    # ------------------------------------------------------------------------------------------ where it stands

    def _text(self, words: Sequence[str], text: str, ranked: Sequence[Score]) -> None:
        """A text is being left: hardly anything is taken for something else."""
        state = self._state
        answer = yes_or_no(words) if only_yes_or_no(words) else ""
        if answer == "no":
            self._complete() if state.asked is Asked.ADD else self._drop()
        elif answer == "yes" and state.asked is Asked.ADD:
            self._shown = state.values
            self._understood = state.intent
            self._say_prompt("listening")
        elif ranked and ranked[0].score >= WHOLE and ranked[0].intent != state.intent:
            self._start(self._script.intents[ranked[0].intent], {})
        else:
            name = state.slot
            said = " ".join(part for part in (state.values.get(name, ""), text.strip()) if part)
            self._state = replace(state, values={**state.values, name: said}, asked=Asked.ADD, misses=0)
            self._before.append(Action(ActionKind.TAKE_MESSAGE, "\n".join((*state.texts, said))))
            self._shown = self._state.values
            self._understood = state.intent
            self._say_prompt("add")

    def _in_request(self, words: Sequence[str], ranked: Sequence[Score], found: Mapping[str, str]) -> None:
        """A question of a request is open: a value answers it, a clear request for something else outweighs it."""
        state = self._state
        intent = self._script.intents[state.intent]
        values = {name: value for name, value in found.items() if name in intent.slots}
        answered = state.slot in values if state.asked is Asked.SLOT else bool(values)
        answer = yes_or_no(words)
        only = only_yes_or_no(words)
        other = next((each for each in ranked if each.intent != state.intent), None)
        enough = SURE if answered or (only and not self._interrupted) else LEAST
        own = next((each.score for each in ranked if each.intent == state.intent), 0.0)
        if other and other.score >= enough and other.score > own and not (only and state.asked is Asked.CONFIRM):
            self._start(self._script.intents[other.intent], found)
        elif state.asked is Asked.CONFIRM and answer == "yes" and not self._differ(values):
            self._complete()
        elif values:
            self._fill(values)
        elif answer == "no" and (only or state.asked is Asked.CONFIRM):
            self._reject() if state.asked is Asked.CONFIRM else self._drop()
        elif own >= LEAST and not answer:
            self._advance()
        else:
            self._miss()

    def _differ(self, values: Mapping[str, str]) -> bool:
        return any(self._state.values.get(name) != value for name, value in values.items())

    def _outside(self, words: Sequence[str], ranked: Sequence[Score], found: Mapping[str, str]) -> None:
        """No request is open."""
        state = self._state
        answer = yes_or_no(words)
        done = self._script.intents.get(state.done)
        corrected = {name: found[name] for name in state.settled if name in found}
        best = ranked[0] if ranked else Score("", 0.0)
        rival = ranked[1] if len(ranked) > 1 else Score("", 0.0)
        if state.asked is Asked.OFFER and only_yes_or_no(words) and (answer == "no" or len(state.offered) == 1):
            if answer == "yes":
                self._start(self._script.intents[state.offered[0]], {})
            else:
                self._drop()
        elif state.asked is Asked.ELSE and only_yes_or_no(words):
            self._understood = "goodbye" if answer == "no" else "more"
            if answer == "no":
                self._end()
            else:
                self._drop()
        elif best.score >= LEAST and best.score - rival.score < CLOSE and best.score < WHOLE:
            self._clarify([each for each in (best, rival) if each.score])
        elif best.score >= LEAST:
            self._start(self._script.intents[best.intent], found)
        elif done and corrected:
            self._state = replace(state, intent=done.name, values={**state.settled, **corrected}, misses=0)
            self._advance()
        elif best.score >= MAYBE and self._script.intents[best.intent].offer and not state.misses:
            self._clarify([best])
        else:
            self._miss()

    # ------------------------------------------------------------------------------------------ what is done

    def _start(self, intent: Intent, found: Mapping[str, str]) -> None:
        """Takes up a request. One that needs nothing is answered, and an open question is asked again after it."""
        state = self._state
        if intent.then is Then.REPEAT:
            self._understood = intent.name
            self._shown = {}
            self._parts.append(state.said)
            self._state = replace(state, misses=0)
            return
        closed = bool(intent.closed_say) and not self._open
        open_question = state.asked in (Asked.SLOT, Asked.CONFIRM) and state.intent != intent.name
        passing = intent.then in (Then.MORE, Then.LISTEN) and not intent.slots and not closed
        if passing and open_question and not self._interrupted:
            self._understood = intent.name
            self._shown = {}
            self._say_variant(f"say {intent.name}", intent.say)
            self._state = replace(self._state, misses=0)
            self._advance(quiet=True)
            return
        values = {name: value for name, value in found.items() if name in intent.slots}
        self._state = replace(
            state, intent=intent.name, values=values, asked=Asked.NOTHING, slot="", digits="", misses=0, offered=()
        )
        if closed:
            self._understood = intent.name
            self._say_variant(f"closed {intent.name}", intent.closed_say)
            offered = (intent.suggest,) if intent.suggest else ()
            asked = Asked.OFFER if offered else Asked.NOTHING
            self._state = replace(self._state, intent="", values={}, asked=asked, offered=offered)
        else:
            self._advance()

    def _fill(self, values: Mapping[str, str]) -> None:
        """Takes values for the open request. A number that comes in pieces is put together."""
        state = self._state
        kept: dict[str, str] = {}
        for name, value in values.items():
            kind = self._script.slots[name].kind
            if not isinstance(kind, Digits) or kind.fits(value):
                kept[name] = value
                continue
            whole = state.digits + value
            if kind.fits(whole):
                kept[name] = whole
            elif len(whole) < kind.low:
                self._understood, self._shown = state.intent, state.values
                self._state = replace(state, digits=whole, misses=0)
                self._say_prompt("so_far", digits=kind.say(whole))
                return
            else:
                self._miss()
                return
        self._state = replace(state, values={**state.values, **kept}, digits="", misses=0)
        self._advance()

    def _advance(self, quiet: bool = False) -> None:
        """Asks for what is still missing, then whether all is right, then does it."""
        state = self._state
        intent = self._script.intents[state.intent]
        if not quiet:
            self._understood, self._shown = intent.name, state.values
        missing = next((name for name in intent.slots if name not in state.values), None)
        if missing is not None:
            self._state = replace(state, asked=Asked.SLOT, slot=missing)
            self._say_variant(f"slot {missing}", self._script.slots[missing].ask)
        elif intent.confirm:
            self._ask_confirm()
        else:
            self._complete()

    def _ask_confirm(self) -> None:
        intent = self._script.intents[self._state.intent]
        self._state = replace(self._state, asked=Asked.CONFIRM, slot="")
        self._say_variant(f"confirm {intent.name}", intent.confirm)

    def _complete(self) -> None:
        """Everything is known: answers the request and does what follows."""
        state = self._state
        intent = self._script.intents[state.intent]
        self._understood, self._shown = intent.name, state.values
        self._say_variant(f"say {intent.name}", intent.say)
        texts = [state.values[name] for name in intent.slots if isinstance(self._script.slots[name].kind, Text)]
        settled = state.values if intent.slots and not texts else {}
        self._state = replace(
            state,
            asked=Asked.NOTHING,
            slot="",
            intent="",
            values={},
            digits="",
            misses=0,
            done=intent.name if settled else "",
            settled=settled,
            texts=(*state.texts, *texts),
        )
        match intent.then:
            case Then.MORE:
                self._say_prompt("anything_else")
                self._state = replace(self._state, asked=Asked.ELSE)
            case Then.HANG_UP:
                self._after.append(Action(ActionKind.HANG_UP))
            case Then.TRANSFER:
                self._after.append(Action(ActionKind.TRANSFER, intent.transfer_to))

    def _reject(self) -> None:
        """No, that is not right: asks what to change; a single value is asked for again at once."""
        state = self._state
        intent = self._script.intents[state.intent]
        self._understood, self._shown = state.intent, state.values
        if len(intent.slots) == 1:
            name = intent.slots[0]
            self._state = replace(state, values={}, asked=Asked.SLOT, slot=name, digits="", misses=0)
            self._say_variant(f"again {name}", self._script.slots[name].again)
        else:
            self._state = replace(state, asked=Asked.CHANGE, misses=0)
            self._say_prompt("change")

    def _drop(self) -> None:
        """Lets go of the open request or offer."""
        self._understood = self._understood or "dropped"
        self._state = replace(
            self._state, asked=Asked.NOTHING, slot="", intent="", values={}, digits="", offered=(), misses=0
        )
        self._say_prompt("what_else")

    def _end(self) -> None:
        self._state = replace(self._state, asked=Asked.NOTHING, misses=0)
        self._say_prompt("goodbye")
        self._after.append(Action(ActionKind.HANG_UP))

    def _clarify(self, scores: Sequence[Score]) -> None:
        """Several intents, or one only half, match: asks back."""
        offered = tuple(each.intent for each in scores if self._script.intents[each.intent].offer)
        if not offered:
            self._miss()
            return
        self._understood = "unclear"
        self._state = replace(self._state, asked=Asked.OFFER, offered=offered, misses=self._state.misses + 1)
        self._say_prompt("clarify", choices=", or ".join(self._script.intents[name].offer for name in offered))

    def _miss(self) -> None:
        """Not understood: asks again; after two misses in a row offers the choices, keys and people among them."""
        state = self._state
        self._understood, self._shown = "unclear", {}
        if self._interrupted and not state.misses:
            # Noise, or a caller who thinks aloud: the floor is theirs.
            self._state = replace(state, misses=1)
            self._say_prompt("listening")
            return
        self._state = replace(state, misses=state.misses + 1)
        if state.misses >= 1:
            self._say_prompt("choices", choices=self._menu())
        elif state.asked is Asked.SLOT:
            self._say_variant(f"again {state.slot}", self._script.slots[state.slot].again)
        elif state.asked is Asked.CONFIRM:
            self._say_prompt("yes_or_no")
        else:
            self._say_prompt("unclear")

    # ------------------------------------------------------------------------------------------ what is said

    def _menu(self) -> str:
        """`To book an appointment, press 1. To cancel one, press 2.`"""
        offers = [intent for intent in self._script.intents.values() if intent.offer]
        return " ".join(
            f"{intent.offer}, press {intent.digit}." if intent.digit else f"{intent.offer}, just say so."
            for intent in offers
        )

    def _say_prompt(self, name: str, **fillings: str) -> None:
        assert name in {each.name for each in fields(Prompts)}
        self._say_variant(f"prompt {name}", getattr(self._script.prompts, name), fillings)

    def _say_variant(self, key: str, texts: Sequence[str], fillings: Mapping[str, str] | None = None) -> None:
        """Says the next wording of a text, with values in place of `{name}`."""
        count = self._state.turns.get(key, 0)
        values = {name: self._script.slots[name].kind.say(value) for name, value in self._state.values.items()}
        values |= fillings or {}
        self._parts.append(re.sub(r"\{(\w+)\}", lambda match: values.get(match[1], ""), texts[count % len(texts)]))
        self._state = replace(self._state, turns={**self._state.turns, key: count + 1})
