"""Other programs are told of calls by HTTP, in the background: nothing here is ever in a call's way.

Every message is tried until its receiver has taken it, at growing intervals, for as long as the settings say. Messages
wait in memory: what was not taken when this process ends is lost, and the log says how many.
"""

from __future__ import annotations

import asyncio
import logging
import random
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import aiohttp

from phone_daemon.settings.web import EVENTS, WebhookSettings
from phone_daemon.web.call_store import NAME, read_call
from phone_daemon.web.metrics import Metrics
from phone_daemon.web.webhook_message import WebhookMessage, secret_of
from sidecars.log import Event

log = logging.getLogger(__name__)

PAUSES_S = (1, 5, 30, 120, 600, 1800, 3600)
"""Before the second attempt, the third, …; the last one again and again."""
MOST_WAITING = 1000
"""Messages for one receiver; the oldest of more is given up."""
AT_ONCE = 8
"""Attempts in progress at one receiver."""
GONE = 410
"""HTTP: the receiver wants no more, ever (the standard asks to obey)."""
KEPT = ("turn", "caller", "dtmf", "agent", "heard", "intent", "slots", "interrupted", "ttfa_ms", "actions", "tools")
"""Of a line of `turns.jsonl`, what a receiver is told."""


class Webhooks:
    """`observe` every note; `run` sends. `directory`: where the calls' folders are."""

    def __init__(
        self,
        hooks: Sequence[WebhookSettings],
        environ: Mapping[str, str],
        directory: Path,
        metrics: Metrics,
        pauses_s: Sequence[float] = PAUSES_S,
    ) -> None:
        """Raises `BadSecret`."""
        self._receivers = [
            Receiver(hook, secret_of(environ[hook.secret_env]) if hook.secret_env else b"", metrics, pauses_s)
            for hook in hooks
        ]
        self._directory = directory
        self._notes: asyncio.Queue[tuple[datetime, Mapping[str, Any]]] = asyncio.Queue()

    def observe(self, note: Mapping[str, Any]) -> None:
        """Takes a note of a call; returns at once."""
        if self._receivers and note.get("kind") in EVENTS:
            self._notes.put_nowait((datetime.now(UTC), note))

    async def run(self) -> None:
        """Sends until it is cancelled."""
        if not self._receivers:
            return
        try:
            async with aiohttp.ClientSession(auto_decompress=False) as session, asyncio.TaskGroup() as tasks:
                while True:
                    at, note = await self._notes.get()
                    kind = note["kind"]
                    wanting = [each for each in self._receivers if kind in each.hook.events and not each.gone]
                    if not wanting:
                        continue
                    data = await asyncio.to_thread(self._data, note)
                    message = WebhookMessage.make(f"msg_{secrets.token_urlsafe(18)}", f"call.{kind}", at, data)
                    for receiver in wanting:
                        receiver.take(tasks, session, message)
        finally:
            for receiver in self._receivers:
                if receiver.waiting:
                    log.warning(Event("webhook.lost", url=receiver.shown, messages=receiver.waiting))

    def _data(self, note: Mapping[str, Any]) -> dict[str, Any]:
        """What the message says; turns and transcripts as the call's folder has them."""
        call, kind, data = str(note.get("call", "")), note["kind"], dict(note.get("data", {}))
        found = read_call(self._directory / call) if kind in ("turn", "ended") and NAME.fullmatch(call) else None
        if found is None:
            return {"call": call, **data}
        row, turns = found
        told = [{key: turn[key] for key in KEPT if key in turn} for turn in turns]
        if kind == "turn":
            return {"call": call, **next((turn for turn in told if turn.get("turn") == data.get("number")), data)}
        who = {key: row[key] for key in ("caller", "called", "dialplan", "started", "seconds")}
        return {"call": call, **who, **data, "transcript": told}


@dataclass(frozen=True, slots=True)
class Answer:
    ok: bool
    why: str = ""
    gone: bool = False
    wait_s: float = 0.0


class Receiver:
    """One webhook and what waits for it."""

    def __init__(self, hook: WebhookSettings, secret: bytes, metrics: Metrics, pauses_s: Sequence[float]) -> None:
        self.hook = hook
        self.shown = hook.url.partition("?")[0]
        """Its address for the log: a query may hold a key."""
        self.gone = False
        """It has answered that it wants no more."""
        self._secret = secret
        self._metrics = metrics
        self._pauses_s = pauses_s
        self._waiting: dict[str, asyncio.Task[None]] = {}
        self._room = asyncio.Semaphore(AT_ONCE)

    @property
    def waiting(self) -> int:
        return len(self._waiting)

    def take(self, tasks: asyncio.TaskGroup, session: aiohttp.ClientSession, message: WebhookMessage) -> None:
        if len(self._waiting) >= MOST_WAITING:
            oldest = next(iter(self._waiting))
            self._waiting.pop(oldest).cancel()
            self._give_up(f"{MOST_WAITING} newer messages wait")
        task = self._waiting[message.id] = tasks.create_task(self._deliver(session, message))
        task.add_done_callback(lambda _: self._waiting.pop(message.id, None))

    async def _deliver(self, session: aiohttp.ClientSession, message: WebhookMessage) -> None:
        loop = asyncio.get_running_loop()
        give_up_at = loop.time() + self.hook.give_up_s
        attempt = 0
        while not self.gone:
            async with self._room:
                answer = await self._attempt(session, message)
            if answer.ok:
                self._metrics.webhooks.labels("taken").inc()
                return
            if answer.gone:
                self.gone = True
                log.warning(Event("webhook.gone", url=self.shown, remedy="take it out of the settings"))
                return
            pause = self._pauses_s[min(attempt, len(self._pauses_s) - 1)]
            # Not all at the same moment, when the receiver is back.
            pause = max(pause * random.uniform(0.8, 1.2), answer.wait_s)
            attempt += 1
            if loop.time() + pause >= give_up_at:
                self._give_up(answer.why)
                return
            self._metrics.webhooks.labels("repeated").inc()
            log.info(Event("webhook.repeated", url=self.shown, attempt=attempt, reason=answer.why, in_s=round(pause)))
            await asyncio.sleep(pause)

    def _give_up(self, why: str) -> None:
        self._metrics.webhooks.labels("given_up").inc()
        log.error(Event("webhook.given_up", url=self.shown, reason=why))

    async def _attempt(self, session: aiohttp.ClientSession, message: WebhookMessage) -> Answer:
        headers = message.headers(self._secret, int(datetime.now(UTC).timestamp()))
        limit = aiohttp.ClientTimeout(total=self.hook.deadline_s)
        try:
            # Whatever else it answers, and wherever it sends us, is not looked at: the status is all.
            answer = await session.post(
                self.hook.url, data=message.body, headers=headers, timeout=limit, allow_redirects=False
            )
        except TimeoutError:
            return Answer(False, f"no answer within {self.hook.deadline_s:g} s")
        except (aiohttp.ClientError, OSError, ValueError) as error:
            return Answer(False, f"{type(error).__name__}: {error}"[:200])
        answer.close()
        if 200 <= answer.status < 300:
            return Answer(True)
        wait = answer.headers.get("retry-after", "")
        wait_s = float(wait) if wait.isascii() and wait.isdigit() else 0.0
        return Answer(False, f"answered {answer.status}", answer.status == GONE, min(wait_s, PAUSES_S[-1]))
