"""What a scripted agent can be asked, what it asks in turn, and what it says: the data of a dialplan's script."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from enum import StrEnum
from itertools import count

from phone_daemon.dialplan.grammar import BadPhrase, expand, slots_of
from phone_daemon.dialplan.slots import (
    YES_NO,
    Choice,
    Day,
    Digits,
    Kind,
    Text,
    Time,
    YesNo,
)
from phone_daemon.language.times import WEEKDAYS
from phone_daemon.language.yes_no import YES_NO_EXAMPLES, YES_NO_GOODBYES
from phone_daemon.settings.problems import nearest
from phone_daemon.settings.toml_table import Table


class Then(StrEnum):
    """What follows an intent's answer."""

    MORE = "more"
    """The agent asks whether there is anything else."""
    LISTEN = "listen"
    HANG_UP = "hang_up"
    TRANSFER = "transfer"
    REPEAT = "repeat"
    """The agent says its last words again instead of an answer."""


@dataclass(frozen=True, slots=True)
class Slot:
    """`[slots.NAME]`: something to be asked for."""

    name: str
    kind: Kind
    ask: tuple[str, ...]
    again: tuple[str, ...]
    """Asked when the answer was not understood; `ask` when the file has none."""
    refuse: tuple[str, ...] = ()
    """Said to a value that is refused, given in place of `{NAME}`."""

    @property
    def expects(self) -> str:
        """What the answers to `ask` are called: one name for slots with the same answers, none when it is any words."""
        match self.kind:
            case Day():
                return "day"
            case Time():
                return "time"
            case YesNo():
                return YES_NO
            case Digits(low, high):
                return f"digits_{low}_{high}"
            case Choice():
                return f"choice_{self.name}"
            case _:
                return ""


@dataclass(frozen=True, slots=True)
class Intent:
    """`[intents.NAME]`: something a caller may want."""

    name: str
    sentences: tuple[str, ...]
    """`caller_says`, expanded; slots stand as `{name}`."""
    slots: tuple[str, ...] = ()
    confirm: tuple[str, ...] = ()
    """Asked when all slots are known; empty: nothing is confirmed."""
    say: tuple[str, ...] = ()
    closed_say: tuple[str, ...] = ()
    """Said outside opening hours instead of everything else."""
    suggest: str = ""
    """The intent that a yes to `closed_say` starts."""
    then: Then = Then.MORE
    transfer_to: str = ""
    digit: str = ""
    """The key that chooses it."""
    offer: str = ""
    """How a menu names it: `to book an appointment`; empty: no menu does."""


@dataclass(frozen=True, slots=True)
class Prompts:
    """`[prompts]`: what the agent says beside its answers; several wordings of one take turns."""

    unclear: tuple[str, ...] = ("Sorry, I did not understand that. Could you say it another way?",)
    choices: tuple[str, ...] = ("Here is what I can do. {choices}",)
    """Said after two misses in a row. `{choices}`: the menu, from `offer` and `digit` of the intents."""
    clarify: tuple[str, ...] = ("Would you like {choices}?",)
    """Said when several intents, or one only half, match. `{choices}`: their offers."""
    yes_or_no: tuple[str, ...] = ("Please say yes or no, or press 1 for yes, 2 for no.",)
    change: tuple[str, ...] = ("Sorry about that. What should I change?",)
    so_far: tuple[str, ...] = ("I have {digits} so far. What comes next?",)
    add: tuple[str, ...] = ("Is there anything to add?",)
    listening: tuple[str, ...] = ("Go ahead, I am listening.",)
    anything_else: tuple[str, ...] = ("Is there anything else?",)
    what_else: tuple[str, ...] = ("What can I do for you?",)
    goodbye: tuple[str, ...] = ("Thank you for calling. Goodbye.",)


