"""Dialplans: which agent answers a called number, and when."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import Any, Literal, cast

from phone_daemon.dialplan.hours import ALWAYS, Hours, read_hours
from phone_daemon.dialplan.intents import Script, read_script
from phone_daemon.dialplan.model import Model, read_model
from phone_daemon.dialplan.tools import Tool, read_tools
from phone_daemon.settings.problems import kind_of
from phone_daemon.settings.toml_lines import NotToml, read
from phone_daemon.settings.toml_table import Table
from sidecars.languages import spoken_languages
from sidecars.phonemes import read_phonemes

SHIPPED = Path(__file__).resolve().parent.parent / "dialplans"
"""The dialplans that come with the package; `SHIPPED / "dental_clinic.toml"` answers when no settings say otherwise."""

AGENTS = ("llm", "script")

LONGEST_FILLER = 80
"""Characters: some five seconds, in which the caller hears nothing of what they asked."""
FILLERS = ("One moment.", "Let me see.", "Just a second.")

_SEPARATORS = re.compile(r"[\s().-]")
_NUMBER = re.compile(r"\+?[\d\s().-]*\d[\d\s().-]*\*?")


class DialplanError(Exception):
    """Dialplans that cannot be used; `lines` tells each problem in one line: file, line, key, what, how to mend it."""

    def __init__(self, lines: Iterable[str]) -> None:
        self.lines = tuple(lines)
        super().__init__("\n".join(self.lines))


@dataclass(frozen=True, slots=True)
class BargeIn:
    """`[barge_in]`: what takes the floor from the agent."""

    mode: Literal["speech", "words", "off"] = "speech"
    """`speech`: the caller's voice; `words`: at least `min_words` recognised words; `off`: nothing said."""
    min_words: int = 2
    min_speech_s: float | None = None
    """Speech it takes, instead of the `[vad]` setting."""
    greeting: bool = True
    """Whether the greeting can be interrupted."""
    digits: bool = True
    """Whether a pressed key interrupts, whatever the mode."""


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
    barge_in: BargeIn = BargeIn()
    no_input_s: float = 7.0
    no_input: tuple[str, ...] = ("Are you still there?",)
    max_no_input: int = 2
    """So many times the caller is asked; the next time nothing comes, the agent says goodbye and hangs up."""
    filler: tuple[str, ...] | None = None
    """What is said first when a reply takes long. None: the usual words, where a language model thinks."""
    filler_after_s: float = 0.7
    """How long a caller waits for a reply, from the end of their turn, until it is."""
    agent: str = "script"
    """`script`, or `llm`: the language model `model`; the script then answers when the model cannot."""
    model: Model | None = None
    tools: Mapping[str, Tool] = field(default_factory=dict)
    """What the model may do, by name."""
    is_open: bool = True
    """False in what `Dialplans.match` returns outside opening hours."""

    @property
    def opening(self) -> str:
        """What is said when the call is answered."""
        return self.greeting if self.is_open or not self.closed_greeting else self.closed_greeting

    @property
    def fillers(self) -> tuple[str, ...]:
        """`filler`, or what stands for it."""
        if self.filler is not None:
            return self.filler
        return FILLERS if self.agent == "llm" else ()

    def at(self, now: datetime) -> Dialplan:
        """This dialplan as it is at `now`."""
        return replace(self, is_open=self.hours.open_at(now))

    def phrases(self) -> tuple[str, ...]:
        """Example sentences a caller may say, lower case, for the recogniser's language model."""
        return self.script.sentences() if self.script.intents else ()

    def phrase_sets(self) -> dict[str, tuple[str, ...]]:
        """`phrases` under the empty name, and the answers to each kind of question, for when it has been asked."""
        return {"": self.phrases(), **self.script.answers()}


class Dialplans:
    """Every dialplan of a daemon."""

    def __init__(self, plans: Iterable[Dialplan]) -> None:
        self._plans = tuple(plans)

    @classmethod
    def load(cls, paths: Iterable[Path]) -> Dialplans:
        """Reads dialplan files. Raises `DialplanError` with every problem there is."""
        problems: list[str] = []
        plans: list[Dialplan] = []
        names: dict[str, Path] = {}
        patterns: dict[str, Path] = {}
        for path in paths:
            try:
                table = Table(read(path), problems)
            except NotToml as error:
                problems.append(str(error))
                continue
            plan = _plan(table, path)
            if plan.name in names:
                table.wrong("name", f'"{plan.name}" is also the name of {names[plan.name]}; choose another')
            for index, pattern in enumerate(plan.called):
                if pattern in patterns:
                    table.wrong(("called", index), f'"{pattern}" also stands in {patterns[pattern]}; take one out')
                patterns.setdefault(pattern, path)
            names.setdefault(plan.name, path)
            plans.append(plan)
        if problems:
            raise DialplanError(problems)
        return cls(plans)

    def __iter__(self) -> Iterator[Dialplan]:
        return iter(self._plans)

    def __len__(self) -> int:
        return len(self._plans)

    def match(self, called: str, now: datetime) -> Dialplan | None:
        """The dialplan for `called`, as it is at `now` (an aware datetime, or the machine's local time).

        An exact number comes first, then the longest prefix, then a regular expression, then `*`; among regular
        expressions the first in the order of the files. None when none matches.
        """
        number = _tidy(called)
        best: tuple[int, Dialplan] | None = None
        for plan in self._plans:
            for pattern in plan.called:
                rank = _rank(pattern, number, called)
                if rank and (best is None or rank > best[0]):
                    best = rank, plan
        return best[1].at(now) if best else None


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
    """Without what people write between digits; names of users in any case."""
    return _SEPARATORS.sub("", number) if _NUMBER.fullmatch(number) else number.lower()


