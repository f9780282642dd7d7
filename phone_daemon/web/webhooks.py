"""Tells other programs about calls by HTTP, in the background, without ever delaying a call.

Every message is tried until its receiver accepts it, at growing intervals, for as long as the settings say. Waiting
messages are on disk (`webhook_queue.py`) and are sent after a restart with the same id.
"""

from __future__ import annotations

import asyncio
import logging
import random
import secrets
import sqlite3
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any

import aiohttp

from phone_daemon.settings.web import EVENTS, WebhookSettings
from phone_daemon.settings.web_checks import secret_of
from phone_daemon.web.call_store import NAME, read_call
from phone_daemon.web.metrics import Metrics
from phone_daemon.web.webhook_message import WebhookMessage
from phone_daemon.web.webhook_queue import Waiting, WebhookQueue
from sidecars.log import Event

log = logging.getLogger(__name__)

PAUSES_S = (1, 5, 30, 120, 600, 1800, 3600)
"""The pauses before the second attempt, the third, and so on; the last one repeats."""
SPREAD = 0.2
"""By how much each pause differs at random: not all messages come at the same moment once the receiver is back."""
MOST_WAITING = 1000
"""The most messages for one receiver; beyond it the oldest is given up."""
AT_ONCE = 8
"""The most attempts in progress at one receiver."""
GONE = 410
"""HTTP status: the receiver wants no more messages, ever (the standard asks senders to obey)."""
KEPT = ("turn", "caller", "dtmf", "agent", "heard", "intent", "slots", "interrupted", "ttfa_ms", "actions", "tools")
"""The fields of a line of `turns.jsonl` that a receiver gets."""


@dataclass(frozen=True, slots=True)
class _Happened:
    """A note that is still to be sent. Its message has this id from the beginning, so that no note is delivered as two
    messages.
    """

    id: str
    at: datetime
    note: Mapping[str, Any]


