"""Which agent answers. This is the only place that knows every kind of agent that a dialplan can name.

All calls of a daemon share one `AgentFactory`, because they share the connections to model servers: `open(plans)` when
the daemon starts, `agent(plan)` for each call, `await close()` at the end.
"""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from phone_daemon.agent.agent import Agent, Parties
from phone_daemon.agent.script.script import NOBODY, ScriptedAgent
from phone_daemon.dialplan.dialplan import Dialplan, DialplanError
from phone_daemon.dialplan.model import Model
from phone_daemon.settings.settings import LlmSettings
from sidecars.log import Event

if TYPE_CHECKING:
    import httpx2 as httpx

    from phone_daemon.agent.llm.chat import Chat, ModelFailed

log = logging.getLogger(__name__)

NO_KEY = "none"
"""Sent as the key if none is set: the protocol requires one, and a server on the same machine ignores it."""
VISIT_S = 30.0
"""A server that did not answer is asked again after this long."""
LOAD_S = 60.0
"""How long a server may take to load its model when it is first asked, before any call."""


class AgentFactory:
    """Builds the agent of each call."""

    def __init__(self, settings: LlmSettings = LlmSettings(), environ: Mapping[str, str] = os.environ) -> None:  # noqa: B008
        self.problem = ""
        """What was wrong when a model was last asked; empty if it answered."""
        self._base_url = settings.base_url
        self._environ = environ
        self._http: httpx.AsyncClient | None = None
        self._chats: list[Chat] = []
        self._told: set[str] = set()
        self._visit: asyncio.Task[None] | None = None

    def open(self, plans: Iterable[Dialplan]) -> None:
        """Asks each model of `plans` for a word, in the background, so that it is loaded and any problem is reported.

        A server that is not up yet is asked again until it is.

        Raises `DialplanError` if a key that a dialplan names is not in the environment.
        """
        plans = list(plans)
        for plan in plans:
            if plan.agent != "llm":
                ScriptedAgent(plan)  # prepares what it must know of a dialplan now, and not when somebody calls
        thinking = [plan for plan in plans if plan.agent == "llm"]
        problems = [problem for plan in thinking for problem in plan.missing_keys(self._environ)]
        if problems:
            raise DialplanError(problems)
        if thinking:
            patient = [replace(plan.model, first_token_s=LOAD_S, max_tokens=1) for plan in thinking if plan.model]
            if self._visit is not None:
                self._visit.cancel()
            self._visit = asyncio.create_task(self._visit_all([self._chat(model) for model in patient]))

    async def _visit_all(self, chats: Iterable[Chat]) -> None:
        from phone_daemon.agent.llm.chat import ModelFailed  # noqa: PLC0415

        waiting = list(dict.fromkeys(chats))
        while waiting:
            for chat in tuple(waiting):
                try:
                    async for _ in chat.answer([{"role": "user", "content": "Hello."}]):
                        pass
                    waiting.remove(chat)
                except ModelFailed as error:
                    if error.refused:
                        waiting.remove(chat)
                    elif self.problem not in self._told:
                        self._told.add(self.problem)
                        log.warning(Event("llm.unreachable", model=chat.model.model, reason=error))
            await asyncio.sleep(VISIT_S if waiting else 0)

    def agent(self, plan: Dialplan, parties: Parties = NOBODY, now: datetime | None = None) -> Agent:
        """The agent for a call between `parties`, answered at `now` (None for this moment)."""
        if plan.agent != "llm":
            return ScriptedAgent(plan, parties)
        from phone_daemon.agent.llm.llm import LlmAgent  # noqa: PLC0415
        from phone_daemon.agent.llm.prompt import system  # noqa: PLC0415

        assert plan.model is not None, "a dialplan whose agent is a model has one"
        chat = self._chat(plan.model)
        assert self._http is not None
        now = now or datetime.now(UTC).astimezone()
        return LlmAgent(plan, chat, system(plan, parties, now), self._http, self._environ, parties)

    def _chat(self, model: Model) -> Chat:
        # Loaded when it is first needed: a daemon whose dialplans are all scripts starts without it.
        import openai  # noqa: PLC0415

        from phone_daemon.agent.llm.chat import Chat  # noqa: PLC0415
        from phone_daemon.agent.llm.http import make_client  # noqa: PLC0415

        for chat in self._chats:
            if chat.model == model:
                return chat
        self._http = self._http or make_client()
        client = openai.AsyncOpenAI(
            base_url=model.base_url or self._base_url,
            api_key=self._environ.get(model.api_key_env) or NO_KEY,
            http_client=self._http,
            max_retries=0,
        )
        self._chats.append(Chat(client, model, self._report))
        return self._chats[-1]

    def _report(self, failure: ModelFailed | None) -> None:
        """Tells an operator what must be fixed, once, no matter how many calls it affects."""
        self.problem = "" if failure is None else str(failure)
        if failure is not None and failure.refused and self.problem not in self._told:
            self._told.add(self.problem)
            log.error(Event("llm.refused", reason=self.problem, remedy="check [llm] in dialplan and settings"))

    async def close(self) -> None:
        """Closes the connections. Idempotent."""
        if self._visit is not None:
            self._visit.cancel()
            await asyncio.wait([self._visit])
        http, self._http = self._http, None
        self._chats.clear()
        if http is not None:
            await http.aclose()
