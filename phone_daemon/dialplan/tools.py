"""`[tools]` of a dialplan: what a language model may do besides speaking.

Four tools are the call's own: `transfer`, `hang_up`, `send_dtmf`, `take_message`. Any other name is a webhook: an
address that is asked over HTTP. Whatever the model writes as arguments is held to the tool's JSON schema first.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from jsonschema import Draft202012Validator
from jsonschema.exceptions import SchemaError, best_match

from phone_daemon.dialplan.intents import is_uri
from phone_daemon.dialplan.model import is_variable
from phone_daemon.settings.toml_table import Table
from phone_daemon.settings.values import NOT_HTTP, is_http

TRANSFER, HANG_UP, SEND_DTMF, TAKE_MESSAGE = "transfer", "hang_up", "send_dtmf", "take_message"


@dataclass(frozen=True, slots=True)
class Webhook:
    """An address that is asked with a tool's arguments."""

    url: str
    method: str = "POST"
    """`POST`: the arguments are the body, as JSON. `GET`: they are the query."""
    deadline_s: float = 5.0
    filler: tuple[str, ...] = ("One moment, please.",)
    """Said while the answer is waited for, unless it comes at once; the wordings take turns."""
    api_key_env: str = ""
    """The environment variable whose value is sent as `Authorization: Bearer`; empty: none."""


@dataclass(frozen=True, slots=True)
class Tool:
    """Something that the model may call."""

    name: str
    description: str
    parameters: Mapping[str, Any]
    """JSON schema (2020-12) of the arguments: an object."""
    to: Mapping[str, str] = field(default_factory=dict)
    """`transfer`: the SIP URI of each target; the model knows their names alone."""
    webhook: Webhook | None = None

    def declared(self) -> dict[str, Any]:
        """As the chat completions API has it."""
        function = {"name": self.name, "description": self.description, "parameters": dict(self.parameters)}
        return {"type": "function", "function": function}

    def arguments(self, text: str) -> dict[str, Any]:
        """What the model wrote, as a JSON object that fits the schema. Raises `BadArguments`."""
        try:
            found = json.loads(text or "{}")
        except (ValueError, RecursionError):
            raise BadArguments("the arguments are not JSON") from None
        if not isinstance(found, dict):
            raise BadArguments("the arguments are not a JSON object")
        error = best_match(Draft202012Validator(self.parameters).iter_errors(found))
        if error is not None:
            where = error.json_path.removeprefix("$.")
            raise BadArguments(f"{where}: {error.message}"[:300], f"{where}: {error.validator}")
        return found


class BadArguments(Exception):
    """Arguments that do not fit; says why, in words for the model."""

    def __init__(self, what: str, logged: str = "") -> None:
        super().__init__(what)
        self.logged = f"arguments that do not fit: {logged or what}"
        """The same without anything that the caller may have said."""


def _object(**properties: dict[str, Any]) -> dict[str, Any]:
    """A schema with these properties, all of them required, and no others."""
    listed = {"properties": properties, "required": list(properties)}
    return {"type": "object", **listed, "additionalProperties": False}


_OWN: Mapping[str, tuple[str, dict[str, Any]]] = {
    TRANSFER: ("Puts the caller through to somebody. Say so first.", _object()),
    HANG_UP: ("Ends the call. Say goodbye first.", _object()),
    SEND_DTMF: (
        "Presses telephone keys on the line.",
        _object(digits={"type": "string", "pattern": "^[0-9*#A-D]{1,32}$"}),
    ),
    TAKE_MESSAGE: (
        "Writes down a message that the caller leaves, in the caller's own words, with the name and number given.",
        _object(text={"type": "string", "minLength": 1, "maxLength": 2000}),
    ),
}
"""Description and parameters of the call's own tools."""


def own_tool(name: str, description: str = "", to: Mapping[str, str] | None = None) -> Tool:
    """One of the call's own tools; `to`: by name, the SIP URIs that a call can be transferred to."""
    standing, parameters = _OWN[name]
    if to:
        parameters = _object(to={"type": "string", "enum": list(to)})
    return Tool(name, description or standing, parameters, to or {})


def read_tools(plan: Table) -> dict[str, Tool]:
    """`[tools]` of a dialplan, by name."""
    return {name: _tool(name, table) for name, table in plan.table("tools").tables()}


def _tool(name: str, table: Table) -> Tool:
    if not re.fullmatch(r"[A-Za-z0-9_-]{1,64}", name):
        table.wrong((), f'"{name}" is no name for a tool; use letters, digits, "_" and "-"')
    if name in _OWN:
        tool = own_tool(name, table.text("description"), _targets(table) if name == TRANSFER else {})
    else:
        description = table.text("description", required=True)
        tool = Tool(name, description, _parameters(table), webhook=_webhook(table))
    table.done()
    return tool


def _targets(table: Table) -> dict[str, str]:
    listed = table.table("to")
    targets = {name: listed.text(name, required=True) for name in listed.names()}
    if not targets:
        table.wrong((), '"to" is missing; write to = { desk = "sip:desk@192.0.2.10" }')
    for name, uri in targets.items():
        if uri and not is_uri(uri):
            listed.wrong(name, f'"{uri}" is no SIP or tel URI; write sip:USER@HOST')
    return targets


def _parameters(table: Table) -> dict[str, Any]:
    schema = table.mapping("parameters") or _object()
    schema.setdefault("type", "object")
    try:
        Draft202012Validator.check_schema(schema)
    except SchemaError as error:
        where = tuple(part for part in error.path if isinstance(part, str | int))
        table.wrong(("parameters", *where), f"no JSON schema: {error.message}")
        return _object()
    if schema["type"] != "object":
        table.wrong(("parameters", "type"), 'a tool has named arguments; write type = "object", or take it out')
    return schema


def _webhook(table: Table) -> Webhook:
    standing = Webhook("")
    webhook = Webhook(
        table.text("url", required=True),
        table.choice("method", ("GET", "POST"), standing.method),
        table.number("deadline_s", standing.deadline_s, 0.1, 60.0),
        table.texts("filler", standing.filler),
        table.text("api_key_env"),
    )
    if webhook.url and not is_http(webhook.url):
        table.wrong("url", f"{NOT_HTTP}; a key is named by api_key_env")
    if webhook.api_key_env and not is_variable(webhook.api_key_env):
        table.wrong("api_key_env", "is no name of an environment variable; write its name here, never the key itself")
    return webhook
