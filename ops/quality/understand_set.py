"""The manifests of `phone-ops understand`: what callers say, and how it should be understood.

JSON lines, paths relative to the manifest:

audio_filepath   8 kHz mono, as a call has it
text             what is said in it; "" for no speech (noise, music), where any word is an error
dialplan         name of a shipped one, or a path; without it the engine gets no expected phrases
want             the intent, or the kind of answer: `day`, `time`, `number`, `yes`, `no`; without it only words count
expects          the question, by the name of its set of phrases (`choice_place`); usually clear from `want`
value            the value that was said
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import soundfile

from ops.quality.speech_set import SetError
from ops.quality.telephone import to_pcm
from ops.quality.understand_question import Unasked, expected, question
from ops.replay.tape_call import NOON
from phone_daemon.agent.script.state import State
from phone_daemon.dialplan.dialplan import SHIPPED, Dialplan, DialplanError, Dialplans
from phone_daemon.events import SAMPLE_RATE

_TEXTS = ("audio_filepath", "text", "dialplan", "want", "expects", "value")


@dataclass(frozen=True, slots=True)
class Clip:
    """Something that a caller says, in a given state of the conversation."""

    where: str
    """Manifest and line."""
    path: Path
    text: str
    plan: Dialplan | None
    """None if nothing in particular is expected."""
    want: str
    value: str
    expects: str
    """The set of phrases that was asked for; empty if the caller may say anything."""
    state: State
    more: Mapping[str, Any] = field(default_factory=dict)
    """The other fields of its line: `voice`, `accent`, `snr_db`."""

    def pcm(self) -> bytes:
        """8 kHz, 16 bits. Raises `SetError`."""
        try:
            samples, _ = soundfile.read(str(self.path), dtype="float64")
        except (OSError, RuntimeError) as error:
            raise SetError(f"{self.where}: {self.path}: {error}") from None
        return to_pcm(samples)


def load(manifests: Sequence[Path]) -> list[Clip]:
    """Every clip, in order. Raises `SetError` with all errors, one per line."""
    reader = _Reader()
    clips = [clip for path in manifests for clip in reader.read(path)]
    if reader.faults:
        raise SetError("\n".join(reader.faults))
    return clips


class _Reader:
    """Collects all errors instead of stopping at the first."""

    def __init__(self) -> None:
        self.faults: list[str] = []
        self._plans: dict[Path, Dialplan | str] = {}
        """The dialplans by path, or the error in one."""

    def read(self, path: Path) -> Iterator[Clip]:
        try:
            lines = path.read_text(encoding="utf-8").splitlines()
        except (OSError, UnicodeDecodeError) as error:
            what = error.strerror if isinstance(error, OSError) else "not a text in UTF-8"
            made = "; run make sets" if isinstance(error, FileNotFoundError) and path.parent.name == "sets" else ""
            self.faults.append(f"{path}: {what}{made}")
            return
        if not any(map(str.strip, lines)):
            self.faults.append(f"{path}: it is empty; expected a JSON object on each line")
        for number, line in enumerate(lines, 1):
            if not line.strip():
                continue
            try:
                yield self._clip(f"{path}:{number}", path.parent, _row(line))
            except SetError as error:
                self.faults.append(f"{path}:{number}: {error}")

    def _clip(self, where: str, folder: Path, row: dict[str, Any]) -> Clip:
        text, want, expects, value = (row.get(key, "") for key in ("text", "want", "expects", "value"))
        path = folder / row["audio_filepath"]
        _check_audio(path)
        if (text or want) and not any(map(str.isalnum, text)):
            raise SetError('"text" has no word in it; write what is said, or "" without a "want" for no speech')
        if want and not row.get("dialplan"):
            raise SetError(f'"want" is "{want}", but no "dialplan" says of what; name one')
        plan = self._plan(folder, row["dialplan"]) if row.get("dialplan") else None
        state = State()
        if plan is not None:
            try:
                state = question(plan, want, expects)
            except Unasked as error:
                raise SetError(str(error)) from None
            expects = expected(plan, state)
        more = {key: each for key, each in row.items() if key not in _TEXTS}
        return Clip(where, path, text, plan, want, value, expects, state, more)

    def _plan(self, folder: Path, name: str) -> Dialplan:
        shipped = [SHIPPED / f"{name}.toml", *SHIPPED.glob(f"*/{name}.toml")]
        path = next((each for each in (*shipped, folder / name, Path(name)) if each.is_file()), None)
        if path is None:
            known = ", ".join(sorted(each.stem for each in SHIPPED.rglob("*.toml")))
            raise SetError(f'dialplan "{name}": no such file, and none that ships; those are {known}')
        path = path.resolve()
        if path not in self._plans:
            try:
                self._plans[path] = next(iter(Dialplans.load([path]))).at(NOON)
            except DialplanError as error:
                self._plans[path] = error.lines[0]
            else:
                self._unique(path)
        plan = self._plans[path]
        if isinstance(plan, str):
            raise SetError(plan)
        return plan

    def _unique(self, path: Path) -> None:
        """The engine knows dialplans by their names."""
        plan = self._plans[path]
        assert isinstance(plan, Dialplan)
        for other, known in self._plans.items():
            if other != path and isinstance(known, Dialplan) and known.name == plan.name:
                self._plans[path] = f'{path}: "{plan.name}" is also the name of {other}; choose another'


def _row(line: str) -> dict[str, Any]:
    try:
        row = json.loads(line)
    except ValueError as error:
        raise SetError(f"not JSON: {error}") from None
    if not isinstance(row, dict):
        raise SetError('not an object; expected {"audio_filepath": "a.wav", "text": "…"} on each line')
    for key in ("audio_filepath", "text"):
        if key not in row:
            raise SetError(f'"{key}" is missing; expected {{"audio_filepath": "a.wav", "text": "…"}} on each line')
    for key in _TEXTS:
        if not isinstance(row.get(key, ""), str):
            raise SetError(f'"{key}" must be a text, not {row[key]!r:.80}')
    return row


def _check_audio(path: Path) -> None:
    try:
        found = soundfile.info(str(path))
    except (OSError, RuntimeError) as error:
        why = "no such file" if not path.exists() else str(error).partition("\n")[0]
        raise SetError(f"{path}: {why}") from None
    if found.samplerate != SAMPLE_RATE or found.channels != 1:
        channels = "mono" if found.channels == 1 else f"{found.channels} channels"
        raise SetError(
            f"{path}: {found.samplerate} Hz, {channels}; a call has 8000 Hz, mono: sox {path.name} -r 8000 -c 1 OUT.wav"
        )
    if not found.frames:
        raise SetError(f"{path}: no audio in it")
