"""Dialplans: which agent answers a called number, and when."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from phone_daemon.dialplan.hours import ALWAYS, Hours, hours_of
from phone_daemon.dialplan.intents import Script
from phone_daemon.dialplan.keys import BargeIn, OutboundKeys, PlanKeys, voice_of
from phone_daemon.dialplan.model import Model, check_model
from phone_daemon.dialplan.old_keys import read_old_keys
from phone_daemon.dialplan.script_keys import script_of
from phone_daemon.dialplan.start import StartKeys, check_start
from phone_daemon.dialplan.tools import Tool, tools_of
from phone_daemon.language.backchannels import backchannels as usual_backchannels
from phone_daemon.settings.problems import Problems
from phone_daemon.settings.settings import Settings
from phone_daemon.settings.toml_lines import NotToml, read
from phone_daemon.settings.trunk_checks import unknown_dialplans

__all__ = ["SHIPPED", "BargeIn", "Dialplan", "DialplanError", "Dialplans", "load_dialplans"]

SHIPPED = Path(__file__).resolve().parent.parent / "dialplans"
"""The dialplans that come with the package; `SHIPPED / "dental_clinic.toml"` answers when no settings say otherwise."""

LONGEST_FILLER = 80
"""The most characters of a filler: some five seconds, in which the caller does not hear an answer yet."""
FILLERS = ("One moment.", "Let me see.", "Just a second.")

DEFAULTS = PlanKeys()

_SEPARATORS = re.compile(r"[\s().-]")
_NUMBER = re.compile(r"\+?[\d\s().-]*\d[\d\s().-]*\*?")


class DialplanError(Exception):
    """Dialplans that cannot be used. `lines` has one line per problem: file, line, key, what is wrong, and how to fix
    it."""

    def __init__(self, lines: Iterable[str]) -> None:
        self.lines = tuple(lines)
        super().__init__("\n".join(self.lines))


@dataclass(frozen=True, slots=True)
class Dialplan:
    name: str
    called: tuple[str, ...]
    """Patterns of called numbers: `+442079460100` exact, `+4420*` prefix, `/^\\+44/` regular expression."""
    greeting: str
    script: Script
    closed_greeting: str = ""
    """Said instead of `greeting` outside opening hours."""
    hours: Hours = ALWAYS
    voice: Mapping[str, Any] = field(default_factory=dict)
    """Options for the synthesis engine: `voice` (its name), `rate` (1.0: normal), `language` (a code such as "de"),
    `pronounce` (phonemes of words)."""
    barge_in: BargeIn = DEFAULTS.barge_in
    outbound: OutboundKeys = DEFAULTS.outbound
    no_input_s: float = DEFAULTS.no_input_s
    no_input: tuple[str, ...] = DEFAULTS.no_input
    max_no_input: int = DEFAULTS.max_no_input
    """How many times a silent caller is asked; after that the agent says goodbye and hangs up."""
    filler: tuple[str, ...] | None = DEFAULTS.filler
    """What is said first when a reply takes long. None: the usual words, where a language model thinks."""
    backchannel: tuple[str, ...] | None = DEFAULTS.backchannel
    """What is said while a caller tells something at length. None: the usual words of the voice's language."""
    filler_after_s: float = DEFAULTS.filler_after_s
    """How long a caller waits for a reply, from the end of their turn, before the filler is said."""
    hold_music: bytes = b""
    """8 kHz PCM for callers on hold; empty: `media.hold_music.melody`."""
    agent: str = DEFAULTS.agent
    """`script`, or `llm` for the language model `model`; then the script answers if the model cannot."""
    model: Model | None = None
    tools: Mapping[str, Tool] = field(default_factory=dict)
    """What the model may do, by name."""
    start: StartKeys | None = None
    """The software that is asked how to answer a call before it is answered."""
    is_open: bool = True
    """Whether it is opening hours; set by `Dialplans.match`."""

    @property
    def opening(self) -> str:
        """What is said when the call is answered."""
        return self.greeting if self.is_open or not self.closed_greeting else self.closed_greeting

    @property
    def fillers(self) -> tuple[str, ...]:
        """`filler`, or its default."""
        if self.filler is not None:
            return self.filler
        return FILLERS if self.agent == "llm" else ()

    @property
    def backchannels(self) -> tuple[str, ...]:
        """`backchannel`, or its default."""
        return usual_backchannels(self.language) if self.backchannel is None else self.backchannel

    @property
    def language(self) -> str:
        """The language that is spoken, as a code such as "de"."""
        return str(self.voice.get("language", "en"))

    def texts(self) -> tuple[str, ...]:
        """Every text that the agent may say, with `{name}` where a value is filled in."""
        return (self.greeting, self.closed_greeting, *self.no_input, *self.script.texts)

    def missing_keys(self, environ: Mapping[str, str]) -> list[str]:
        """The keys that it names and the environment lacks, one line each. A model server may not need one."""
        named = {f"tools.{tool.name}": tool.webhook.api_key_env for tool in self.tools.values() if tool.webhook}
        if self.model is not None and self.model.api_key_env != Model("").api_key_env:
            named["llm"] = self.model.api_key_env
        return [
            f'environment: {name}: is not set, and dialplan "{self.name}" names it ({where}.api_key_env)'
            for where, name in named.items()
            if name and not environ.get(name)
        ]

    def at(self, now: datetime) -> Dialplan:
        """This dialplan with `is_open` set for `now`."""
        return replace(self, is_open=self.hours.open_at(now))

    def phrases(self) -> tuple[str, ...]:
        """Example sentences a caller may say, lower case, for the recognizer's language model."""
        return self.script.sentences if self.script.intents else ()

    def phrase_sets(self) -> dict[str, tuple[str, ...]]:
        """`phrases` under the empty name, and the answers to each kind of question, for when it has been asked."""
        return {"": self.phrases(), **self.script.answers()}


