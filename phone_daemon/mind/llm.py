"""The agent that thinks with a language model: a `Mind` over a streamed chat.

A turn is one request, or several while the model calls tools. What the caller hears never hangs on the server: a
request that fails before a word was said is made once more, then the dialplan's script answers if it has one, else an
apology; an answer that breaks off is owned up to.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Mapping, Sequence

import httpx2 as httpx

from phone_daemon.events import (
    Action,
    ActionKind,
    MindEvent,
    Token,
    ToolOutcome,
    ToolRun,
    Trouble,
    Understood,
)
from phone_daemon.mind import webhook
from phone_daemon.mind.agent import CallerTurn, Message
from phone_daemon.mind.chat import Chat, End, ModelFailed, Thought, ToolCall, Words
from phone_daemon.mind.dialplan import Dialplan
from phone_daemon.mind.prompt import NOT_DONE, Work, conversation
from phone_daemon.mind.script import ScriptedMind
from phone_daemon.mind.tools import HANG_UP, SEND_DTMF, TAKE_MESSAGE, TRANSFER, BadArguments, Tool

MAX_ROUNDS = 4
"""Requests of one turn in which the model may call tools; then it has to answer."""
HOLD_S = 2.0
"""A model that thinks for longer, and has said nothing, is spoken for."""
FILLER_AFTER_S, FILLER_AGAIN_S = 0.3, 6.0
"""A webhook that answers sooner needs no filler; one that takes long gets another."""
GREETING = "Hello. How can I help you?"
"""Said when the model was to greet, and cannot."""


class LlmMind:
    """One call's agent. `system` is the prompt that stays the same all through the call."""

    def __init__(
        self, plan: Dialplan, chat: Chat, system: str, http: httpx.AsyncClient, environ: Mapping[str, str]
    ) -> None:
        self._plan = plan
        self._chat = chat
        self._system = {"role": "system", "content": system}
        self._http = http
        self._environ = environ
        self._work: list[Work] = []
        self._keyed: set[int] = set()
        """Lines of the history that were typed."""
        self._left: tuple[str, ...] = ()
        """What the caller has left, one text a line."""
        self._left_before: tuple[str, ...] = ()
        self._script: ScriptedMind | None = None
        """Answers in the model's place, from the turn in which it failed until it is back."""
        self._scripted = False
        """Whether the script gave the last reply."""
        self._failed = 0
        """Turns in a row that neither model nor script could answer."""
        self._calls = 0
        self._fillers = 0

    def greet(self) -> AsyncGenerator[MindEvent, None]:
        if self._plan.opening:
            return _say(self._plan.opening)
        return self._answer(None, (), self._begin(0))

    def reply(self, turn: CallerTurn, history: Sequence[Message]) -> AsyncGenerator[MindEvent, None]:
        """The turn is taken in by the call itself: a reply that nobody reads can be retracted as well."""
        work = self._begin(len(history))
        if turn.silent:
            return self._silence(turn, history)
        if turn.digits:
            self._keyed.add(len(history))
        return self._answer(turn, tuple(history), work)

    def _begin(self, at: int) -> Work:
        work = Work(at)
        self._work.append(work)
        self._keyed.discard(at)
        self._left_before = self._left
        self._scripted = False
        return work

    def retract(self) -> None:
        """What webhooks have done stays known, for it has been done; the call's own tools have not."""
        if not self._work:
            return
        self._left = self._left_before
        self._work[-1].keep(lambda call: call.name in self._plan.tools and bool(self._plan.tools[call.name].webhook))
        if self._scripted and self._script is not None:
            self._script.retract()
            self._scripted = False

    def wanted_digits(self) -> int:
        """As many as the script asked for while it answers; else the caller's pause ends the number."""
        return self._script.wanted_digits() if self._script else 0

    def expects(self) -> str:
        return self._script.expects() if self._script else ""

    async def close(self) -> None:
        """Nothing is held between replies: the connections are the daemon's."""

    # ------------------------------------------------------------------------------------------------ answers

    async def _silence(self, turn: CallerTurn, history: Sequence[Message]) -> AsyncGenerator[MindEvent, None]:
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
    ) -> AsyncGenerator[MindEvent, None]:
        speech = _Speech()
        for number in range(MAX_ROUNDS + 1):
            tools = tuple(self._plan.tools.values()) if number < MAX_ROUNDS else ()
            messages = [self._system, *conversation(history, self._work, self._keyed, turn)]
            end = End()
            speech.next_round()
            try:
                async with contextlib.aclosing(self._attempts(messages, tools)) as pieces:
                    async for piece in pieces:
                        match piece:
                            case Words(text):
                                if text := speech.add(text):
                                    yield Token(text)
                            case Thought():
                                if speech.late():
                                    yield Token(speech.filler(self._chat.model.holding))
                            case Trouble():
                                yield piece
                            case End():
                                end = piece
                if not end.calls and not speech.words:
                    raise ModelFailed(_empty(end))
            except ModelFailed as error:
                yield Trouble(str(error))
                async with contextlib.aclosing(self._instead(turn, history, speech, number)) as instead:
                    async for event in instead:
                        yield event
                return
            self._failed, self._script = 0, None
            if end.reason == "length":
                yield Trouble("the answer was cut at max_tokens")
            if not end.calls:
                return
            async with contextlib.aclosing(self._run(self._number(end.calls), work, speech)) as run:
                async for event in run:
                    yield event
            if speech.over:
                return

    async def _attempts(
        self, messages: list[dict[str, object]], tools: Sequence[Tool]
    ) -> AsyncGenerator[Words | Thought | End | Trouble, None]:
        """The model's answer; once more from the beginning if it fails before its first word, and soon."""
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
                if spoken or last or error.refused or time() - begun > 1.1 * self._chat.model.first_token_s:
                    raise
                yield Trouble(f"{error}; asked again")

    async def _instead(
        self, turn: CallerTurn | None, history: tuple[Message, ...], speech: _Speech, number: int
    ) -> AsyncGenerator[MindEvent, None]:
        """What is said when the model fails."""
        model = self._chat.model
        if speech.in_round:
            yield Token(speech.filler(model.broken_off, after="…"))
        elif turn is None:
            yield Token(GREETING)
        elif number == 0 and self._plan.script.intents:
            async for event in self._by_script(turn, history):
                yield event
        else:
            sorry = model.sorry[min(self._failed, len(model.sorry) - 1)]
            self._failed += 1
            yield Token(speech.filler(sorry))

    async def _by_script(self, turn: CallerTurn, history: Sequence[Message]) -> AsyncGenerator[MindEvent, None]:
        self._script = self._script or ScriptedMind(self._plan)
        self._scripted = True
        before = self._left
        async for event in self._script.reply(turn, history):
            if isinstance(event, Action) and event.kind is ActionKind.TAKE_MESSAGE:
                self._left = (*before, event.argument)
                yield Action(event.kind, "\n".join(self._left))
            else:
                yield event

    # ------------------------------------------------------------------------------------------------ tools

    def _number(self, calls: Sequence[ToolCall]) -> list[ToolCall]:
        """The calls under ids of our own: some servers give none, or the same one twice."""
        for call in calls:
            self._calls += 1
            call.id = f"call{self._calls:05d}"
        return list(calls)

    async def _run(self, calls: list[ToolCall], work: Work, speech: _Speech) -> AsyncGenerator[MindEvent, None]:
        """Does what the model called. Each webhook is told to be running before it is asked."""
        work.rounds.append(calls)
        asked: dict[str, tuple[Tool, dict[str, object]]] = {}
        final: list[tuple[ToolCall, Tool, dict[str, object]]] = []
        for call in calls:
            tool = self._plan.tools.get(call.name)
            try:
                if tool is None:
                    raise BadArguments(f"there is no tool {call.name!r}")
                arguments = tool.arguments(call.arguments)
            except BadArguments as error:
                # Chat templates read the arguments of earlier calls as JSON.
                call.arguments = "{}"
                work.results[call.id] = f"Error: {error}"
                yield ToolRun(call.name, ToolOutcome.FAILED, str(error))
                continue
            yield Understood(tool.name, {name: str(value) for name, value in arguments.items()})
            if tool.webhook is not None:
                yield ToolRun(tool.name)
                asked[call.id] = tool, arguments
            elif tool.name in (TRANSFER, HANG_UP):
                final.append((call, tool, arguments))
            else:
                yield self._do(call, tool, arguments, work)
        if asked:
            async with contextlib.aclosing(self._ask(asked, work, speech)) as asking:
                async for event in asking:
                    yield event
        for call, tool, arguments in final:
            work.results[call.id] = NOT_DONE
            if asked or speech.over:
                continue  # The caller is to hear first what came of the others.
            speech.over = True
            if not speech.words:
                goodbye = self._plan.script.prompts.goodbye[0]
                yield Token(speech.filler(goodbye if tool.name == HANG_UP else self._chat.model.transferring))
            if tool.name == HANG_UP:
                yield Action(ActionKind.HANG_UP)
            else:
                yield Action(ActionKind.TRANSFER, tool.to[str(arguments["to"])])

    def _do(self, call: ToolCall, tool: Tool, arguments: Mapping[str, object], work: Work) -> Action:
        if tool.name == TAKE_MESSAGE:
            self._left = (*self._left, str(arguments["text"]))
            work.results[call.id] = "Written down."
            return Action(ActionKind.TAKE_MESSAGE, "\n".join(self._left))
        assert tool.name == SEND_DTMF
        work.results[call.id] = "The keys are pressed as soon as your words have been played."
        return Action(ActionKind.SEND_DTMF, str(arguments["digits"]))

    async def _ask(
        self, asked: Mapping[str, tuple[Tool, dict[str, object]]], work: Work, speech: _Speech
    ) -> AsyncGenerator[MindEvent, None]:
        """Asks webhooks, all at once, and speaks a filler when that takes a while."""
        tasks = {id: asyncio.create_task(self._ask_one(*call), name=call[0].name) for id, call in asked.items()}
        try:
            patience = FILLER_AFTER_S
            while (await asyncio.wait(tasks.values(), timeout=patience))[1]:
                filler = next((tool.webhook.filler for tool, _ in asked.values() if tool.webhook), ())
                if filler and (patience == FILLER_AGAIN_S or not speech.in_round):
                    yield Token(speech.filler(filler[self._fillers % len(filler)]))
                    self._fillers += 1
                patience = FILLER_AGAIN_S
            for id, task in tasks.items():
                outcome, work.results[id] = task.result()
                detail = work.results[id] if outcome is ToolOutcome.FAILED else ""
                yield ToolRun(asked[id][0].name, outcome, detail)
        finally:
            for task in tasks.values():
                task.cancel()
            await asyncio.wait(tasks.values())

    async def _ask_one(self, tool: Tool, arguments: dict[str, object]) -> tuple[ToolOutcome, str]:
        assert tool.webhook is not None
        try:
            key = self._environ.get(tool.webhook.api_key_env, "")
            return ToolOutcome.DONE, await webhook.ask(self._http, tool.webhook, arguments, key)
        except webhook.WebhookFailed as error:
            return ToolOutcome.FAILED, f"Error: {error}"


