"""Asks a webhook: sends the arguments, and returns an answer for the model in time or not at all."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

import httpx2 as httpx

from phone_daemon.agent.agent import Parties
from phone_daemon.dialplan.tools import Webhook

MAX_BYTES = 65_536
"""A longer answer is not read to its end."""
MAX_CHARACTERS = 4000
"""Most characters of an answer that the model is told."""


class WebhookFailed(Exception):
    """There is no usable answer. The message is for the turn's log and for the model, and contains no secret."""


async def ask(  # noqa: PLR0917
    http: httpx.AsyncClient,
    webhook: Webhook,
    arguments: Mapping[str, Any],
    key: str = "",
    parties: Parties = Parties(),  # noqa: B008
    most: int = MAX_CHARACTERS,
) -> str:
    """The webhook's answer, at most `most` characters of it. `key` is sent as `Authorization: Bearer`. Redirects are
    not followed.

    The parties are sent as `X-Caller`, `X-Caller-Name`, and `X-Called`, percent-encoded, as far as they are known.

    Raises `WebhookFailed` on any status but 2xx, or if the whole answer is not there by the deadline.
    """
    headers = {"Accept": "application/json, text/plain"} | ({"Authorization": f"Bearer {key}"} if key else {})
    who = {"X-Caller": parties.caller, "X-Caller-Name": parties.caller_name, "X-Called": parties.called}
    headers |= {name: quote(value, safe="+ ") for name, value in who.items() if value}
    if webhook.method == "GET":
        query = {name: v if isinstance(v, str) else json.dumps(v) for name, v in arguments.items()}
        request = http.build_request("GET", httpx.URL(webhook.url).copy_merge_params(query), headers=headers)
    else:
        request = http.build_request("POST", webhook.url, json=dict(arguments), headers=headers)
    try:
        async with asyncio.timeout(webhook.deadline_s):
            response = await http.send(request, stream=True)
            try:
                if not response.is_success:
                    raise WebhookFailed(f"HTTP {response.status_code}")
                body = bytearray()
                async for piece in response.aiter_bytes():
                    body += piece
                    if len(body) > MAX_BYTES:
                        raise WebhookFailed(f"an answer of more than {MAX_BYTES} bytes")
            finally:
                await response.aclose()
    except TimeoutError:
        raise WebhookFailed(f"no answer within {webhook.deadline_s:g} s") from None
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise WebhookFailed(f"cannot be reached: {type(error).__name__}") from None
    try:
        text = body.decode(response.encoding or "utf-8", errors="replace")
    except (LookupError, UnicodeError):  # A name such as "zip", which Python knows, but not for text.
        text = body.decode(errors="replace")
    return text.strip()[:most] or "done"
