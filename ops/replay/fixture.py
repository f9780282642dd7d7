"""A recorded caller on disk: `fixtures/calls/<name>/call.toml` and the WAV files that it names.

description = "…"
called = "100"                      # the called number
caller = "5550142"                  # the calling number (optional)
dialplan = "dental_clinic"          # the dialplan that must answer

[[cue]]                             # what the caller does, in order; each waits for its moment
at = "agent_finished + 0.4 s"       # see `Anchor`
say = "booking.wav"                 # or: press = "123#"   or: hang_up = true
words = "I would like to book"      # the words in it (optional)

[echo]                              # the line returns the agent's voice, see `Echo` (optional)
loss_db = 18
delay_s = 0.2

[expect]                            # see `Expect`; every key is optional
intents = ["book"]
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any

from ops.replay.echo_path import Echo
from phone_daemon.events import EndReason
from phone_daemon.media.wav import read_wav
from phone_daemon.settings.problems import nearest

CALLS = Path(__file__).resolve().parents[2] / "fixtures" / "calls"


class Anchor(StrEnum):
    """What a cue's moment is counted from, as the caller hears it (`ops/replay/caller.py` has the exact
    definitions).
    """

    ANSWERED = "answered"
    """The call was answered: written as a bare time, `at = "2.0 s"`."""
    AGENT_SPEAKING = "agent_speaking"
    """The agent began to speak after the previous cue had begun."""
    AGENT_FINISHED = "agent_finished"
    """The agent has spoken since the previous cue, and has now been silent for `caller.PAUSE_S`."""
    SAID = "said"
    """The previous cue is over."""


@dataclass(frozen=True, slots=True)
class Cue:
    """One action of the caller. Exactly one of `pcm`, `press`, and `hang_up` is set."""

    anchor: Anchor
    delay_s: float
    pcm: bytes = b""
    """8 kHz mono."""
    press: str = ""
    hang_up: bool = False
    words: str = ""


@dataclass(frozen=True, slots=True)
class Expect:
    """What must hold after the call."""

    intents: tuple[str, ...] = ()
    """Intents reached, in this order; there may be others between them."""
    slots: Mapping[str, str] = field(default_factory=dict)
    """Slots understood in any turn; the last value counts."""
    transcript_words: tuple[str, ...] = ()
    """Each occurs in some transcript of the caller."""
    agent_said: tuple[str, ...] = ()
    """Each occurs in something that the agent said, ignoring case."""
    barge_ins: int | None = None
    """Replies that were interrupted."""
    ended: EndReason | None = None
    """Why the call ended, as given by the daemon."""
    max_final_gap_s: float | None = None
    """Longest time until speech is made final."""


@dataclass(frozen=True, slots=True)
class Fixture:
    name: str
    """The folder's name; also the calling number, so that both sides can identify the call."""
    called: str
    dialplan: str
    description: str
    cues: tuple[Cue, ...]
    expect: Expect
    echo: Echo | None = None


class FixtureError(ValueError):
    """A fixture that cannot be played: one line per problem, each naming the file and the key."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


_AT = re.compile(r"(?:(?P<anchor>[a-z_]+)\s*(?:\+\s*|$))?(?:(?P<seconds>\d+(?:\.\d+)?)\s*s)?")
_PRESS = re.compile(r"[0-9A-D*#]+")
_ACTS = ("say", "press", "hang_up")
_CUE_KEYS = {"at", "words", *_ACTS}
_TOP_KEYS = {"description", "called", "dialplan", "cue", "echo", "expect"}


def find(name: str) -> Path:
    """The fixture's folder, from a path or from a name in `fixtures/calls/`."""
    path = Path(name)
    if path.name == "call.toml":
        path = path.parent
    if (path / "call.toml").is_file():
        return path
    if (CALLS / name / "call.toml").is_file():
        return CALLS / name
    raise FixtureError([f"{name}: no such recorded caller; {nearest(name, (each.name for each in every()))}"])


def every() -> list[Path]:
    """Folders of all recorded callers in the repository, by name."""
    return sorted(path.parent for path in CALLS.glob("*/call.toml"))


def load(folder: Path) -> Fixture:
    """Reads and checks a fixture. Raises `FixtureError` with every problem found."""
    return _Reader(folder / "call.toml").read()