class _Speech:
    """What has been said in one reply, joined as it will be spoken."""

    def __init__(self) -> None:
        self.words = False
        """Whether the model has said anything."""
        self.in_round = False
        """Whether it has in the present request."""
        self.over = False
        """Whether nothing more is to be said."""
        self._end = ""
        """The last character said."""
        self._held = False
        self._begun = asyncio.get_running_loop().time()

    def next_round(self) -> None:
        self.in_round = False

    def add(self, text: str) -> str:
        """`text` of the model's, as it is to be spoken."""
        if not self.in_round:
            text = text.lstrip()
            if text and self._end and not self._end.isspace():
                text = " " + text
        if text:
            self.in_round = self.words = True
            self._end = text[-1]
        return text

    def late(self) -> bool:
        """Whether the caller has been waiting for so long that something must be said: true once."""
        if self._end or self._held or asyncio.get_running_loop().time() - self._begun < HOLD_S:
            return False
        self._held = True
        return True

    def filler(self, text: str, after: str = "") -> str:
        """`text` of ours, as it is to be spoken."""
        text = f"{after if self._end.isalnum() else ''}{' ' * bool(self._end and not self._end.isspace())}{text} "
        self._end = " "
        return text


async def _say(text: str) -> AsyncGenerator[MindEvent, None]:
    yield Token(text)


def _empty(end: End) -> str:
    if end.reason == "length":
        return "the model used up max_tokens without a word; raise it, or turn the model's thinking off"
    return "the model said nothing"
