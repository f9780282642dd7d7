"""`[slots]`, `[intents]`, and `[prompts]` of a dialplan file, and the script that they form."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import Field
from pydantic.dataclasses import dataclass

from phone_daemon.dialplan.grammar import BadPhrase, expand, slots_of
from phone_daemon.dialplan.intents import PARTIES, Intent, Prompts, Script, Slot, Then, is_uri
from phone_daemon.dialplan.policy import Policy
from phone_daemon.dialplan.slots import Choice, Day, Digits, Kind, Text, Time, YesNo
from phone_daemon.language.days import WEEKDAYS
from phone_daemon.settings.problems import Problems, fields_of, nearest
from phone_daemon.settings.toml_lines import Key
from phone_daemon.settings.values import MODEL, REQUIRED, Texts, between


@dataclass(frozen=True, slots=True, config=MODEL)
class SlotKeys:
    """`type = "text"` takes any words, such as a message; `type = "yes_no"` takes a yes or a no."""

    type: str = ""
    """choice, day, digits, text, time, or yes_no. Required. The keys below apply to every type."""
    ask: Annotated[Texts, REQUIRED] = ()
    """How the agent asks for it; several wordings are used in turn."""
    again: Texts = ()
    """Asked after an answer that was not understood. Empty: `ask`."""
    refuse: Texts = ()
    """Said when a value is refused; `{NAME}` stands for the value. Empty: `again`."""


@dataclass(frozen=True, slots=True, config=MODEL)
class DayKeys(SlotKeys):
    """`type = "day"`: a weekday, today, tomorrow, a date, or weeks ahead; said with its preposition ("on Tuesday")."""

    never: Texts = ()
    """Weekdays that are refused, such as ["sunday"]."""


@dataclass(frozen=True, slots=True, config=MODEL)
class TimeKeys(SlotKeys):
    """`type = "time"`: a time or a part of the day; said with its preposition ("at ten thirty")."""

    earliest: str = "00:00"
    """Earlier times are refused."""
    latest: str = "24:00"
    """Later times are refused."""


@dataclass(frozen=True, slots=True, config=MODEL)
class DigitsKeys(SlotKeys):
    """`type = "digits"`: a number said or keyed in digit by digit."""

    length: Annotated[int | None, between(1, 30)] = None
    """The number of digits, where it is fixed; replaces `min` and `max`."""
    min: Annotated[int, between(1, 30)] = 1
    """Fewest digits."""
    max: Annotated[int, between(1, 30)] = 30
    """Most digits."""


@dataclass(frozen=True, slots=True, config=MODEL)
class ChoiceKeys(SlotKeys):
    """`type = "choice"`: one of a list."""

    values: dict[str, Texts] = Field(default_factory=dict)
    """Each value, with other ways to say it besides its name: { small = ["tiny"], large = [] }. Required."""
    spoken: dict[str, str] = Field(default_factory=dict)
    """How the agent says a value, if not by its name: { large = "the large one" }."""


SLOT_TYPES: Mapping[str, type[SlotKeys]] = {
    "choice": ChoiceKeys,
    "day": DayKeys,
    "digits": DigitsKeys,
    "text": SlotKeys,
    "time": TimeKeys,
    "yes_no": SlotKeys,
}


@dataclass(frozen=True, slots=True, config=MODEL)
class IntentKeys:
    """Something that a caller may want."""

    caller_says: Annotated[Texts, REQUIRED] = ()
    """Phrases that ask for it, the more different the better. In English, callers are also understood in other words
    that mean much the same, and in what they usually say for opening hours, prices, a person, a booking, a
    cancellation, or goodbye. [words] are optional, (one|other) is a choice, {name} is a slot; brackets nest."""
    slots: Texts = ()
    """Names of the slots that it needs. The agent asks for those that the caller has not filled yet."""
    confirm: Texts = ()
    """Asked when all slots are filled: "{day}, is that right?". Empty: no confirmation."""
    say: Texts = ()
    """The answer. `{name}` stands for a slot's value; `{caller}`, `{caller_name}`, and `{called}` say who is calling
    whom. Required, except with then = "repeat"."""
    closed_say: Texts = ()
    """Said outside opening hours instead of everything else."""
    suggest: str = ""
    """The intent that a yes to `closed_say` starts."""
    then: Literal["more", "listen", "hang_up", "transfer", "repeat"] = "more"
    """What follows the answer: `more` asks whether there is anything else; `repeat` says the agent's last words again
    instead of an answer."""
    transfer_to: str = ""
    """With then = "transfer": the SIP or tel URI."""
    brief: Texts = ()
    """With then = "transfer": what the agent tells the other party first, such as "{caller_name} asks about an
    invoice". The caller hears music meanwhile, and returns to the agent if there is no answer. Empty: a blind
    transfer."""
    digit: str = ""
    """The key that selects it: 0 to 9, *, or #."""
    offer: str = ""
    """How a menu offers it: "to book an appointment". Empty: it is in no menu."""
    barge_in: Policy | None = None
    """What interrupts replies about this intent; use `off` for a notice that must be heard in full. Unset: as
    [barge_in] says."""