class _Reader:
    """Collects all problems of one `call.toml` instead of stopping at the first."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.problems: list[str] = []

    def wrong(self, key: str, why: str) -> None:
        self.problems.append(f"{self.path}: {key}: {why}")

    def read(self) -> Fixture:
        try:
            table = tomllib.loads(self.path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            raise FixtureError([f"{self.path}: missing; a recorded caller needs one"]) from None
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            raise FixtureError([f"{self.path}: not TOML: {error}"]) from None
        self.unknown("", table, _TOP_KEYS)
        cues = table.get("cue", [])
        if not isinstance(cues, list) or not all(isinstance(cue, dict) for cue in cues):
            self.wrong("cue", "write each cue as a [[cue]] table")
            cues = []
        fixture = Fixture(
            name=self.path.parent.name,
            called=self.text("", table, "called", required=True),
            dialplan=self.text("", table, "dialplan", required=True),
            description=self.text("", table, "description", required=True),
            cues=tuple(self.cue(f"cue[{index}]", cue) for index, cue in enumerate(cues, 1)),
            expect=self.expect(table.get("expect", {})),
            echo=self.echo(table["echo"]) if "echo" in table else None,
        )
        if self.problems:
            raise FixtureError(self.problems)
        return fixture

    def unknown(self, where: str, table: Mapping[str, Any], known: set[str]) -> None:
        for key in table.keys() - known:
            self.wrong(where + key, f"unknown key; known are {', '.join(sorted(known))}")

    def text(self, where: str, table: Mapping[str, Any], key: str, required: bool = False) -> str:
        value = table.get(key, "")
        if not isinstance(value, str):
            self.wrong(where + key, f"must be text, not {value!r}")
            return ""
        if required and not value.strip():
            self.wrong(where + key, "missing")
        return value

    def cue(self, where: str, table: Mapping[str, Any]) -> Cue:
        self.unknown(f"{where}.", table, _CUE_KEYS)
        acts = [act for act in _ACTS if act in table]
        if len(acts) != 1:
            self.wrong(where, f"needs one of {', '.join(_ACTS)}; has {' and '.join(acts) or 'none'}")
        anchor, delay_s = self.moment(f"{where}.at", self.text(f"{where}.", table, "at", required=True))
        press = self.text(f"{where}.", table, "press", required="press" in table)
        say = self.text(f"{where}.", table, "say", required="say" in table)
        if press and not _PRESS.fullmatch(press):
            self.wrong(f"{where}.press", f"{press!r} has something that is not a DTMF digit (0-9 * # A-D)")
        if table.get("hang_up", True) is not True:
            self.wrong(f"{where}.hang_up", "must be true")
        return Cue(
            anchor=anchor,
            delay_s=delay_s,
            pcm=self.sound(f"{where}.say", say),
            press=press,
            hang_up="hang_up" in table,
            words=self.text(f"{where}.", table, "words"),
        )

    def moment(self, key: str, text: str) -> tuple[Anchor, float]:
        match = _AT.fullmatch(text.strip())
        anchor = (match["anchor"] or "answered") if match else ""
        if match and text.strip() and anchor in set(Anchor) and (match["anchor"] or match["seconds"]):
            return Anchor(anchor), float(match["seconds"] or 0)
        if text:
            anchors = ", ".join(f'"{each} + 0.4 s"' for each in Anchor if each is not Anchor.ANSWERED)
            self.wrong(key, f'{text!r} is not a moment; write "2.0 s", {anchors}')
        return Anchor.ANSWERED, 0.0

    def sound(self, key: str, name: str) -> bytes:
        if not name:
            return b""
        path = self.path.parent / name
        if not path.is_file():
            self.wrong(key, f"{path} is missing; `make fixtures` makes the callers that ship")
            return b""
        try:
            return read_wav(path)
        except (ValueError, OSError) as error:
            self.wrong(key, str(error))
            return b""

    def echo(self, table: object) -> Echo | None:
        known = set(Echo.__dataclass_fields__)
        if not isinstance(table, dict) or "loss_db" not in table:
            self.wrong("echo", "write it as an [echo] table with loss_db")
            return None
        self.unknown("echo.", table, known)
        for key in table.keys() & known:
            if type(table[key]) not in (int, float) or table[key] < 0:
                self.wrong(f"echo.{key}", f"must be a number from 0 up, not {table[key]!r}")
                return None
        return Echo(**{key: float(table[key]) for key in table.keys() & known})

    def expect(self, table: object) -> Expect:
        if not isinstance(table, dict):
            self.wrong("expect", "write it as an [expect] table")
            return Expect()
        self.unknown("expect.", table, set(Expect.__dataclass_fields__))
        barge_ins = table.get("barge_ins")
        if barge_ins is not None and (type(barge_ins) is not int or barge_ins < 0):
            self.wrong("expect.barge_ins", f"must be a count, not {barge_ins!r}")
            barge_ins = None
        gap = table.get("max_final_gap_s")
        if gap is not None and (type(gap) not in (int, float) or gap <= 0):
            self.wrong("expect.max_final_gap_s", f"must be seconds, not {gap!r}")
            gap = None
        slots = table.get("slots", {})
        if not isinstance(slots, dict) or not all(isinstance(value, str) for value in slots.values()):
            self.wrong("expect.slots", "must be a table of texts")
            slots = {}
        ended = self.text("expect.", table, "ended")
        if ended and ended not in set(EndReason):
            self.wrong("expect.ended", f"{ended!r} is not an end reason; known: {', '.join(EndReason)}")
            ended = ""
        return Expect(
            intents=self.texts(table, "intents"),
            slots=slots,
            transcript_words=self.texts(table, "transcript_words"),
            agent_said=self.texts(table, "agent_said"),
            barge_ins=barge_ins,
            ended=EndReason(ended) if ended else None,
            max_final_gap_s=gap,
        )

    def texts(self, table: Mapping[str, Any], key: str) -> tuple[str, ...]:
        value = table.get(key, [])
        if not isinstance(value, list) or not all(isinstance(each, str) and each for each in value):
            self.wrong(f"expect.{key}", "must be a list of texts")
            return ()
        return tuple(value)
