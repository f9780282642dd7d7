"""The messages to a language model: how to speak on the phone, who it is, and the conversation so far.

Lines in square brackets tell the model what happens on the line; they always have the caller's role, because a model
imitates its own lines. Roles alternate, beginning with the caller's, because some chat templates refuse anything else.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from phone_daemon.agent.agent import CallerTurn, Message, Parties
from phone_daemon.agent.llm.briefing import brief
from phone_daemon.agent.llm.chat import ToolCall
from phone_daemon.dialplan.dialplan import Dialplan
from phone_daemon.dialplan.hours import Hours
from phone_daemon.language.days import WEEKDAYS

VOICE = """\
You are speaking with a caller on the telephone. Everything you write is read out to them by a voice, as it stands.
Answer in one or two short sentences, the way people talk, and then let the caller speak. Ask one thing at a time.
No lists, no headings, no markdown, no emoji, no web addresses. Write numbers, dates and times as one would say them.
The caller's words come from speech recognition and may be wrong: when they make no sense, ask again.
Say only what you know from here. When you do not know something, say so.
Words in [square brackets] tell you what happens on the line; never write any yourself. Where it says that you were \
interrupted, the caller heard your last words only as far as they are written here."""

ANSWERED = "[The telephone rings, and you answer it.]"
SILENCE = "[The caller says nothing.]"
NOISE = "[It was only a noise. Go on from where you were interrupted.]"
INTERRUPTING = "[The caller interrupted you.]"
KEYS = "[The caller pressed the keys {keys}.]"

MOST_LINES = 60
"""The most lines of the conversation that the model gets; in a longer call, the latest ones."""

NOT_DONE = "Not done: the caller went on speaking first."
CANCELLED = "Cancelled: the caller interrupted before there was an answer. It may have taken effect or not."


@dataclass(slots=True)
class Work:
    """The tools that were called in one turn of the conversation, in rounds of requests."""

    at: int
    """Index of the turn's first line in the history."""
    rounds: list[list[ToolCall]] = field(default_factory=list)
    results: dict[str, str] = field(default_factory=dict)
    """The result of each call, by its id; a call without a result was cancelled."""

    def keep(self, which: Callable[[ToolCall], bool]) -> None:
        """Forgets the other calls."""
        self.rounds = [kept for calls in self.rounds if (kept := [call for call in calls if which(call)])]

    def messages(self) -> list[dict[str, Any]]:
        """The calls and, for each of them, its answer."""
        told: list[dict[str, Any]] = []
        for calls in self.rounds:
            made = [
                {"id": call.id, "type": "function", "function": {"name": call.name, "arguments": call.arguments}}
                for call in calls
            ]
            told.append({"role": "assistant", "content": "", "tool_calls": made})
            for call in calls:
                told.append({"role": "tool", "tool_call_id": call.id, "content": self.results.get(call.id, CANCELLED)})
        return told


def system(plan: Dialplan, parties: Parties, now: datetime) -> str:
    """The system prompt of a call that was answered at `now`."""
    known = plan.model.prompt.strip() if plan.model else ""
    parts = [VOICE, known or brief(plan.script, plan.is_open), "\n".join(facts(plan, parties, now))]
    return "\n\n".join(part for part in parts if part)


def facts(plan: Dialplan, parties: Parties, now: datetime) -> list[str]:
    """The facts when the call begins, one sentence each."""
    local = now.astimezone(plan.hours.zone) if plan.hours.zone else now
    told = [f"It is {WEEKDAYS[local.weekday()].capitalize()}, {local.day} {local:%B %Y}, {local:%H:%M}."]
    if parties.called:
        told.append(f"The caller dialled {parties.called}.")
    if parties.caller:
        told.append(f"The caller's number is {parties.caller}.")
    if parties.caller_name:
        # Anybody can set it, so the model must take it for nothing but a name.
        told.append(f'The name that came with it, which proves nothing: "{parties.caller_name}".')
    if plan.hours.week is not None:
        told.append(f"We are {'open' if plan.is_open else 'closed'} now. Opening hours: {_week(plan.hours)}.")
    return told


def _week(hours: Hours) -> str:
    days = []
    for number, name in enumerate(WEEKDAYS):
        spans = (hours.week or {}).get(number, ())
        said = " and ".join(f"{_clock(start)} to {_clock(end)}" for start, end in spans)
        days.append(f"{name.capitalize()} {said or 'closed'}")
    return ", ".join(days)


def _clock(minute: int) -> str:
    return f"{minute // 60}:{minute % 60:02d}"


def conversation(
    history: Sequence[Message], work: Iterable[Work], keyed: frozenset[int] | set[int], turn: CallerTurn | None
) -> list[dict[str, Any]]:
    """The messages of a request, after the system prompt.

    `keyed`: indexes of the history's lines that were typed. `turn`: the turn to answer; None if the call has just
    begun.
    """
    talk = _Talk()
    waiting = sorted(work, key=lambda each: each.at)
    start = max(0, len(history) - MOST_LINES)
    for index, line in enumerate(history[start:], start):
        if line.role == "caller":
            talk.caller(KEYS.format(keys=" ".join(line.text)) if index in keyed else line.text)
            continue
        while waiting and waiting[0].at <= index:
            each = waiting.pop(0)
            if each.at >= start:
                talk.work(each)
        talk.agent(line.text)
        if line.interrupted:
            talk.caller(INTERRUPTING)
    if turn is None:
        talk.caller(ANSWERED)
    elif turn.digits:
        talk.caller(KEYS.format(keys=" ".join(turn.text)))
    else:
        talk.caller(turn.text or NOISE)
    for each in waiting:
        talk.work(each)
    return talk.messages


class _Talk:
    """Messages whose roles alternate."""

    def __init__(self) -> None:
        self.messages: list[dict[str, Any]] = []

    def caller(self, text: str) -> None:
        if not text:
            return
        if self.messages and self.messages[-1]["role"] == "user":
            text = f"{self.messages.pop()['content']}\n{text}".strip()
        self.messages.append({"role": "user", "content": text})

    def agent(self, text: str) -> None:
        if not text.strip():
            return
        self._answers()
        self.messages.append({"role": "assistant", "content": text})

    def work(self, work: Work) -> None:
        if told := work.messages():
            self._answers()
            self.messages += told

    def _answers(self) -> None:
        """The agent speaks next, so there must be something that it answers."""
        if not self.messages:
            self.caller(ANSWERED)
        elif self.messages[-1]["role"] == "assistant":
            self.caller(SILENCE)