def script_of(
    slots: Mapping[str, Mapping[str, Any]],
    intents: Mapping[str, IntentKeys],
    prompts: Prompts,
    found: Problems,
    *,
    needed: bool,
) -> Script:
    """The script of a dialplan; it may lack intents only if none are `needed`. Mistakes are added to `found`."""
    made = {name: slot for name, data in slots.items() if (slot := _slot(name, data, found))}
    wanted = {name: _intent(name, each, slots, found) for name, each in intents.items()}
    if needed and not wanted and not found.known(("intents",)):
        found.lack((), 'has no intents; write at least one [intents.NAME] with "caller_says" and "say"')
    keys: dict[str, str] = {}
    for intent in wanted.values():
        at = ("intents", intent.name)
        if intent.suggest and intent.suggest not in wanted:
            found.add((*at, "suggest"), f'no intent named "{intent.suggest}"; {nearest(intent.suggest, wanted)}')
        if intent.digit in keys:
            found.add((*at, "digit"), f'"{intent.digit}" also chooses {keys[intent.digit]}; take another')
        elif intent.digit:
            keys[intent.digit] = intent.name
    _no_doubles(wanted, found)
    _check_prompts(prompts, found)
    return Script(wanted, made, prompts, keys)


def _slot(name: str, data: Mapping[str, Any], found: Problems) -> Slot | None:
    """None if not even its type is known."""
    at = ("slots", name)
    type_ = data.get("type", "")
    if type_ not in SLOT_TYPES:
        if "type" not in data:
            found.lack(at, f'"type" is missing; write type = one of {", ".join(SLOT_TYPES)}')
        else:
            found.add((*at, "type"), f'unknown value "{type_}"; {nearest(str(type_), SLOT_TYPES)}')
        return None
    keys = found.validated(SLOT_TYPES[type_], at, data=data)
    for key in ("ask", "again", "refuse"):
        for index, text in enumerate(getattr(keys, key)):
            for used in slots_of(text):
                if used not in PARTIES and (key != "refuse" or used != name):
                    what = f"{{{used}}} is not known yet when this is asked; take it out"
                    found.add((*at, key, index), what)
    again = keys.again or keys.ask
    return Slot(name, _kind(keys, at, found), keys.ask, again, keys.refuse or again)


def _kind(keys: SlotKeys, at: Key, found: Problems) -> Kind:
    match keys:
        case DayKeys():
            return _day(keys, at, found)
        case TimeKeys():
            return _time(keys, at, found)
        case DigitsKeys():
            return _digits(keys, at, found)
        case ChoiceKeys():
            return _choice(keys, at, found)
    return YesNo() if keys.type == "yes_no" else Text()


def _day(keys: DayKeys, at: Key, found: Problems) -> Day:
    for index, day in enumerate(keys.never):
        if day not in WEEKDAYS:
            found.add((*at, "never", index), f'"{day}" is not a weekday; {nearest(day, WEEKDAYS)}')
    return Day(frozenset(keys.never))


def _time(keys: TimeKeys, at: Key, found: Problems) -> Time:
    for name, limit in (("earliest", keys.earliest), ("latest", keys.latest)):
        if not re.fullmatch(r"([01]\d|2[0-3]):[0-5]\d|24:00", limit):
            found.add((*at, name), f'"{limit}" is not a time of day; write one such as "08:30"')
    if keys.earliest >= keys.latest:
        what = f"is {keys.latest}, not after earliest ({keys.earliest}); choose a later time"
        found.add((*at, "latest"), what)
    return Time(keys.earliest, keys.latest)


def _digits(keys: DigitsKeys, at: Key, found: Problems) -> Digits:
    if keys.length is not None:
        return Digits(keys.length, keys.length)
    if keys.min > keys.max:
        found.add((*at, "min"), f"is {keys.min}, above max ({keys.max}); choose a lower value")
    return Digits(keys.min, keys.max)


