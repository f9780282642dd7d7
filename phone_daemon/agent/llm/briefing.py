"""The briefing for a language model that takes a script's place: everything that the script would answer and do.

So two more lines turn a dialplan with a script into one with a model, which still says and does what the script would.
"""

from __future__ import annotations

from collections.abc import Mapping

from phone_daemon.dialplan.intents import Intent, Script, Then
from phone_daemon.dialplan.slots import Text
from phone_daemon.dialplan.tools import HANG_UP, TAKE_MESSAGE, TRANSFER, Tool, own_tool

HEAD = """\
These are the things that callers want, and what you answer, in your own words. You know no more than this.
What the caller said stands in place of words in {braces}: never say braces."""


def brief(script: Script, is_open: bool) -> str:
    """What the script would answer, one line per intent; empty if the script has none."""
    told = [line for intent in script.intents.values() if (line := _line(script, intent, is_open))]
    return "\n".join([HEAD, *told]) if told else ""


def _line(script: Script, intent: Intent, is_open: bool) -> str:
    closed = bool(intent.closed_say) and not is_open
    said = intent.closed_say if closed else intent.say
    if intent.then in (Then.LISTEN, Then.REPEAT) or not said:
        return ""  # a model knows by itself how to greet, to wait, and to repeat
    wants = (intent.offer.removeprefix("to ").removeprefix("for ") or intent.name.replace("_", " ")).strip()
    parts = [f"{wants[:1].upper()}{wants[1:]}:"]
    if intent.slots and not closed:
        parts.append("ask " + " and ".join(f'"{script.slots[name].ask[0]}"' for name in intent.slots) + ",")
        parts.append("repeat it and have it confirmed, then" if intent.confirm else "then")
    parts.append(f'say "{said[0]}"')
    if not closed and (tool := _does(script, intent)):
        parts.append(f"and call {tool}")
    return " ".join(parts) + ("" if parts[-1].endswith('."') else ".")


def _does(script: Script, intent: Intent) -> str:
    """How the model is to call the tool that does what the intent does; empty if it does nothing."""
    if intent.then is Then.TRANSFER:
        return f'{TRANSFER} with to = "{intent.name}"'
    if intent.then is Then.HANG_UP:
        return HANG_UP
    return TAKE_MESSAGE if _texts(script, intent) else ""


def _texts(script: Script, intent: Intent) -> bool:
    return any(isinstance(script.slots[name].kind, Text) for name in intent.slots)


def tools(script: Script) -> Mapping[str, Tool]:
    """The tools that do what the script would do."""
    found: dict[str, Tool] = {}
    intents = script.intents.values()
    if to := {intent.name: intent.transfer_to for intent in intents if intent.transfer_to}:
        found[TRANSFER] = own_tool(TRANSFER, to=to)
    if any(intent.then is Then.HANG_UP for intent in intents):
        found[HANG_UP] = own_tool(HANG_UP)
    if any(_texts(script, intent) for intent in intents):
        found[TAKE_MESSAGE] = own_tool(TAKE_MESSAGE)
    return found
