"""What a scripted agent does with a request: begins it, asks for what is missing, confirms, and carries it out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from phone_daemon.agent.script.asking_back import AskingBack
from phone_daemon.agent.script.state import Asked, State
from phone_daemon.dialplan.intents import Intent, Script, Slot, Then
from phone_daemon.dialplan.slots import Digits, Text
from phone_daemon.events import Action, ActionKind


class Request(AskingBack):
    """An answer that carries on with a request."""

    def __init__(self, script: Script, state: State, interrupted: bool, is_open: bool) -> None:
        """`interrupted`: whether the caller interrupted the agent's last words; `is_open`: whether it is office
        hours.
        """
        super().__init__(script, state, interrupted)
        self._open = is_open
        self._sure = True
        """Whether the recognizer is sure."""

    def _start(self, intent: Intent, found: Mapping[str, str]) -> None:
        """Begins a request. A request that needs nothing is answered, and then any open question is asked again."""
        state = self._state
        if not self._sure and intent.then in (Then.HANG_UP, Then.TRANSFER):
            self._doubt(intent)
            return
        if intent.then is Then.REPEAT:
            self._tell(intent.name)
            self._add(state.said)
            self._state = replace(state, misses=0)
            return
        closed = bool(intent.closed_say) and not self._open
        open_question = state.asked in (Asked.SLOT, Asked.CONFIRM) and state.intent != intent.name
        if open_question and not closed and self._passing(intent):
            self._tell(intent.name)
            self._say_variant(f"say {intent.name}", intent.say)
            self._state = replace(self._state, misses=0)
            if not self._aside(intent):
                self._advance()
            return
        values = {name: value for name, value in found.items() if name in intent.slots}
        self._state = replace(
            state, intent=intent.name, values=values, asked=Asked.NOTHING, slot="", digits="", misses=0, offered=()
        )
        if closed:
            self._tell(intent.name)
            self._say_variant(f"closed {intent.name}", intent.closed_say)
            offered = (intent.suggest,) if intent.suggest else ()
            asked = Asked.OFFER if offered else Asked.NOTHING
            self._state = replace(self._state, intent="", values={}, asked=asked, offered=offered)
        else:
            self._advance()

    def _passing(self, intent: Intent) -> bool:
        """Whether an open question is asked again after `intent` is answered; a question that was interrupted is
        not."""
        settles = intent.then is Then.MORE and not intent.slots and not self._interrupted
        return settles or self._aside(intent)

    def _aside(self, intent: Intent) -> bool:
        """Whether it is an aside, such as "one moment", that leaves the conversation where it is."""
        return intent.then is Then.LISTEN and not intent.slots

    def _fill(self, values: Mapping[str, str]) -> None:
        """Takes values for the open request, and joins a number that comes in pieces."""
        state = self._state
        kept: dict[str, str] = {}
        for name, value in values.items():
            slot = self._script.slots[name]
            kind = slot.kind
            if not kind.allows(value):
                self._refuse(slot, {**state.values, **kept}, value)
                return
            if not isinstance(kind, Digits) or kind.fits(value):
                kept[name] = value
                continue
            whole = state.digits + value
            if kind.fits(whole):
                kept[name] = whole
            elif len(whole) < kind.low:
                self._tell(state.intent, state.values)
                self._state = replace(state, digits=whole, misses=0)
                self._say_prompt("so_far", digits=kind.say(whole))
                return
            else:
                self._miss()
                return
        self._state = replace(state, values={**state.values, **kept}, digits="", misses=0)
        self._advance()

    def _refuse(self, slot: Slot, values: Mapping[str, str], value: str) -> None:
        """Says that a value is impossible, and asks for another."""
        self._tell(self._state.intent, values)
        self._state = replace(self._state, values=values, asked=Asked.SLOT, slot=slot.name, digits="", misses=0)
        self._say_variant(f"refuse {slot.name}", slot.refuse, {slot.name: slot.kind.say(value)})

    def _advance(self) -> None:
        """Asks for what is still missing, then whether everything is right, and then does it."""
        state = self._state
        intent = self._script.intents[state.intent]
        refused = next(
            (name for name, value in state.values.items() if not self._script.slots[name].kind.allows(value)), None
        )
        if refused is not None:
            kept = {name: value for name, value in state.values.items() if name != refused}
            self._refuse(self._script.slots[refused], kept, state.values[refused])
            return
        self._tell(intent.name, state.values)
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
        self._tell(intent.name, state.values)
        self._say_variant(f"say {intent.name}", intent.say)
        briefing = self._filled(intent.brief[0], {}) if intent.brief else ""
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
            case Then.MORE if state.later:
                self._state = replace(self._state, later="", later_values={})
                self._start(self._script.intents[state.later], state.later_values)
            case Then.MORE:
                self._say_prompt("anything_else")
                self._state = replace(self._state, asked=Asked.ELSE)
            case Then.HANG_UP:
                self._after.append(Action(ActionKind.HANG_UP))
            case Then.TRANSFER:
                self._after.append(Action(ActionKind.TRANSFER, intent.transfer_to, briefing))

    def _reject(self) -> None:
        """The values are not right: asks what to change; a single value is asked for again at once."""
        state = self._state
        intent = self._script.intents[state.intent]
        self._tell(state.intent, state.values)
        if len(intent.slots) == 1:
            name = intent.slots[0]
            self._state = replace(state, values={}, asked=Asked.SLOT, slot=name, digits="", misses=0)
            self._say_variant(f"again {name}", self._script.slots[name].again)
        else:
            self._state = replace(state, asked=Asked.CHANGE, misses=0)
            self._say_prompt("change")

    def _drop(self) -> None:
        """Drops the open request or offer."""
        self._tell("dropped")
        self._state = replace(
            self._state,
            asked=Asked.NOTHING,
            slot="",
            intent="",
            values={},
            digits="",
            offered=(),
            later="",
            later_values={},
            misses=0,
        )
        self._say_prompt("what_else")

    def _end(self) -> None:
        self._state = replace(self._state, asked=Asked.NOTHING, misses=0)
        self._say_prompt("goodbye")
        self._after.append(Action(ActionKind.HANG_UP))
