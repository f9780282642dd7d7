"""A webhook's message and its signature (Standard Webhooks 1.0). Pure."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any


@dataclass(frozen=True, slots=True)
class WebhookMessage:
    id: str
    """The same in every attempt, so that a receiver recognizes what it already has."""
    body: bytes

    @classmethod
    def make(cls, id: str, type: str, at: datetime, data: Mapping[str, Any]) -> WebhookMessage:
        """Makes a message. `type`: `call.` followed by what happened."""
        told = {"type": type, "timestamp": at.isoformat(timespec="milliseconds"), "data": dict(data)}
        return cls(id, json.dumps(told, ensure_ascii=False, default=str).encode())

    def headers(self, secret: bytes, at_s: int) -> dict[str, str]:
        """The headers of one attempt, made at `at_s` (Unix time). Without a secret, the message is not signed."""
        headers = {
            "content-type": "application/json",
            "user-agent": "phone-daemon",
            "webhook-id": self.id,
            "webhook-timestamp": str(at_s),
        }
        if secret:
            headers["webhook-signature"] = f"v1,{signature(secret, self.id, at_s, self.body)}"
        return headers


def signature(secret: bytes, id: str, at_s: int, body: bytes) -> str:
    """The HMAC-SHA256 of `id.timestamp.body`, in base64."""
    digest = hmac.new(secret, f"{id}.{at_s}.".encode() + body, hashlib.sha256).digest()
    return base64.b64encode(digest).decode()
