"""Composes an answer: what was understood, what is said and done, and the resulting state."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace

from phone_daemon.agent.script.state import Answer, State
from phone_daemon.dialplan.intents import Script
from phone_daemon.dialplan.slots import Text
from phone_daemon.events import Action, Understood

NOTHING = Understood("")
HIDDEN = "(given)"
"""Shown instead of a text, because the text is personal."""

_START = re.compile(r"(^|[.?!]\s+)([a-z])")
_KEYS = "1234567890*#"


class Wording:
    """Collects the parts of one answer. The wordings of a text take turns, which the state counts."""

    def __init__(self, script: Script, state: State) -> None:
        self._script = script
        self._state = state
        self._understood = NOTHING
        self._parts: list[str] = []
        self._before: list[Action] = []
        self._after: list[Action] = []

    def answer(self) -> Answer:
        parts = [part for part in self._parts if part]
        # A text whose period was left out must not run into the next one.
        ended = [f"{part}." if part[-1].isalnum() else part for part in parts[:-1]]
        text = _START.sub(lambda match: match[1] + match[2].upper(), " ".join([*ended, *parts[-1:]]))
        state = replace(self._state, said=text or self._state.said)
        return Answer(state, self._understood, text, tuple(self._before), tuple(self._after))

    def _tell(self, intent: str, values: Mapping[str, str] | None = None) -> None:
        """Records what the turn was taken to mean; only the first record counts."""
        if self._understood is NOTHING:
            shown = {name: self._show(name, value) for name, value in (values or {}).items()}
            self._understood = Understood(intent, shown)

    def _show(self, name: str, value: str) -> str:
        return HIDDEN if isinstance(self._script.slots[name].kind, Text) else value

    def _add(self, text: str) -> None:
        self._parts.append(text)

    def _say_prompt(self, name: str, **fillings: str) -> None:
        self._say_variant(f"prompt {name}", getattr(self._script.prompts, name), fillings)

    def _say_variant(self, key: str, texts: Sequence[str], fillings: Mapping[str, str] | None = None) -> None:
        """Says the next wording of a text, with values in place of `{name}`."""
        count = self._state.used.get(key, 0)
        self._add(self._filled(texts[count % len(texts)], fillings or {}))
        self._state = replace(self._state, used={**self._state.used, key: count + 1})

    def _filled(self, text: str, fillings: Mapping[str, str]) -> str:
        said = {name: self._script.slots[name].kind.say(value) for name, value in self._state.values.items()}
        values = {**self._state.known, **said, **fillings}
        return re.sub(r"\{(\w+)\}", lambda match: values.get(match[1], ""), text)

    def _menu(self) -> str:
        """For example `To book an appointment, press 1. To cancel one, press 2.`"""
        offers = sorted(
            (intent for intent in self._script.intents.values() if intent.offer),
            key=lambda intent: _KEYS.find(intent.digit) if intent.digit else len(_KEYS),
        )
        return " ".join(
            f"{intent.offer}, press {intent.digit}." if intent.digit else f"{intent.offer}, just say so."
            for intent in offers
        )
