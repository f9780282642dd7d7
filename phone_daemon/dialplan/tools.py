"""`[tools]` of a dialplan: what a language model may do besides speak.

Four tools belong to the call itself: `transfer`, `hang_up`, `send_dtmf`, and `take_message`. Any other name is a
webhook: an HTTP address. The model's arguments are always checked against the tool's JSON schema first.
"""

from __future__ import annotations

import dataclasses
import json
import re
from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import Field
from pydantic.dataclasses import dataclass

from phone_daemon.dialplan.intents import is_uri
from phone_daemon.dialplan.model import NO_VARIABLE, is_variable
from phone_daemon.settings.problems import Problems, fields_of
from phone_daemon.settings.toml_lines import Key
from phone_daemon.settings.values import MODEL, NOT_HTTP, REQUIRED, Flag, Texts, between, is_http

TRANSFER, HANG_UP, SEND_DTMF, TAKE_MESSAGE = "transfer", "hang_up", "send_dtmf", "take_message"


@dataclass(frozen=True, slots=True, config=MODEL)
class Webhook:
    """An HTTP address that is called with a tool's arguments."""

    url: Annotated[str, REQUIRED] = ""
    """http:// or https://, without a password."""
    method: Literal["GET", "POST"] = "POST"
    """`POST` sends the arguments as a JSON body, `GET` as query parameters."""
    deadline_s: Annotated[float, between(0.1, 60)] = 5.0
    """How long to wait for an answer before the call counts as failed."""
    filler: Texts = ("One moment, please.",)
    """Said while waiting for the answer, unless it comes at once; several wordings are used in turn."""
    api_key_env: str = ""
    """The environment variable whose value is sent as `Authorization: Bearer`; empty: none."""


@dataclasses.dataclass(frozen=True, slots=True)
class Tool:
    """Something that the model may call."""

    name: str
    description: str
    parameters: Mapping[str, Any]
    """JSON schema (2020-12) of the arguments: an object."""
    to: Mapping[str, str] = dataclasses.field(default_factory=dict)
    """`transfer`: the SIP URI of each target; the model sees only their names."""
    webhook: Webhook | None = None

    def __post_init__(self) -> None:
        # Its arguments will be checked: what does that is imported now, and not while a caller waits. A daemon whose
        # dialplans have no tools does without it.
        import jsonschema  # noqa: F401, PLC0415

    def declared(self) -> dict[str, Any]:
        """The tool as the chat completions API expects it."""
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
        from jsonschema import Draft202012Validator  # noqa: PLC0415
        from jsonschema.exceptions import best_match  # noqa: PLC0415

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
        """The same message without anything that the caller may have said, for the log."""


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


_BRIEF = "One sentence, said to whom you put the caller through: who calls, and what for."


def own_tool(name: str, description: str = "", to: Mapping[str, str] | None = None, *, brief: bool = False) -> Tool:
    """One of the call's own tools; `to`: by name, the SIP URIs that a call can be transferred to, after a `brief`."""
    standing, parameters = _OWN[name]
    if to:
        told = {"brief": {"type": "string", "minLength": 1, "maxLength": 300, "description": _BRIEF}} if brief else {}
        parameters = _object(to={"type": "string", "enum": list(to)}, **told)
    return Tool(name, description or standing, parameters, to or {})


@dataclass(frozen=True, slots=True, config=MODEL)
class OwnToolKeys:
    """`hang_up`, `send_dtmf`, and `take_message` need no keys: the line `[tools.hang_up]` is enough to enable one."""

    description: str = ""
    """What the model is told about the tool, instead of the usual words."""


@dataclass(frozen=True, slots=True, config=MODEL)
class TransferKeys:
    """`[tools.transfer]`: the people to whom the model may transfer callers."""

    description: str = ""
    """What the model is told about the tool, instead of the usual words."""
    to: dict[str, str] = Field(default_factory=dict, examples=[{"desk": "sip:desk@192.0.2.10"}])
    """SIP or tel URIs by name; the model sees only the names. At least one is required."""
    brief: Flag = False
    """Whether the agent first tells the other party, in the model's words, who is calling and why. The caller hears
    music meanwhile, and returns to the agent if there is no answer."""


@dataclass(frozen=True, slots=True, config=MODEL)
class WebhookKeys(Webhook):
    """Any other name is a webhook: an HTTP address that is called with the model's arguments."""

    description: Annotated[str, REQUIRED] = ""
    """What the model is told about the tool."""
    parameters: dict[str, Any] = Field(default_factory=dict)
    """JSON schema (2020-12) of its arguments, which must be an object. Empty: no arguments."""


def tools_of(listed: Mapping[str, Mapping[str, Any]], found: Problems) -> dict[str, Tool]:
    """`[tools]` of a dialplan, by name; what is wrong is added to `found`."""
    return {name: _tool(name, data, found) for name, data in listed.items()}


def _tool(name: str, data: Mapping[str, Any], found: Problems) -> Tool:
    at = ("tools", name)
    if not re.fullmatch(r"[A-Za-z0-9_-]{1,64}", name):
        found.add(at, f'"{name}" is not a valid tool name; use letters, digits, "_" and "-"')
    if name == TRANSFER:
        transfer = found.validated(TransferKeys, at, data=data)
        if not transfer.to and not found.known((*at, "to")):
            found.lack(at, '"to" is missing; write to = { desk = "sip:desk@192.0.2.10" }')
        for target, uri in transfer.to.items():
            if not is_uri(uri):
                found.add((*at, "to", target), f'"{uri}" is no SIP or tel URI; write sip:USER@HOST')
        return own_tool(name, transfer.description, transfer.to, brief=transfer.brief)
    if name in _OWN:
        return own_tool(name, found.validated(OwnToolKeys, at, data=data).description)
    keys = found.validated(WebhookKeys, at, data=data)
    _check_webhook(keys, at, found)
    webhook = Webhook(**{each: getattr(keys, each) for each in fields_of(Webhook)})
    return Tool(name, keys.description, _parameters(keys.parameters, at, found), webhook=webhook)


def _parameters(schema: dict[str, Any], at: Key, found: Problems) -> dict[str, Any]:
    from jsonschema import Draft202012Validator  # noqa: PLC0415 (as for `Tool`)
    from jsonschema.exceptions import SchemaError  # noqa: PLC0415

    schema = dict(schema) or _object()
    schema.setdefault("type", "object")
    try:
        Draft202012Validator.check_schema(schema)
    except SchemaError as error:
        where = tuple(part for part in error.path if isinstance(part, str | int))
        found.add((*at, "parameters", *where), f"no JSON schema: {error.message}")
        return _object()
    if schema["type"] != "object":
        remedy = 'a tool has named arguments; write type = "object", or take it out'
        found.add((*at, "parameters", "type"), remedy)
    return schema


def _check_webhook(webhook: Webhook, at: Key, found: Problems) -> None:
    if webhook.url and not is_http(webhook.url):
        found.add((*at, "url"), f"{NOT_HTTP}; a key is named by api_key_env")
    if webhook.api_key_env and not is_variable(webhook.api_key_env):
        found.add((*at, "api_key_env"), NO_VARIABLE)