@dataclass(frozen=True, slots=True)
class Script:
    intents: Mapping[str, Intent]
    slots: Mapping[str, Slot]
    prompts: Prompts = Prompts()
    keys: Mapping[str, str] = field(default_factory=dict)
    """Intent by the key that chooses it."""

    def sentences(self) -> tuple[str, ...]:
        """Example sentences of everything that callers may say, with values in place of slots."""
        found: dict[str, None] = {}
        values = {name: slot.kind.examples() for name, slot in self.slots.items()}
        turn = {name: count() for name in values}

        def value(match: re.Match[str]) -> str:
            known = values[match[1]]
            return known[next(turn[match[1]]) % len(known)] if known else ""

        for intent in self.intents.values():
            for sentence in intent.sentences:
                filled = re.sub(r"\{(\w+)\}", value, sentence)
                found[" ".join(filled.split())] = None
        for known in values.values():
            found.update(dict.fromkeys(known))
        found.update(dict.fromkeys(YES_NO_EXAMPLES))
        return tuple(found)

    def answers(self) -> dict[str, tuple[str, ...]]:
        """Ways to answer what the agent asks, by `Slot.expects`; with yes or no may come a correction, or a goodbye."""
        kinds = [slot.kind for slot in self.slots.values()]
        corrections = (f"no {value}" for kind in kinds if not isinstance(kind, Digits) for value in kind.examples())
        goodbyes = (say for intent in self.intents.values() if intent.then is Then.HANG_UP for say in intent.sentences)
        sets = {YES_NO: (*YES_NO_EXAMPLES, *YES_NO_GOODBYES, *goodbyes, *corrections)}
        sets |= {slot.expects: slot.kind.answers() for slot in self.slots.values() if slot.expects not in ("", YES_NO)}
        return {name: tuple(dict.fromkeys(said)) for name, said in sets.items()}


_TYPES = ("choice", "day", "digits", "text", "time", "yes_no")
_URI = re.compile(r"(?:sips?:[^\s@]+@[^\s@]+|sips?:[^\s@]+|tel:\+?[\d.-]+)")


def is_uri(text: str) -> bool:
    """Whether `text` is a SIP or tel URI that a call can be transferred to."""
    return bool(_URI.fullmatch(text))


def read_script(plan: Table, *, needed: bool = True) -> Script:
    """`[slots]`, `[intents]` and `[prompts]` of a dialplan; without intents only where none are `needed`."""
    slots = {name: _slot(name, table) for name, table in plan.table("slots").tables()}
    listed = plan.table("intents")
    intents = {name: _intent(name, table, slots) for name, table in listed.tables()}
    if needed and not intents:
        plan.wrong((), 'has no intents; write at least one [intents.NAME] with "caller_says" and "say"')
    keys: dict[str, str] = {}
    for intent in intents.values():
        if intent.suggest and intent.suggest not in intents:
            what = f'no intent named "{intent.suggest}"; {nearest(intent.suggest, intents)}'
            listed.wrong((intent.name, "suggest"), what)
        if intent.digit in keys:
            listed.wrong((intent.name, "digit"), f'"{intent.digit}" also chooses {keys[intent.digit]}; take another')
        elif intent.digit:
            keys[intent.digit] = intent.name
    _no_doubles(listed, intents)
    return Script(intents, slots, _prompts(plan.table("prompts")), keys)


def _slot(name: str, table: Table) -> Slot:
    type_ = table.choice("type", _TYPES, "text")
    if "type" not in table:
        table.wrong((), f'"type" is missing; write type = one of {", ".join(_TYPES)}')
    kind: Kind
    match type_:
        case "day":
            kind = _day(table)
        case "time":
            kind = _time(table)
        case "yes_no":
            kind = YesNo()
        case "digits":
            kind = _digits(table)
        case "choice":
            kind = _choice(table)
        case _:
            kind = Text()
    ask = table.texts("ask", required=True)
    again = table.texts("again", ask)
    refuse = table.texts("refuse", again)
    for key, texts in (("ask", ask), ("again", again), ("refuse", refuse)):
        for index, text in enumerate(texts if key in table else ()):
            for used in slots_of(text):
                if key == "refuse" and used == name:
                    continue
                table.wrong((key, index), f"{{{used}}} is not known yet when this is asked; take it out")
    table.done()
    return Slot(name, kind, ask, again, refuse)


def _day(table: Table) -> Day:
    never = table.texts("never")
    for index, day in enumerate(never):
        if day not in WEEKDAYS:
            table.wrong(("never", index), f'"{day}" is no weekday; {nearest(day, WEEKDAYS)}')
    return Day(frozenset(never))


def _time(table: Table) -> Time:
    limits = {"earliest": "00:00", "latest": "24:00"}
    for name, default in limits.items():
        limits[name] = table.text(name, default)
        if not re.fullmatch(r"([01]\d|2[0-3]):[0-5]\d|24:00", limits[name]):
            table.wrong(name, f'"{limits[name]}" is no time of day; write one such as "08:30"')
    if limits["earliest"] >= limits["latest"]:
        table.wrong("latest", f"is {limits['latest']}, not after earliest ({limits['earliest']}); choose a later time")
    return Time(**limits)


def _digits(table: Table) -> Digits:
    if "length" not in table:
        low, high = table.whole("min", 1, 1, 30), table.whole("max", 30, 1, 30)
    else:
        low = high = table.whole("length", 1, 1, 30)
    if low > high:
        table.wrong("min", f"is {low}, above max ({high}); choose a lower value")
    return Digits(low, high)


