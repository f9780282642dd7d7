"""What a scripted agent says if it has not understood, has half understood, or does not trust what it heard."""

from __future__ import annotations

from dataclasses import replace

from phone_daemon.agent.script.scoring import Score
from phone_daemon.agent.script.state import Asked, State
from phone_daemon.agent.script.wording import Wording
from phone_daemon.dialplan.intents import Intent, Script


class AskingBack(Wording):
    """An answer that may ask back."""

    def __init__(self, script: Script, state: State, interrupted: bool) -> None:
        """`interrupted`: whether the caller interrupted the agent's last words."""
        super().__init__(script, state)
        self._interrupted = interrupted

    def _clarify(self, *scores: Score) -> None:
        """Asks back, because several intents match, or one matches only in part."""
        offered = tuple(each.intent for each in scores if self._script.intents[each.intent].offer)
        if not offered:
            self._miss()
            return
        self._tell("unclear")
        self._state = replace(self._state, asked=Asked.OFFER, offered=offered, misses=self._state.misses + 1)
        self._say_prompt("clarify", choices=", or ".join(self._script.intents[name].offer for name in offered))

    def _miss(self) -> None:
        """Asks again, because nothing was understood; after two misses in a row it offers the choices, including keys
        and people."""
        state = self._state
        self._tell("unclear")
        if self._interrupted and not state.misses:
            # It was noise, or a caller who thinks aloud: the floor is theirs.
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

    def _doubt(self, intent: Intent) -> None:
        """Asks whether `intent` was meant; instead of ending the call, it asks whether there is anything else."""
        self._tell("unclear")
        offered = (intent.name,) if intent.offer else ()
        self._state = replace(self._state, asked=Asked.OFFER if offered else Asked.ELSE, offered=offered)
        if offered:
            self._say_prompt("clarify", choices=intent.offer)
        else:
            self._say_prompt("anything_else")
