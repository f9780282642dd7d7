"""The event stream of all daemons (Redis, `phone:events`), shared by many readers through one connection to Redis.

An event's id is the one that Redis gives it, so a reader that reconnects with the last id that it saw misses nothing
that is still kept.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import re
from collections.abc import AsyncGenerator, AsyncIterator
from dataclasses import dataclass
from typing import Any

from redis.asyncio import Redis
from redis.exceptions import ResponseError

from phone_daemon.settings.settings import StateSettings
from phone_daemon.state.client import POLL_S, blame, connect, where
from phone_daemon.state.store import EVENTS
from sidecars.log import Event

log = logging.getLogger(__name__)

ID = re.compile(r"\d{1,19}-\d{1,19}", re.ASCII)
BEGINNING = "0-0"
BATCH = 500
MOST_EVENTS = 1000
"""The most events in one page."""
MOST_BEHIND = 2000
"""The most events waiting for one reader; a slower one is dropped, and can return with its last id."""
PAUSE_S = 1.0
WRITES_PER_S = 2000
"""Events that come soon after one are told together, so that all readers together need no more writes than this: a
write to each of many readers costs more than an event."""
QUIET_S = 15.0
"""A comment is sent after this much silence, as the standard for server-sent events advises."""


@dataclass(frozen=True, slots=True)
class FeedEvent:
    id: str
    kind: str
    call: str
    about: dict[str, Any]
    """call, kind, at_ns, daemon, data."""
    sent: bytes
    """The event as it is sent (server-sent events); the data is `about` as JSON."""


class FeedDown(Exception):
    """There is no event stream now; the message says why in one line."""


class EventFeed:
    """`async with EventFeed(settings) as feed`, then `async for events in feed.follow(…)`, any number of times."""

    def __init__(self, settings: StateSettings) -> None:
        self._settings = settings
        self._readers: set[_Reader] = set()
        self._tasks: list[asyncio.Task[None]] = []
        self._last = ""
        self.problem = "Redis is switched off ([state] url)" if settings.url == "off" else "not connected yet"
        """Why there is no event stream now; empty: there is one."""

    async def __aenter__(self) -> EventFeed:
        if self._settings.url != "off":
            self._tasks = [
                asyncio.create_task(self._run(), name="event feed"),
                asyncio.create_task(self._wake_readers(), name="event feed's quiet readers"),
            ]
        return self

    async def __aexit__(self, *_: object) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for reader in self._readers:
            reader.end()

    async def follow(self, last: str = "", call: str = "") -> AsyncGenerator[list[FeedEvent], None]:
        """Yields the events after the id `last` (empty: from now on) of one `call`, or of all calls, several at a time.
        Yields none from time to time if there are none, so that the caller can check whether the reader is still there.
        Raises `FeedDown`.
        """
        if self.problem:
            raise FeedDown(self.problem)
        reader = _Reader()
        self._readers.add(reader)
        try:
            # Earlier events are fetched separately; those that arrive both ways are yielded once.
            told = last = await self._place(last) if last else ""
            if last:
                async for event in self._since(last):
                    told = event.id
                    if not call or event.call == call:
                        yield [event]
            async for live in reader.events():
                wanted = [event for event in live if not call or event.call == call]
                if told:
                    wanted = [event for event in wanted if _after(event.id, told)]
                    told = "" if wanted else told
                if wanted or not live:
                    yield wanted
        finally:
            self._readers.discard(reader)

    async def page(self, after: str, call: str = "", limit: int = 100, wait_s: float = 0.0) -> list[FeedEvent]:
        """The first `limit` events after the id `after`, of one `call` or of all; waits up to `wait_s` for the first of
        them. Raises `FeedDown`.
        """
        if self.problem:
            raise FeedDown(self.problem)
        found: list[FeedEvent] = []
        after = await self._place(after)
        async with contextlib.aclosing(self._since(after)) as kept:
            async for event in kept:
                if not call or event.call == call:
                    found.append(event)
                if len(found) == limit:
                    return found
        if not found and wait_s:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(wait_s), contextlib.aclosing(self.follow(after, call)) as following:
                    async for found in following:
                        if found:
                            break
        return found[:limit]

    async def _place(self, last: str) -> str:
        """Where to go on after `last`. Raises `FeedDown`."""
        client = connect(self._settings)
        try:
            return await _place(client, last)
        except Exception as error:
            raise FeedDown(f"{where(self._settings)}: {blame(error)}") from None
        finally:
            await client.aclose()

    async def _since(self, last: str) -> AsyncGenerator[FeedEvent, None]:
        client = connect(self._settings)
        try:
            while True:
                entries: Any = await client.xrange(EVENTS, min=f"({last}", count=BATCH)
                for entry in entries:
                    event = _event(*entry)
                    last = event.id
                    yield event
                if len(entries) < BATCH:
                    return
        except Exception as error:
            raise FeedDown(f"{where(self._settings)}: {blame(error)}") from None
        finally:
            await client.aclose()

    async def _run(self) -> None:
        while True:
            client = connect(self._settings)
            try:
                read: Any = None
                while True:
                    if not read:
                        place = await _place(client, self._last)
                        if self._last and place != self._last:
                            self._send_back()
                        self._last = place
                        self._say("")
                    read = await client.xread({EVENTS: self._last}, count=BATCH, block=round(POLL_S * 1000))
                    for _, entries in read or ():
                        self._last = entries[-1][0]
                        self._tell([_event(*entry) for entry in entries])
                    if read:
                        await asyncio.sleep(len(self._readers) / WRITES_PER_S)
            except Exception as error:
                self._say(f"{where(self._settings)}: {blame(error)}")
            finally:
                with contextlib.suppress(Exception):
                    await client.aclose()
            await asyncio.sleep(PAUSE_S)

    def _say(self, problem: str) -> None:
        if problem and problem != self.problem:
            log.warning(Event("web.events_lost", reason=problem))
        self.problem = problem

    def _send_back(self) -> None:
        """Makes readers come again: they have ids of another stream."""
        for reader in self._readers:
            reader.end()

    async def _wake_readers(self) -> None:
        while True:
            await asyncio.sleep(QUIET_S)
            for reader in self._readers:
                reader.wake()

    def _tell(self, events: list[FeedEvent]) -> None:
        for reader in self._readers:
            reader.put(events)


class _Reader:
    """Compared by identity."""

    def __init__(self) -> None:
        self._waiting: list[FeedEvent] = []
        self._awake = asyncio.Event()
        self._over = False

    def put(self, events: list[FeedEvent]) -> None:
        if len(self._waiting) + len(events) > MOST_BEHIND:
            self.end()
        elif not self._over:
            self._waiting += events
            self.wake()

    def wake(self) -> None:
        self._awake.set()

    def end(self) -> None:
        self._over = True
        self.wake()

    async def events(self) -> AsyncIterator[list[FeedEvent]]:
        while True:
            await self._awake.wait()
            self._awake.clear()
            waiting, self._waiting = self._waiting, []
            if waiting or not self._over:
                yield waiting
            if self._over:
                return


async def _place(client: Redis, last: str) -> str:
    """Where the stream goes on after the id `last`: there, or at its beginning if that id comes from an earlier stream,
    because Redis was emptied and the clock went back. Empty: at the newest event.
    """
    try:
        newest: str = (await client.xinfo_stream(EVENTS))["last-generated-id"]
    except ResponseError as error:
        if "no such key" not in str(error):
            raise
        newest = BEGINNING
    if not last:
        return newest
    return BEGINNING if _after(last, newest) else last


def _event(id: str, fields: dict[str, str]) -> FeedEvent:
    try:
        data = json.loads(fields.get("data", "{}"))
        at_ns = int(fields.get("at_ns", "0"))
    except ValueError:
        data, at_ns = {}, 0
    kind, call = fields.get("kind", ""), fields.get("call", "")
    about = {"call": call, "kind": kind, "at_ns": at_ns, "daemon": fields.get("daemon", ""), "data": data}
    text = f"id: {id}\nevent: {kind}\ndata: {json.dumps(about, ensure_ascii=False)}\n\n"
    return FeedEvent(id, kind, call, about, text.encode())


def _after(id: str, other: str) -> bool:
    return tuple(map(int, id.split("-"))) > tuple(map(int, other.split("-")))