def _choice(keys: ChoiceKeys, at: Key, found: Problems) -> Choice:
    if not keys.values and not found.known((*at, "values")):
        found.lack(at, '"values" is missing; write values = { small = ["small", "a small one"], … }')
    for name in keys.spoken:
        if name not in keys.values:
            known = nearest(name, keys.values) if keys.values else "there are none"
            found.add((*at, "spoken", name), f"no such value; {known}")
    own = {name: (name.replace("_", " "), *texts) for name, texts in keys.values.items()}
    return Choice({name: tuple(dict.fromkeys(texts)) for name, texts in own.items()}, keys.spoken)


def _intent(name: str, keys: IntentKeys, slots: Mapping[str, object], found: Problems) -> Intent:
    at = ("intents", name)
    wanted = keys.slots
    for index, slot in enumerate(wanted):
        if slot not in slots:
            known = nearest(slot, slots) if slots else "there are none"
            found.add((*at, "slots", index), f'no slot named "{slot}"; {known}')
    # If its list of slots is wrong, the names in its texts cannot be checked.
    if not found.known((*at, "slots")):
        _check_texts(keys, at, found)
    sentences = _sentences(keys.caller_says, at, found)
    plain = {each: getattr(keys, each) for each in fields_of(IntentKeys) if each not in ("caller_says", "then")}
    intent = Intent(name, sentences, then=Then(keys.then), **plain)
    _check(intent, at, found)
    return intent


def _check_texts(keys: IntentKeys, at: Key, found: Problems) -> None:
    """Checks that an intent's texts name only its own slots."""
    for key in ("caller_says", "confirm", "say", "closed_say", "brief"):
        wanted = () if key == "closed_say" else keys.slots
        known_of_all = () if key == "caller_says" else PARTIES
        none = 'write slots = ["…"] in this intent' if key == "caller_says" else "no slot is filled here"
        for index, text in enumerate(getattr(keys, key)):
            for used in slots_of(text):
                if used not in wanted and used not in known_of_all:
                    known = nearest(used, wanted) if wanted else none
                    found.add((*at, key, index), f"{{{used}}} is not a slot of this intent; {known}")


def _check(intent: Intent, at: Key, found: Problems) -> None:
    if intent.digit and (len(intent.digit) != 1 or intent.digit not in "0123456789*#"):
        found.add((*at, "digit"), f'"{intent.digit}" is no key; write one of 0 to 9, "*" or "#"')
    if intent.then is Then.REPEAT:
        if intent.say:
            found.add((*at, "say"), 'is never said: then = "repeat" says the last words again; take one out')
    elif not intent.say and not found.known((*at, "say")):
        found.lack(at, f'"say" is missing; write say = ["…"], what the agent answers to {intent.name}')
    if intent.then is Then.TRANSFER and not intent.transfer_to:
        what = 'is "transfer", but "transfer_to" is missing; write transfer_to = "sip:desk@192.0.2.10"'
        found.add((*at, "then"), what)
    if intent.transfer_to:
        if intent.then is not Then.TRANSFER:
            found.add((*at, "transfer_to"), 'is never used; write then = "transfer" as well')
        elif not is_uri(intent.transfer_to):
            what = f'"{intent.transfer_to}" is no SIP or tel URI; write sip:USER@HOST'
            found.add((*at, "transfer_to"), what)
    if intent.brief and not intent.transfer_to:
        found.add((*at, "brief"), "nobody is told it; write transfer_to as well, or take it out")
    if intent.suggest and not intent.closed_say:
        found.add((*at, "suggest"), "is never suggested; write closed_say as well, ending in a question")


def _sentences(phrases: tuple[str, ...], at: Key, found: Problems) -> tuple[str, ...]:
    sentences: dict[str, None] = {}
    for index, phrase in enumerate(phrases):
        try:
            sentences.update(dict.fromkeys(expand(phrase)))
        except BadPhrase as error:
            found.add((*at, "caller_says", index), f"{error}")
    return tuple(sentences)


def _no_doubles(intents: Mapping[str, Intent], found: Problems) -> None:
    """Reports a sentence that is in two intents, because only their order would decide between them."""
    owners: dict[str, str] = {}
    for intent in intents.values():
        for sentence in intent.sentences:
            owner = owners.setdefault(sentence, intent.name)
            if owner != intent.name:
                what = f'"{sentence}" also stands for {owner}; take it out of one of them'
                found.add(("intents", intent.name, "caller_says"), what)


def _check_prompts(prompts: Prompts, found: Problems) -> None:
    fillings = {"choices": "choices", "clarify": "choices", "so_far": "digits"}
    for name in fields_of(Prompts):
        for index, text in enumerate(getattr(prompts, name)):
            for used in slots_of(text):
                if used != fillings.get(name):
                    remedy = f"write {{{fillings[name]}}}" if name in fillings else "take it out"
                    found.add(("prompts", name, index), f"{{{used}}} has no meaning here; {remedy}")