def _choice(table: Table) -> Choice:
    listed = table.table("values")
    ways = {name: listed.texts(name) for name in listed.names()}
    if not ways:
        table.wrong((), '"values" is missing; write values = { small = ["small", "a small one"], … }')
    listed = table.table("spoken")
    spoken = {name: listed.text(name) for name in listed.names()}
    for name in spoken:
        if name not in ways:
            listed.wrong(name, f"no such value; {nearest(name, ways) if ways else 'there are none'}")
    own = {name: (name.replace("_", " "), *texts) for name, texts in ways.items()}
    return Choice({name: tuple(dict.fromkeys(texts)) for name, texts in own.items()}, spoken)


def _intent(name: str, table: Table, slots: Mapping[str, Slot]) -> Intent:
    wanted = table.texts("slots")
    for index, slot in enumerate(wanted):
        if slot not in slots:
            table.wrong(
                ("slots", index), f'no slot named "{slot}"; {nearest(slot, slots) if slots else "there are none"}'
            )
    intent = Intent(
        name,
        _sentences(table, wanted),
        wanted,
        table.texts("confirm"),
        table.texts("say"),
        table.texts("closed_say"),
        table.text("suggest"),
        Then(table.choice("then", tuple(Then), Then.MORE)),
        table.text("transfer_to"),
        table.text("digit"),
        table.text("offer"),
    )
    for key, texts in (("confirm", intent.confirm), ("say", intent.say), ("closed_say", intent.closed_say)):
        for index, text in enumerate(texts):
            for used in slots_of(text):
                if used not in wanted or key == "closed_say":
                    known = nearest(used, wanted) if wanted and key != "closed_say" else "no slot is filled here"
                    table.wrong((key, index), f"{{{used}}} is no slot of this intent; {known}")
    _check(intent, table)
    table.done()
    return intent


def _check(intent: Intent, table: Table) -> None:
    if intent.digit and (len(intent.digit) != 1 or intent.digit not in "0123456789*#"):
        table.wrong("digit", f'"{intent.digit}" is no key; write one of 0 to 9, "*" or "#"')
    if intent.then is Then.REPEAT:
        if intent.say:
            table.wrong("say", 'is never said: then = "repeat" says the last words again; take one out')
    elif not intent.say:
        table.wrong((), f'"say" is missing; write say = ["…"], what the agent answers to {intent.name}')
    if intent.then is Then.TRANSFER and not intent.transfer_to:
        table.wrong("then", 'is "transfer", but "transfer_to" is missing; write transfer_to = "sip:desk@192.0.2.10"')
    if intent.transfer_to:
        if intent.then is not Then.TRANSFER:
            table.wrong("transfer_to", 'is never used; write then = "transfer" as well')
        elif not is_uri(intent.transfer_to):
            table.wrong("transfer_to", f'"{intent.transfer_to}" is no SIP or tel URI; write sip:USER@HOST')
    if intent.suggest and not intent.closed_say:
        table.wrong("suggest", "is never suggested; write closed_say as well, ending in a question")


def _sentences(table: Table, slots: tuple[str, ...]) -> tuple[str, ...]:
    found: dict[str, None] = {}
    for index, phrase in enumerate(table.texts("caller_says", required=True)):
        for used in slots_of(phrase):
            if used not in slots:
                known = nearest(used, slots) if slots else 'write slots = ["…"] in this intent'
                table.wrong(("caller_says", index), f"{{{used}}} is no slot of this intent; {known}")
        try:
            found.update(dict.fromkeys(expand(phrase)))
        except BadPhrase as error:
            table.wrong(("caller_says", index), f"{error}")
    return tuple(found)


def _no_doubles(table: Table, intents: Mapping[str, Intent]) -> None:
    """The same sentence in two intents would leave the choice to their order."""
    owners: dict[str, str] = {}
    for intent in intents.values():
        for sentence in intent.sentences:
            owner = owners.setdefault(sentence, intent.name)
            if owner != intent.name:
                what = f'"{sentence}" also stands for {owner}; take it out of one of them'
                table.wrong((intent.name, "caller_says"), what)


def _prompts(table: Table) -> Prompts:
    default = Prompts()
    found = {each.name: table.texts(each.name, getattr(default, each.name)) for each in fields(Prompts)}
    fillings = {"choices": "choices", "clarify": "choices", "so_far": "digits"}
    for name, texts in found.items():
        for index, text in enumerate(texts):
            for used in slots_of(text):
                if used != fillings.get(name):
                    mend = f"write {{{fillings[name]}}}" if name in fillings else "take it out"
                    table.wrong((name, index), f"{{{used}}} is not known here; {mend}")
    table.done()
    return Prompts(**found)