class Dialplans:
    """Every dialplan of a daemon."""

    def __init__(self, plans: Iterable[Dialplan]) -> None:
        self._plans = tuple(plans)

    @classmethod
    def load(cls, paths: Iterable[Path]) -> Dialplans:
        """Reads dialplan files. Raises `DialplanError` with all problems."""
        problems: list[str] = []
        plans: list[Dialplan] = []
        names: dict[str, Path] = {}
        patterns: dict[str, Path] = {}
        for path in paths:
            try:
                found = Problems(read(path))
            except NotToml as error:
                problems.append(str(error))
                continue
            if "called" not in found.document.data and found.document.data.keys() & {"dialplans", "sip"}:
                problems.append(f"{path}: is a settings file, not a dialplan; check it: phone-daemon check -c {path}")
                continue
            plan = _plan(found, path)
            if plan.name in names:
                found.add(("name",), f'"{plan.name}" is also the name of {names[plan.name]}; choose another')
            for index, pattern in enumerate(plan.called):
                if pattern in patterns:
                    found.add(("called", index), f'"{pattern}" also stands in {patterns[pattern]}; take one out')
                patterns.setdefault(pattern, path)
            names.setdefault(plan.name, path)
            plans.append(plan)
            problems += found.lines()
        if problems:
            raise DialplanError(problems)
        return cls(plans)

    def __iter__(self) -> Iterator[Dialplan]:
        return iter(self._plans)

    def __len__(self) -> int:
        return len(self._plans)

    def match(self, called: str, now: datetime) -> Dialplan | None:
        """The dialplan for `called`, with `is_open` set for `now` (an aware datetime, or the machine's local time).

        An exact number comes first, then the longest prefix, then a regular expression (the first in the order of the
        files), then `*`. None if nothing matches.
        """
        number = _tidy(called)
        best: tuple[int, Dialplan] | None = None
        for plan in self._plans:
            for pattern in plan.called:
                rank = _rank(pattern, number, called)
                if rank and (best is None or rank > best[0]):
                    best = rank, plan
        return best[1].at(now) if best else None


def load_dialplans(settings: Settings) -> Dialplans:
    """The dialplans that `settings` name, or the dental clinic if they name none. Raises `DialplanError`."""
    plans = Dialplans.load(settings.dialplans or (SHIPPED / "dental_clinic.toml",))
    if problems := unknown_dialplans(settings.trunk, (plan.name for plan in plans)):
        raise DialplanError(problems)
    return plans


def _rank(pattern: str, number: str, called: str) -> int:
    """How specific a match is; 0: none."""
    if pattern == "*":
        return 1
    if _is_regex(pattern):
        return 2 if re.search(pattern[1:-1], called) else 0
    if pattern.endswith("*"):
        return 2 + len(pattern) if number.startswith(pattern[:-1]) else 0
    return 1_000_000 if number == pattern else 0