def _plan(table: Table, path: Path) -> Dialplan:
    agent = table.choice("agent", AGENTS, "script")
    hours = read_hours(table)
    plan = Dialplan(
        name=table.text("name", path.stem),
        called=_called(table),
        greeting=table.text("greeting", required=agent == "script"),
        script=read_script(table, needed=agent == "script"),
        closed_greeting=table.text("closed_greeting"),
        hours=hours,
        voice=_voice(table.table("voice")),
        barge_in=_barge_in(table.table("barge_in")),
        no_input_s=table.number("no_input_s", 7.0, 1.0, 120.0),
        no_input=table.texts("no_input", ("Are you still there?",)),
        max_no_input=table.whole("max_no_input", 2, 0, 10),
        filler=table.texts("filler") if "filler" in table else None,
        filler_after_s=table.number("filler_after_s", 0.7, 0.1, 10.0),
        agent=agent,
        model=read_model(table),
        tools=read_tools(table),
    )
    if agent == "llm" and plan.model is None:
        table.wrong("agent", 'is "llm", but "llm" is missing; write llm = { model = "NAME" } below it')
    if not re.fullmatch(r"[\w-]+", plan.name):
        table.wrong("name", f'"{plan.name}" is no plain name; use letters, digits, "_" and "-"')
    if hours.week is not None and plan.greeting and not plan.closed_greeting:
        table.wrong("hours", 'are set, but "closed_greeting" is missing; write what is said outside them')
    if plan.max_no_input and not plan.no_input:
        table.wrong("no_input", "is empty; write at least one prompt, or max_no_input = 0")
    table.expect("filler")
    if plan.filler and len(set(plan.filler)) == 1:
        table.wrong("filler", "is one text, and none is said twice in a row; write several, or [] for none")
    for index, text in enumerate(plan.filler or ()):
        if len(text) > LONGEST_FILLER:
            table.wrong(("filler", index), f"has {len(text)} characters; write no more than {LONGEST_FILLER}")
    table.done()
    return plan


def _called(table: Table) -> tuple[str, ...]:
    patterns = table.texts("called", required=True)
    for index, pattern in enumerate(patterns):
        if _is_regex(pattern):
            try:
                re.compile(pattern[1:-1])
            except re.error as error:
                table.wrong(("called", index), f'"{pattern}" is no regular expression: {error}')
        elif pattern.startswith("/"):
            table.wrong(("called", index), f'"{pattern}" begins a regular expression; end it with "/"')
        elif "*" in pattern[:-1]:
            table.wrong(("called", index), f'"{pattern}": "*" stands at the end only; write a /regular expression/')
    return tuple(pattern if _is_regex(pattern) else _tidy(pattern) for pattern in patterns)


def _voice(table: Table) -> dict[str, Any]:
    voice: dict[str, Any] = {}
    if "name" in table:
        voice["voice"] = table.text("name", required=True)
    if "rate" in table:
        voice["rate"] = table.number("rate", 1.0, 0.5, 2.0)
    if "language" in table:
        voice["language"] = language = table.text("language", required=True).lower()
        if language and language not in spoken_languages():
            table.wrong("language", f'"{language}" is no language that espeak-ng speaks; write a code such as "de"')
    if pronounce := table.mapping("pronounce"):
        voice["pronounce"] = pronounce
        for word, phonemes in pronounce.items():
            if problem := _mispronounced(word, phonemes):
                table.wrong(("pronounce", word), problem)
    for name in ("name", "rate", "language"):
        table.expect(name)
    table.done()
    return voice


def _mispronounced(word: str, phonemes: object) -> str:
    """What is wrong with a pronunciation, and how to mend it; empty: nothing."""
    if not re.fullmatch(r"[^\s\[\]()]*\w[^\s\[\]()]*", word):
        return "is no word; write one word, without spaces or brackets"
    if not isinstance(phonemes, str):
        return f'is {kind_of(phonemes)}; write phonemes in quotes, such as "ʃɪvˈɔːn"'
    try:
        read_phonemes(phonemes)
    except ValueError as error:
        return f'"{phonemes}" does not parse: {error}; write phonemes of IPA, such as "ʃɪvˈɔːn"'
    return ""


def _barge_in(table: Table) -> BargeIn:
    mode = table.choice("mode", ("off", "speech", "words"), "speech")
    policy = BargeIn(
        cast(Literal["speech", "words", "off"], mode),
        table.whole("min_words", 2, 1, 20),
        table.number("min_speech_s", 0.0, 0.032, 2.0) if "min_speech_s" in table else None,
        table.flag("greeting", True),
        table.flag("digits", True),
    )
    table.expect("min_speech_s")
    table.done()
    return policy
