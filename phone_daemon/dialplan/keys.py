"""The keys of a dialplan file, each with its type, range, default, and meaning, all written once."""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal

from pydantic import Field
from pydantic.dataclasses import dataclass

from phone_daemon.dialplan.hours import HoursKeys
from phone_daemon.dialplan.intents import Prompts
from phone_daemon.dialplan.model import Model
from phone_daemon.dialplan.policy import Policy
from phone_daemon.dialplan.script_keys import IntentKeys
from phone_daemon.dialplan.start import StartKeys
from phone_daemon.language.remarks import REMARKS
from phone_daemon.settings.problems import Problems, kind_of
from phone_daemon.settings.values import MODEL, REQUIRED, Flag, Texts, between
from sidecars.languages import spoken_languages
from sidecars.phonemes import read_phonemes


@dataclass(frozen=True, slots=True, config=MODEL)
class VoiceKeys:
    """How the agent speaks."""

    name: str = ""
    """A voice of the synthesis engine. Empty: the engine's default."""
    rate: Annotated[float | None, between(0.5, 2)] = None
    """Speaking rate; 1.0 is normal. Unset: the engine's default."""
    language: str = ""
    """Language code, such as "de"; if the engine speaks only English, espeak-ng speaks instead. Empty: English."""
    pronounce: dict[str, Any] = Field(default_factory=dict)
    """Pronunciations, in IPA, of words that are not said as they are written: { "Siobhan" = "ʃɪvˈɔːn" }."""


@dataclass(frozen=True, slots=True, config=MODEL)
class BargeIn:
    """What takes the floor from the agent. `barge_in = "words"` is short for a table that sets only `policy`."""

    policy: Policy = "adaptive"
    """What interrupts the agent. `adaptive`: it speaks softly as soon as the caller's voice is heard, stops at their
    first words, and returns to full volume after a remark or a noise; `speech`: any voice stops it; `words`: at least
    `min_words` recognized words stop it; `off`: nothing that is said does. An intent's own `barge_in` takes
    precedence."""
    min_words: Annotated[int, between(1, 20)] = 2
    """With policy = "words": how many words it takes."""
    min_speech_s: Annotated[float | None, between(0.032, 2)] = None
    """How much speech it takes. Unset: the setting `vad.min_speech_s`."""
    greeting: Flag = True
    """Whether the greeting can be interrupted."""
    digits: Flag = True
    """Whether a pressed key interrupts, whatever the policy."""
    remarks: Texts = REMARKS
    """What listeners say without wanting the floor. After such a remark the agent continues what it was saying, unless
    it had asked a question."""


@dataclass(frozen=True, slots=True, config=MODEL)
class OutboundKeys:
    """What to do in an outgoing call (`phone-ops dial`) when a machine answers."""

    machine: Literal["go_on", "hang_up", "leave_message"] = "go_on"
    """`go_on`: say the greeting at once, whoever answers. `hang_up` and `leave_message` (after the beep): listen first
    to find out who answered; for a person this takes their first word and a pause of 0.8 s."""
    message: str = ""
    """The message to leave after the beep."""


@dataclass(frozen=True, slots=True, config=MODEL)
class PlanKeys:
    """A dialplan: which numbers it answers, and how."""

    name: str = ""
    """The dialplan's name: letters, digits, "_", and "-". Empty: the file name without its extension."""
    called: Annotated[Texts, REQUIRED] = ()
    """Called numbers or users: "+442079460100" exactly, "+4420*" as a prefix, "/^[+]4420/" as a regular expression, or
    "*" for every number that nothing else matches."""
    agent: Literal["script", "llm"] = "script"
    """Who answers: `script`, or `llm`, the language model in [llm]. If the model fails, the script answers, where there
    is one."""
    greeting: str = ""
    """Said when the call is answered. Required for a script; a language model greets in its own words."""
    closed_greeting: str = ""
    """Said instead outside opening hours; required with [hours]."""
    timezone: str = ""
    """Time zone, such as "Europe/London". Empty: the machine's own."""
    no_input_s: Annotated[float, between(1, 120)] = 7.0
    """How long the caller may be silent before the agent asks whether they are still there; in a queue, 90 s after its
    last announcement."""
    no_input: Texts = ("Are you still there?",)
    """What the agent then asks; several wordings are used in turn."""
    max_no_input: Annotated[int, between(0, 10)] = 2
    """How many times the agent asks. If the caller is still silent after that, the agent says goodbye and hangs up."""
    hold_music: str = ""
    """A WAV file, next to the dialplan, that callers hear while they are on hold. Empty: a quiet melody."""
    filler: Texts | None = None
    """What the agent says first when a reply takes long: several texts of up to 80 characters, or [] for nothing.
    Unset: the usual words if a language model answers, otherwise nothing."""
    filler_after_s: Annotated[float, between(0.1, 10)] = 0.7
    """How long the caller waits for a reply, from the end of their turn, before the filler is said."""
    backchannel: Texts | None = None
    """With the setting `turn.backchannels`: what the agent says in a pause of a caller who speaks at length, in turn;
    [] for nothing. Unset: two words of the voice's language, such as "Uh-huh." and "Okay."."""
    hours: HoursKeys | None = None
    voice: VoiceKeys = VoiceKeys()
    barge_in: BargeIn = BargeIn()
    outbound: OutboundKeys = OutboundKeys()
    slots: dict[str, dict[str, Any]] = Field(default_factory=dict)
    """What the agent may ask the caller for: see `[slots.NAME]`."""
    intents: dict[str, IntentKeys] = Field(default_factory=dict)
    prompts: Prompts = Prompts()
    llm: Model | None = None
    start: StartKeys | None = None
    tools: dict[str, dict[str, Any]] = Field(default_factory=dict)
    """What a language model may do besides speak: see `[tools.NAME]`."""


def voice_of(keys: VoiceKeys, found: Problems) -> dict[str, Any]:
    """Options for the synthesis engine: `voice` (its name), `rate`, `language`, `pronounce`; what is wrong is added to
    `found`."""
    voice: dict[str, Any] = {}
    for name, value in (("name", keys.name), ("language", keys.language)):
        if not value.strip() and name in found.document.table("voice") and not found.known(("voice", name)):
            found.add(("voice", name), "is empty; write some text")
    if keys.name:
        voice["voice"] = keys.name
    if keys.rate is not None:
        voice["rate"] = keys.rate
    if keys.language:
        voice["language"] = language = keys.language.lower()
        if language not in spoken_languages():
            what = f'"{language}" is not a language that espeak-ng speaks; write a code such as "de"'
            found.add(("voice", "language"), what)
    if keys.pronounce:
        voice["pronounce"] = dict(keys.pronounce)
        for word, phonemes in keys.pronounce.items():
            if problem := _mispronounced(word, phonemes):
                found.add(("voice", "pronounce", word), problem)
    return voice


def _mispronounced(word: str, phonemes: object) -> str:
    """What is wrong with a pronunciation, and how to fix it; empty: nothing."""
    if not re.fullmatch(r"[^\s\[\]()]*\w[^\s\[\]()]*", word):
        return "is not a single word; write one word, without spaces or brackets"
    if not isinstance(phonemes, str):
        return f'is {kind_of(phonemes)}; write phonemes in quotes, such as "ʃɪvˈɔːn"'
    try:
        read_phonemes(phonemes)
    except ValueError as error:
        return f'"{phonemes}" does not parse: {error}; write phonemes of IPA, such as "ʃɪvˈɔːn"'
    return ""