def _is_regex(pattern: str) -> bool:
    return len(pattern) > 2 and pattern.startswith("/") and pattern.endswith("/")


def _tidy(number: str) -> str:
    """`number` without the characters that people write between digits; user names in lower case."""
    return _SEPARATORS.sub("", number) if _NUMBER.fullmatch(number) else number.lower()


def _plan(found: Problems, path: Path) -> Dialplan:
    found.document = read_old_keys(found)
    keys = found.validated(PlanKeys)
    name = keys.name or path.stem
    scripted = keys.agent == "script"
    hours = hours_of(keys.hours, keys.timezone, found)
    if not re.fullmatch(r"[\w-]+", name):
        found.add(("name",), f'"{name}" is not a valid name; use letters, digits, "_" and "-"')
    if scripted and not keys.greeting.strip() and not found.known(("greeting",)):
        if "greeting" in found.document.data:
            found.add(("greeting",), "is empty; write some text")
        else:
            found.lack((), '"greeting" is missing; write greeting = "…"')
    if not scripted and keys.llm is None and not found.known(("llm",)):
        found.add(("agent",), 'is "llm", but "llm" is missing; write llm = { model = "NAME" } below it')
    if keys.llm is not None:
        check_model(keys.llm, found)
    if keys.start is not None:
        check_start(keys.start, found)
    if keys.hours is not None and keys.greeting and not keys.closed_greeting:
        found.add(("hours",), 'are set, but "closed_greeting" is missing; write what is said outside them')
    if keys.max_no_input and not keys.no_input:
        found.add(("no_input",), "is empty; write at least one prompt, or max_no_input = 0")
    if (keys.outbound.machine == "leave_message") is not bool(keys.outbound.message.strip()):
        lacks = 'is "leave_message", but "message" is missing; write what is left after the beep'
        spare = 'is said only with machine = "leave_message"; write that, or take it out'
        found.add(
            ("outbound", "message" if keys.outbound.message else "machine"), spare if keys.outbound.message else lacks
        )
    _check_filler("filler", keys.filler, found)
    _check_filler("backchannel", keys.backchannel, found)
    same = ("greeting", "closed_greeting", "barge_in", "outbound", "no_input_s", "no_input", "max_no_input", "filler",
            "filler_after_s", "backchannel", "agent")  # fmt: skip
    return Dialplan(
        name=name,
        called=_called(keys.called, found),
        script=script_of(keys.slots, keys.intents, keys.prompts, found, needed=scripted),
        hours=hours,
        voice=voice_of(keys.voice, found),
        model=keys.llm,
        tools=tools_of(keys.tools, found),
        start=keys.start,
        hold_music=_music(keys.hold_music, path, found),
        **{each: getattr(keys, each) for each in same},
    )


def _music(name: str, plan: Path, found: Problems) -> bytes:
    if not name:
        return b""
    from phone_daemon.media.wav import WavError, read_wav  # noqa: PLC0415 (numpy: few dialplans need it)

    try:
        return read_wav(plan.parent / name)
    except WavError as error:
        what = str(error).removeprefix(f"{plan.parent / name}: ")
        found.add(("hold_music",), f'"{name}": {what}; name a WAV file, or take it out for a melody of ours')
        return b""


def _check_filler(key: str, filler: tuple[str, ...] | None, found: Problems) -> None:
    if filler and len(set(filler)) == 1:
        found.add((key,), "is one text, and none is said twice in a row; write several, or [] for none")
    for index, text in enumerate(filler or ()):
        if len(text) > LONGEST_FILLER:
            found.add((key, index), f"has {len(text)} characters; write no more than {LONGEST_FILLER}")


def _called(patterns: tuple[str, ...], found: Problems) -> tuple[str, ...]:
    for index, pattern in enumerate(patterns):
        if _is_regex(pattern):
            try:
                re.compile(pattern[1:-1])
            except re.error as error:
                found.add(("called", index), f'"{pattern}" is not a valid regular expression: {error}')
        elif pattern.startswith("/"):
            found.add(("called", index), f'"{pattern}" begins a regular expression; end it with "/"')
        elif "*" in pattern[:-1]:
            found.add(("called", index), f'"{pattern}": "*" stands at the end only; write a /regular expression/')
    return tuple(pattern if _is_regex(pattern) else _tidy(pattern) for pattern in patterns)
