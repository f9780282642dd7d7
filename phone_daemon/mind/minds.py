"""Which mind answers: the one place that knows every kind of agent a dialplan can name.

`Minds` is shared by all calls of a daemon, for the connections to model servers are: `minds.mind(plan)` for each
call, `await minds.close()` at the end.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from phone_daemon.config import LlmSettings
from phone_daemon.mind.agent import Mind
from phone_daemon.mind.dialplan import Dialplan, DialplanError
from phone_daemon.mind.script import ScriptedMind

if TYPE_CHECKING:
    import httpx2 as httpx

log = logging.getLogger(__name__)

NO_KEY = "none"
"""Sent as the key where none is set: the protocol wants one, a server on one's own machine does not look at it."""


class Minds:
    """Builds the mind of each call."""

    def __init__(self, settings: LlmSettings = LlmSettings(), environ: Mapping[str, str] = os.environ) -> None:  # noqa: B008
        self._base_url = settings.base_url
        self._environ = environ
        self._http: httpx.AsyncClient | None = None
        self._told: set[str] = set()

    def check(self, plans: Iterable[Dialplan]) -> None:
        """Raises `DialplanError` when a key that a dialplan names is not in the environment."""
        problems = []
        for plan in plans:
            named = {tool.webhook.api_key_env: f"tools.{tool.name}" for tool in plan.tools.values() if tool.webhook}
            if plan.model is not None and plan.model.api_key_env != type(plan.model)("").api_key_env:
                named[plan.model.api_key_env] = "llm"
            for name, where in named.items():
                if name and not self._environ.get(name) and plan.agent == "llm":
                    what = f'is not set, and dialplan "{plan.name}" names it ({where}.api_key_env)'
                    problems.append(f"environment: {name}: {what}")
        if problems:
            raise DialplanError(problems)

    def mind(self, plan: Dialplan, called: str = "", now: datetime | None = None) -> Mind:
        """The mind for a call to `called`, answered at `now` (None: this moment)."""
        if plan.agent != "llm":
            return ScriptedMind(plan)
        # Loaded when it is first needed: a daemon whose dialplans are scripts starts without it.
        import openai  # noqa: PLC0415

        from phone_daemon.mind.chat import Chat  # noqa: PLC0415
        from phone_daemon.mind.http import make_client  # noqa: PLC0415
        from phone_daemon.mind.llm import LlmMind  # noqa: PLC0415
        from phone_daemon.mind.prompt import system  # noqa: PLC0415

        assert plan.model is not None, "a dialplan whose agent is a model has one"
        self._http = http = self._http or make_client()
        client = openai.AsyncOpenAI(
            base_url=plan.model.base_url or self._base_url,
            api_key=self._environ.get(plan.model.api_key_env) or NO_KEY,
            http_client=http,
            max_retries=0,
        )
        chat = Chat(client, plan.model, self._complain)
        return LlmMind(plan, chat, system(plan, called, now or datetime.now(UTC).astimezone()), http, self._environ)

    def _complain(self, what: str) -> None:
        """Tells an operator what must be mended: once, however many calls it spoils."""
        if what not in self._told:
            self._told.add(what)
            log.error("%s", what)

    async def close(self) -> None:
        """Closes the connections. Harmless when done twice."""
        http, self._http = self._http, None
        if http is not None:
            await http.aclose()
