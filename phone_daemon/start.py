"""How to answer a call whose dialplan first asks software of yours ([start]): as the software says, if it answers in
time, or as the dialplan says."""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

import httpx2 as httpx

from phone_daemon.agent.agent import Parties
from phone_daemon.agent.llm.webhook import WebhookFailed, ask
from phone_daemon.dialplan.dialplan import Dialplan
from phone_daemon.dialplan.intents import PARTIES
from phone_daemon.dialplan.tools import Webhook
from sidecars.log import Event

log = logging.getLogger(__name__)

MOST_PROMPT = 30_000
"""Most characters of a prompt."""
MOST_VALUE = 500
MOST_ANSWER = 60_000
_PLACE = re.compile(r"\{(\w+)\}")
_GAP = re.compile(r"\s+(?=[,.!?])|(?<=\s)\s+")


class BadAnswer(ValueError):
    """An answer that says nothing usable. The message is one line that does not quote the answer."""


async def ask_first(  # noqa: PLR0917
    http: httpx.AsyncClient,
    plan: Dialplan,
    plans: Iterable[Dialplan],
    call: str,
    parties: Parties,
    environ: Mapping[str, str],
) -> Dialplan:
    """The dialplan to answer with: `plan`, or another, with what the answer supplied. Raises nothing: without an answer
    in time it is `plan` with its own `slots`."""
    start = plan.start
    if start is None:
        return plan
    who = {"caller": parties.caller, "caller_name": parties.caller_name, "called": parties.called}
    webhook = Webhook(start.url, "POST", start.deadline_s)
    try:
        text = await ask(
            http,
            webhook,
            {"call": call, **who, "dialplan": plan.name},
            environ.get(start.api_key_env, ""),
            most=MOST_ANSWER,
        )
        name, prompt, slots = read_answer(text)
        chosen = named(name, plans) if name and name != plan.name else plan
        return begun_with(chosen, prompt, slots)
    except (WebhookFailed, BadAnswer) as error:
        log.warning(Event("start.not_told", call=call, dialplan=plan.name, reason=error))
        return begun_with(plan, "", {})


def read_answer(text: str) -> tuple[str, str, dict[str, str]]:
    """The dialplan, prompt, and slots of an answer; what it omits is empty. Raises `BadAnswer`."""
    try:
        told = json.loads(text)
    except (ValueError, RecursionError):
        raise BadAnswer("the answer is not JSON") from None
    if not isinstance(told, dict):
        raise BadAnswer("the answer is not a JSON object")
    dialplan, prompt, slots = told.get("dialplan", ""), told.get("prompt", ""), told.get("slots", {})
    if not isinstance(dialplan, str) or not isinstance(prompt, str) or len(prompt) > MOST_PROMPT:
        raise BadAnswer(f"dialplan and prompt are texts, of {MOST_PROMPT} characters at most")
    if not isinstance(slots, Mapping):
        raise BadAnswer("slots is an object of texts by name")
    return dialplan, prompt, {str(name): _value(value) for name, value in slots.items()}


def _value(value: Any) -> str:
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise BadAnswer("slots are texts or numbers")
    return str(value)[:MOST_VALUE]


def begun_with(plan: Dialplan, prompt: str, slots: Mapping[str, str]) -> Dialplan:
    """`plan` with the answered values, and with its own `slots` for the others."""
    values = {**(plan.start.slots if plan.start else {}), **slots}

    def fill(text: str) -> str:
        filled = _PLACE.sub(lambda match: match[0] if match[1] in PARTIES else values.get(match[1], ""), text)
        return _GAP.sub("", filled) if filled != text else text

    model = plan.model
    if model is not None:
        said = prompt or model.prompt
        wanted = set(_PLACE.findall(said))
        facts = [f"- {name}: {value}" for name, value in values.items() if name not in wanted and value]
        known = "\n\nWhat you know of the caller:\n" + "\n".join(facts) if facts and said else ""
        model = replace(model, prompt=_PLACE.sub(lambda match: values.get(match[1], match[0]), said) + known)
    return replace(plan, greeting=fill(plan.greeting), closed_greeting=fill(plan.closed_greeting), model=model)


def named(name: str, plans: Iterable[Dialplan]) -> Dialplan:
    """The dialplan called `name`. Raises `BadAnswer`."""
    found = next((plan for plan in plans if plan.name == name), None)
    if found is None:
        raise BadAnswer(f"there is no dialplan {name[:60]!r}")
    return found