class Webhooks:
    """The webhooks: `observe` takes every note, and `run` sends them. `directory`: where the calls' folders are."""

    def __init__(  # noqa: PLR0917
        self,
        hooks: Sequence[WebhookSettings],
        environ: Mapping[str, str],
        directory: Path,
        metrics: Metrics,
        pauses_s: Sequence[float] = PAUSES_S,
        now: Callable[[], float] = time.time,
    ) -> None:
        """Raises `BadSecret`. `now`: Unix time."""
        self._queue = WebhookQueue(directory)
        self._receivers = [
            Receiver(
                hook,
                secret_of(environ.get(hook.secret_env, "")) if hook.secret_env else b"",
                self._queue,
                metrics,
                pauses_s,
                now,
            )
            for hook in hooks
        ]
        self._directory = directory
        self._now = now
        self._happened: deque[_Happened] = deque()
        self._more = asyncio.Event()

    def observe(self, note: Mapping[str, Any]) -> None:
        """Accepts a note of a call; returns at once."""
        if self._receivers and note.get("kind") in EVENTS:
            self._happened.append(_Happened(f"msg_{secrets.token_urlsafe(18)}", datetime.now(UTC), note))
            self._more.set()

    async def run(self) -> None:
        """Sends until cancelled; messages that were not accepted by then are on disk."""
        if not self._receivers:
            return
        try:
            async with aiohttp.ClientSession(auto_decompress=False) as session, asyncio.TaskGroup() as tasks:
                await self._take_up(tasks, session)
                while True:
                    while self._happened:
                        happened = self._happened[0]
                        message = await asyncio.to_thread(self._message, happened)
                        for receiver in self._wanting(happened):
                            kept = await asyncio.to_thread(receiver.keep, str(happened.note.get("call", "")), message)
                            receiver.take(tasks, session, kept)
                        self._happened.popleft()
                    self._more.clear()
                    await self._more.wait()
        finally:
            for happened in self._happened:
                for receiver in self._wanting(happened):
                    receiver.keep(str(happened.note.get("call", "")), self._message(happened))
            for receiver in self._receivers:
                receiver.leave()
            self._queue.close()

    def _wanting(self, happened: _Happened) -> list[Receiver]:
        return [each for each in self._receivers if happened.note["kind"] in each.hook.events and not each.gone]

    async def _take_up(self, tasks: asyncio.TaskGroup, session: aiohttp.ClientSession) -> None:
        """Resumes with the messages that an earlier process left."""
        try:
            waiting = await asyncio.to_thread(self._queue.waiting)
            receivers = {each.hook.url: each for each in self._receivers}
            for url, messages in waiting.items():
                if (receiver := receivers.get(url)) is None:
                    await asyncio.to_thread(self._queue.clear, url)
                    reason = "the settings do not have it any more"
                    log.warning(Event("webhook.dropped", url=shown(url), messages=len(messages), reason=reason))
                    continue
                log.info(Event("webhook.taken_up", url=receiver.shown, messages=len(messages)))
                for each in messages:
                    receiver.take(tasks, session, each)
        except (sqlite3.Error, OSError) as error:
            log.error(Event("webhook.queue_failed", reason=error))

    def _message(self, happened: _Happened) -> WebhookMessage:
        note = happened.note
        return WebhookMessage.make(happened.id, f"call.{note['kind']}", happened.at, self._data(note))

    def _data(self, note: Mapping[str, Any]) -> dict[str, Any]:
        """The message's data; turns and transcripts come from the call's folder."""
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
    """One webhook and the messages waiting for it."""

    def __init__(  # noqa: PLR0917
        self,
        hook: WebhookSettings,
        secret: bytes,
        queue: WebhookQueue,
        metrics: Metrics,
        pauses_s: Sequence[float],
        now: Callable[[], float],
    ) -> None:
        self.hook = hook
        self.shown = shown(hook.url)
        self.gone = False
        """Whether it has answered that it wants no more messages."""
        self._secret = secret
        self._queue = queue
        self._metrics = metrics
        self._pauses_s = pauses_s
        self._now = now
        self._waiting: dict[str, asyncio.Task[None]] = {}
        self._lost = 0
        self._in_memory: set[str] = set()
        self._room = asyncio.Semaphore(AT_ONCE)

    def keep(self, call: str, message: WebhookMessage) -> Waiting:
        """Writes a message to disk and waits for the disk. If the disk is full, the message merely does not survive a
        restart.
        """
        now = self._now()
        try:
            self._queue.put(self.hook.url, call, message, now)
        except (sqlite3.Error, OSError) as error:
            log.error(Event("webhook.not_kept", url=self.shown, reason=error))
            return Waiting(message.id, now, due=now, body=message.body)
        return Waiting(message.id, now, due=now)

    def take(self, tasks: asyncio.TaskGroup, session: aiohttp.ClientSession, message: Waiting) -> None:
        """Sends `message` until it is accepted or given up."""
        if len(self._waiting) >= MOST_WAITING:
            oldest = next(iter(self._waiting))
            self._waiting.pop(oldest).cancel()
            self._give_up(f"{MOST_WAITING} newer messages wait")
            tasks.create_task(self._done(oldest))
        if message.body is not None:
            self._in_memory.add(message.id)
        task = self._waiting[message.id] = tasks.create_task(self._deliver(session, message))
        task.add_done_callback(lambda _: self._waiting.pop(message.id, None))

    def leave(self) -> None:
        """Logs what is lost with this process."""
        if self._in_memory:
            log.warning(Event("webhook.lost", url=self.shown, messages=len(self._in_memory)))

    async def _deliver(self, session: aiohttp.ClientSession, message: Waiting) -> None:
        # The clock may have been set since the message was made, and may be set while it waits.
        clock, now = asyncio.get_running_loop().time, self._now()
        give_up_at = clock() + self.hook.give_up_s - max(now - message.made, 0.0)
        await asyncio.sleep(min(message.due - now, give_up_at - clock(), self._pauses_s[-1] * (1 + SPREAD)))
        why = "it waited while nothing was sent"
        while not self.gone:
            if clock() >= give_up_at:
                self._give_up(why)
                break
            async with self._room:
                answer = await self._attempt(session, message)
            if answer is None:
                log.info(Event("webhook.dropped", url=self.shown, messages=1, reason="its call was removed"))
                return
            if answer.ok:
                self._metrics.webhooks.labels("taken").inc()
                break
            if answer.gone:
                await self._refuse()
                return
            why = answer.why
            pause = self._pauses_s[min(message.attempts, len(self._pauses_s) - 1)]
            pause = max(pause * random.uniform(1 - SPREAD, 1 + SPREAD), answer.wait_s)
            message.attempts += 1
            if clock() + pause >= give_up_at:
                self._give_up(why)
                break
            self._metrics.webhooks.labels("repeated").inc()
            attempt = message.attempts
            log.info(Event("webhook.repeated", url=self.shown, attempt=attempt, reason=why, in_s=round(pause)))
            await self._on_disk(self._queue.later, self.hook.url, message.id, attempt, self._now() + pause)
            await asyncio.sleep(pause)
        await self._done(message.id)

    async def _attempt(self, session: aiohttp.ClientSession, message: Waiting) -> Answer | None:
        """Makes one attempt; None: the message no longer needs to be sent."""
        body = message.body
        if body is None:
            try:
                body = await asyncio.to_thread(self._queue.body, self.hook.url, message.id)
            except (sqlite3.Error, OSError) as error:
                return Answer(False, f"it cannot be read: {error}")
            if body is None:
                return None
        return await self._post(session, WebhookMessage(message.id, body))

    async def _refuse(self) -> None:
        """Handles a receiver that wants no more messages: nothing waits for it from now on."""
        if self.gone:
            return
        self.gone = True
        log.warning(Event("webhook.gone", url=self.shown, remedy="take it out of the settings"))
        self._in_memory.clear()
        await self._on_disk(self._queue.clear, self.hook.url)

    async def _done(self, id: str) -> None:
        self._in_memory.discard(id)
        await self._on_disk(self._queue.remove, self.hook.url, id)

    async def _on_disk(self, what: Callable[..., object], *about: object) -> None:
        """Runs `what` on the disk. A failure here costs at most one repeated message after a restart."""
        try:
            await asyncio.to_thread(what, *about)
        except (sqlite3.Error, OSError) as error:
            log.error(Event("webhook.queue_failed", reason=error))

    def _give_up(self, why: str) -> None:
        self._metrics.webhooks.labels("given_up").inc()
        log.error(Event("webhook.given_up", url=self.shown, reason=why))

    async def _post(self, session: aiohttp.ClientSession, message: WebhookMessage) -> Answer:
        headers = message.headers(self._secret, int(datetime.now(UTC).timestamp()))
        limit = aiohttp.ClientTimeout(total=self.hook.deadline_s)
        try:
            # Only the status matters: the rest of the answer is ignored, and redirects are not followed.
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
        wait_s = min(_wait_s(answer.headers.get("retry-after", "")), PAUSES_S[-1])
        return Answer(False, f"answered {answer.status}", answer.status == GONE, wait_s)


def _wait_s(retry_after: str) -> float:
    """The seconds in a Retry-After, which is a number or a date (RFC 9110 section 10.2.3); 0 if it is neither."""
    if retry_after.isascii() and retry_after.isdigit():
        return float(retry_after)
    try:
        at = parsedate_to_datetime(retry_after)
        return max((at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp() - time.time(), 0.0)
    except (ValueError, OverflowError, OSError):
        return 0.0


def shown(url: str) -> str:
    """A receiver's address for the log, without the query, which may hold a key."""
    return url.partition("?")[0]
