"""Carries out a model's tool calls: the call's own tools are actions, and while a webhook is asked, the caller hears
fillers."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Mapping, Sequence
from dataclasses import dataclass

import httpx2 as httpx

from phone_daemon.agent.agent import Parties
from phone_daemon.agent.llm import webhook
from phone_daemon.agent.llm.chat import ToolCall
from phone_daemon.agent.llm.prompt import NOT_DONE, Work
from phone_daemon.agent.llm.said import Said
from phone_daemon.dialplan.tools import HANG_UP, SEND_DTMF, TAKE_MESSAGE, TRANSFER, BadArguments, Tool
from phone_daemon.events import Action, ActionKind, AgentEvent, Token, ToolOutcome, ToolRun, Understood

FILLER_AFTER_S, FILLER_AGAIN_S = 0.3, 6.0
"""A webhook that answers sooner than the first needs no filler; a slow one gets another filler after the second."""


@dataclass(frozen=True, slots=True)
class _Asked:
    """A call with valid arguments."""

    call: ToolCall
    tool: Tool
    arguments: Mapping[str, object]


class Toolbox:
    """One call's tools."""

    def __init__(  # noqa: PLR0917
        self,
        tools: Mapping[str, Tool],
        goodbye: str,
        transferring: str,
        http: httpx.AsyncClient,
        environ: Mapping[str, str],
        parties: Parties = Parties(),  # noqa: B008
    ) -> None:
        """`goodbye` and `transferring` are said if the model ends the call without a word."""
        self.tools = tuple(tools.values())
        self.left: tuple[str, ...] = ()
        """What the caller has left, one text per line."""
        self._tools = tools
        self._farewell = {HANG_UP: goodbye, TRANSFER: transferring}
        self._http = http
        self._environ = environ
        self._parties = parties
        self._calls = 0
        self._fillers = 0

    def is_webhook(self, call: ToolCall) -> bool:
        return call.name in self._tools and self._tools[call.name].webhook is not None

    async def run(self, calls: Sequence[ToolCall], work: Work, said: Said) -> AsyncGenerator[AgentEvent, None]:
        """Does what the model called, and records the results in `work`; sets `said.over` if nothing is to follow.

        Each webhook is reported as running before it is asked. `aclose()` gives up the webhooks that have not answered.
        """
        work.rounds.append(list(calls))
        asked: list[_Asked] = []
        final: list[_Asked] = []
        for call in calls:
            # We use our own ids, because some servers send none, or the same one twice.
            self._calls += 1
            call.id = f"call{self._calls:05d}"
            try:
                fitting = self._fit(call)
            except BadArguments as error:
                # Chat templates read the arguments of earlier calls as JSON.
                call.arguments = "{}"
                work.results[call.id] = f"Error: {error}"
                yield ToolRun(call.name[:64], ToolOutcome.FAILED, error.logged)
                continue
            yield Understood(call.name, {name: str(value) for name, value in fitting.arguments.items()})
            if fitting.tool.webhook is not None:
                asked.append(fitting)
            elif call.name in self._farewell:
                final.append(fitting)
            else:
                yield self._do(fitting, work)
        if asked:
            for each in asked:
                yield ToolRun(each.tool.name)
            async with contextlib.aclosing(self._ask(asked, work, said)) as asking:
                async for event in asking:
                    yield event
        for each in final:
            work.results[each.call.id] = NOT_DONE
            if asked or said.over:
                continue  # the caller should first hear the results of the others
            said.over = True
            if not said.words:
                yield Token(said.ours(self._farewell[each.tool.name]))
            yield (
                Action(ActionKind.HANG_UP)
                if each.tool.name == HANG_UP
                else Action(
                    ActionKind.TRANSFER, each.tool.to[str(each.arguments["to"])], str(each.arguments.get("brief", ""))
                )
            )

    def _fit(self, call: ToolCall) -> _Asked:
        tool = self._tools.get(call.name)
        if tool is None:
            raise BadArguments(f"there is no tool {call.name[:64]!r}")
        return _Asked(call, tool, tool.arguments(call.arguments))

    def _do(self, asked: _Asked, work: Work) -> Action:
        if asked.tool.name == TAKE_MESSAGE:
            self.left = (*self.left, str(asked.arguments["text"]))
            work.results[asked.call.id] = "Written down."
            return Action(ActionKind.TAKE_MESSAGE, "\n".join(self.left))
        assert asked.tool.name == SEND_DTMF
        work.results[asked.call.id] = "The keys are pressed as soon as your words have been played."
        return Action(ActionKind.SEND_DTMF, str(asked.arguments["digits"]))

    async def _ask(self, asked: Sequence[_Asked], work: Work, said: Said) -> AsyncGenerator[AgentEvent, None]:
        """Asks all webhooks at once, and speaks a filler if that takes a while."""
        tasks = [asyncio.create_task(self._ask_one(each), name=f"webhook {each.tool.name}") for each in asked]
        fillers = [text for each in asked if each.tool.webhook for text in each.tool.webhook.filler]
        try:
            patience = FILLER_AFTER_S
            while (await asyncio.wait(tasks, timeout=patience))[1]:
                if fillers and (patience == FILLER_AGAIN_S or not said.in_round):
                    yield Token(said.ours(fillers[self._fillers % len(fillers)]))
                    self._fillers += 1
                patience = FILLER_AGAIN_S
            for each, task in zip(asked, tasks, strict=True):
                outcome, answer = task.result()
                failed = outcome is ToolOutcome.FAILED
                work.results[each.call.id] = f"Error: {answer}" if failed else answer
                yield ToolRun(each.tool.name, outcome, answer if failed else "")
            said.waited_for = True
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks)

    async def _ask_one(self, asked: _Asked) -> tuple[ToolOutcome, str]:
        hook = asked.tool.webhook
        assert hook is not None
        try:
            key = self._environ.get(hook.api_key_env, "")
            return ToolOutcome.DONE, await webhook.ask(self._http, hook, asked.arguments, key, self._parties)
        except webhook.WebhookFailed as error:
            return ToolOutcome.FAILED, str(error)
