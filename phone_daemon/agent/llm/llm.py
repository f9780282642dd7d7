"""The agent that thinks with a language model: an `Agent` on top of a streamed chat.

A turn is one request, or several if the model calls tools. The caller never depends on the server alone: a request that
fails before anything was said is repeated once; then the dialplan's script answers, if it has one, or else the agent
apologizes. If an answer breaks off, the agent admits it.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Mapping, Sequence

import httpx2 as httpx

from phone_daemon.agent.agent import CallerTurn, Message, Parties
from phone_daemon.agent.llm import briefing
from phone_daemon.agent.llm.chat import Chat, End, ModelFailed, Thought, Words
from phone_daemon.agent.llm.prompt import Work, conversation
from phone_daemon.agent.llm.said import Said
from phone_daemon.agent.llm.toolbox import Toolbox
from phone_daemon.agent.script.script import NOBODY, ScriptedAgent
from phone_daemon.dialplan.dialplan import Dialplan
from phone_daemon.dialplan.tools import Tool
from phone_daemon.events import Action, ActionKind, AgentEvent, Token, Trouble, Understood

MAX_ROUNDS = 4
"""Requests in one turn in which the model may call tools; after that it must answer."""
GREETING = "Hello. How can I help you?"
"""Said if the model should greet the caller but cannot."""


class LlmAgent:
    """One call's agent. `system` is the prompt that stays the same throughout the call."""

    def __init__(  # noqa: PLR0917
        self,
        plan: Dialplan,
        chat: Chat,
        system: str,
        http: httpx.AsyncClient,
        environ: Mapping[str, str],
        parties: Parties = NOBODY,
    ) -> None:
        self._plan = plan
        self._parties = parties
        self._chat = chat
        self._system = {"role": "system", "content": system}
        tools = plan.tools if chat.model.prompt else {**briefing.tools(plan.script), **plan.tools}
        self._toolbox = Toolbox(tools, plan.script.prompts.goodbye[0], chat.model.transferring, http, environ, parties)
        self._work: list[Work] = []
        self._keyed: set[int] = set()
        """Indexes of the lines in the history that were typed."""
        self._left_before: tuple[str, ...] = ()
        """What the caller had left before the last reply."""
        self._left_to_model: tuple[str, ...] = ()
        """What the caller had left when the script took over, because the script knows only its own texts."""
        self._script: ScriptedAgent | None = None
        """Answers in place of the model, from the turn in which the model failed until it is back."""
        self._scripted = False
        """Whether the script gave the last reply."""
        self._failed = 0
        """Consecutive turns that neither the model nor the script could answer."""

    def greet(self) -> AsyncGenerator[AgentEvent, None]:
        if self._plan.opening:
            return _say(self._parties.fill(self._plan.opening))
        return self._answer(None, (), self._begin(0))

    def reply(self, turn: CallerTurn, history: Sequence[Message]) -> AsyncGenerator[AgentEvent, None]:
        """The call to `reply` itself takes in the turn, so that a reply that nobody reads can be retracted as well."""
        work = self._begin(len(history))
        if turn.silent:
            return self._silence(turn, history)
        if turn.digits:
            self._keyed.add(len(history))
        return self._answer(turn, tuple(history), work)

    def _begin(self, at: int) -> Work:
        work = Work(at)
        self._work = [each for each in self._work if each.rounds] + [work]
        self._keyed.discard(at)
        self._left_before = self._toolbox.left
        self._scripted = False
        return work

    def stands(self, turn: CallerTurn, history: Sequence[Message]) -> bool:
        """A model only gets the words; the script that answers in its place gets more."""
        return self._script.stands(turn, history) if self._scripted and self._script is not None else True

    def retract(self) -> None:
        """Keeps what webhooks have done, because it has been done, but not what the call's own tools have done."""
        if not self._work:
            return
        self._toolbox.left = self._left_before
        self._work[-1].keep(self._toolbox.is_webhook)
        if self._scripted and self._script is not None:
            self._script.retract()
            self._scripted = False

    def wanted_digits(self) -> int:
        """As many as the script asked for while it answers; otherwise the caller's pause ends the number."""
        return self._script.wanted_digits() if self._script else 0

    def expects(self) -> str:
        return self._script.expects() if self._script else ""

    async def close(self) -> None:
        """Nothing is held between replies: the connections belong to the daemon."""

    # ------------------------------------------------------------------------------------------------ answers

    async def _silence(self, turn: CallerTurn, history: Sequence[Message]) -> AsyncGenerator[AgentEvent, None]:
        if self._script is not None:
            async for event in self._by_script(turn, history):
                yield event
            return
        yield Understood("silence")
        if turn.silent > self._plan.max_no_input:
            yield Token(self._plan.script.prompts.goodbye[0])
            yield Action(ActionKind.HANG_UP)
        else:
            yield Token(self._plan.no_input[(turn.silent - 1) % len(self._plan.no_input)])

    async def _answer(
        self, turn: CallerTurn | None, history: tuple[Message, ...], work: Work
    ) -> AsyncGenerator[AgentEvent, None]:
        said = Said()
        for number in range(MAX_ROUNDS + 1):
            tools = self._toolbox.tools if number < MAX_ROUNDS else ()
            messages = [self._system, *conversation(history, self._work, self._keyed, turn)]
            end = End()
            said.next_round()
            try:
                async with contextlib.aclosing(self._attempts(messages, tools)) as pieces:
                    async for piece in pieces:
                        match piece:
                            case Words(text):
                                if text := said.add(text):
                                    yield Token(text)
                            case Thought():
                                if said.late():
                                    yield Token(said.ours(self._chat.model.holding))
                            case Trouble():
                                yield piece
                            case End():
                                end = piece
                calls = end.calls if tools else ()
                if not calls and said.waited_for:
                    raise ModelFailed(_empty(end))
            except ModelFailed as error:
                yield Trouble(str(error))
                async with contextlib.aclosing(self._instead(turn, history, said, number)) as instead:
                    async for event in instead:
                        yield event
                return
            self._failed, self._script = 0, None
            if end.reason == "length":
                yield Trouble("the answer was cut at max_tokens")
            if not calls:
                return
            async with contextlib.aclosing(self._toolbox.run(calls, work, said)) as run:
                async for event in run:
                    yield event
            if said.over:
                return

    async def _attempts(
        self, messages: list[dict[str, object]], tools: Sequence[Tool]
    ) -> AsyncGenerator[Words | Thought | End | Trouble, None]:
        """The model's answer; the request is repeated once if it fails early and before its first word."""
        time = asyncio.get_running_loop().time
        begun = time()
        for last in (False, True):
            spoken = False
            try:
                async with contextlib.aclosing(self._chat.answer(messages, tools)) as pieces:
                    async for piece in pieces:
                        spoken = spoken or isinstance(piece, Words)
                        yield piece
                return
            except ModelFailed as error:
                if spoken or last or error.refused or time() - begun > 1.5 * self._chat.model.first_token_s:
                    raise
                yield Trouble(f"{error}; asked again")

    async def _instead(
        self, turn: CallerTurn | None, history: tuple[Message, ...], said: Said, number: int
    ) -> AsyncGenerator[AgentEvent, None]:
        """The reply if the model fails."""
        model = self._chat.model
        if said.in_round:
            yield Token(said.ours(model.broken_off, after="…"))
        elif turn is None:
            yield Token(GREETING)
        elif number == 0 and turn.text and self._plan.script.intents:
            async for event in self._by_script(turn, history):
                yield event
        else:
            sorry = model.sorry[min(self._failed, len(model.sorry) - 1)]
            self._failed += 1
            yield Token(said.ours(sorry))

    async def _by_script(self, turn: CallerTurn, history: Sequence[Message]) -> AsyncGenerator[AgentEvent, None]:
        if self._script is None:
            self._script = ScriptedAgent(self._plan, self._parties)
            self._left_to_model = self._toolbox.left
        self._scripted = True
        async for event in self._script.reply(turn, history):
            if isinstance(event, Action) and event.kind is ActionKind.TAKE_MESSAGE:
                self._toolbox.left = (*self._left_to_model, event.argument)
                yield Action(event.kind, "\n".join(self._toolbox.left))
            else:
                yield event


async def _say(text: str) -> AsyncGenerator[AgentEvent, None]:
    yield Token(text)


def _empty(end: End) -> str:
    if end.reason == "length":
        return "the model used up max_tokens without a word; raise it, or turn the model's thinking off"
    return "the model said nothing"
