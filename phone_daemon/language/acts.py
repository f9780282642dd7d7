"""What a caller wants to do with a thing, such as give it up, move it, or ask about its time. English.

Many requests share their nouns: appointments are booked, moved, and cancelled. The difference lies in the verb and
whether it is negated: "I don't need it" gives up what "I need it" asks for.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache

from phone_daemon.language.days import Found

DROP = "drop"
"""Giving something up: "cancel", "I no longer need it", "forget it"."""
ABSENT = "absent"
"""Not coming: "I can't make it". This gives up an appointment, but says nothing about a parcel."""
CHANGE = "change"
"""Changing something: "move it", "another day"."""
WHEN = "when"
"""Asking for a time: "how late", "until when"."""
FAULT = "fault"
"""Saying that something is broken."""

_NOT = r"(?:not|never|\w+n't|cannot)"
_CANNOT = (
    r"(?:(?:can|will|shall|could|would|do|does|be|am|are|is)\ not|(?:ca|wo|sha|could|would|is|are)n't|cannot"
    r"|(?:i'm|we're|he's|she's|they're)\ not|unable\ to|not\ able\ to)"
)
_SOME = r"(?:\ \S+){0,3}?"
_ONE = r"(?:time|day|date|slot|hour|one|week|moment|afternoon|morning|evening)"
_ACTS = {
    DROP: rf"""
        cancel\w* | scrap | scratch\ (?:that|it|my|the) | delete | remove
        | (?:drop|dropping|lose)\ (?:my|the|that|this)\ (?:appointment|booking|visit|reservation|slot|order)
        | call(?:ing|ed)?{_SOME}\ off | (?:get|getting)\ (?:rid|out)\ of | forget\ (?:it|that|about|my|the)
        | (?:back|pull|drop|want|get)(?:ing)?\ out(?:\ of)?(?=\ (?:my|the|this|that|it|on)|$)
        | (?:take|cross|strike|wipe|rub)\ \S+(?:\ \S+)?\ (?:off|out)
        | no\ longer{_SOME}\ (?:need|want|require|wish|interested)\w*
        | {_NOT}\ (?:\S+\ )?(?:need(?:ing)?|want(?:ing)?|require)
            (?!\ (?:any|no)thing|\ to\ (?:talk|speak|press|wait|lose|miss|say|know)) | needn't
        | (?:rather|prefer)\ (?:not|to\ not) | (?:decided|prefer)\ (?:not|against)
        | (?:don't|not|needn't|no\ need\ to)\ (?:bother|send|come\ (?:for|to\ (?:me|us)))
        | no\ need | chang\w*\ \S+\ minds?
        | (?:give|offer)\ (?:\S+\ ){{1,5}}to\ (?:someone|somebody|anyone|anybody|another)
        | not\ going\ through\ with | (?:go|going|gone)\ off\ the\ idea
        | (?:give|giving)\ up\ (?:my|our|the|that|this) | (?:let|letting)\ go\ of
        """,
    ABSENT: rf"""
        {_CANNOT}(?:\ (?!hear|see|find|understand|make\ out)\S+){{0,3}}?
            \ (?:come|coming|make|making|keep|keeping|attend(?:ing)?|there|turn(?:ing)?\ up|manage
            |show(?:ing)?\ up|able(?!\ to\ (?:do|say))|around|get\ (?:\S+\ ){{0,2}}(?:off|away))\b
        | (?:(?:going|have|has|got|need)\ to|(?:i|we)'ll|will|shall|might)\ miss(?!\ (?:you|the\ news))
        | (?:i'm|we're|(?:i|we)\ (?:am|are|was|were))\ (?:supposed|meant|due|booked|scheduled|down)
            (?:\ \S+){{1,9}}?\ but(?=\ (?:i|we|my|our|now|something|there)(?:\b|'))
        | (?:let|have\ to\ let)\ \S+\ down | (?:has|have|'s|something)\ come\ up | came\ up
        | won't\ be\ (?:in|here|at)
        """,
    CHANGE: rf"""
        (?:chang|mov|reschedul|rearrang|shift|swap|switch|trad|postpon|delay|alter|rebook|re\ ?arrang)
            (?:e|es|ed|ing|ping|ped)?
            (?!\ \S+\ minds?|\ (?:to|into|in|here|house)\b(?!\ (?:\S+\ )?(?:week|day|time)))\b
        | (?:re\ schedule|swop) | (?:bump|slide|sliding|nudge|nudging|bumping)\ (?:my|our|me|us|the|that|this|it)
        | (?:put|push|mov|bring|shift|set)(?:e|ing)?{_SOME}\ (?:back|off|forward|along) | put\ off
        | instead(?:\ of)? | rather\ than
        | (?:an?\ )?(?:other|another|different|later|earlier|better|sooner)\ {_ONE} | new\ (?:time|day|date)
        | but\ (?:could|can)\ (?:we|i)\ (?:do|make|have|come)
        | (?:later|earlier|sooner)(?!\ than\ that) | clash\w*
        """,
    WHEN: r"""
        (?:until|till|from|by|since|up\ to)\ (?:when|what\ time) | when(?=\ \S) | how\ (?:late|early|long)
        | (?:what|which)\ (?:time|times|hours|days)
        | (?:whether|if)\ (?:\S+\ ){1,3}?(?:open|closed|shut)
        """,
    FAULT: r"""
        broke\w* | (?:damag|smash|crack|crush|shatter|chipp|tor|rip|leak|squeak|bent)\w* | in\ (?:bits|pieces)
        | (?:something|what)(?:'s|\ is)\ wrong | faulty | (?:does|is|has|do)n't\ work\w* | stopped\ working
        """,
}
_PATTERNS = {act: re.compile(rf"\b(?:{pattern})(?!\S)", re.VERBOSE) for act, pattern in _ACTS.items()}
_DENIED = re.compile(
    rf"""(?:\b(?:no|well|but|so)\ )?\b(?:i|we)(?:'m|'re)?\ (?:\S+\ )??
    (?:{_NOT}|no\ longer)\ (?:(?:really|actually|even|just|here|calling|ringing|phoning|looking|trying|asking)\ )*
    (?:(?:want|need|wish|mean|like|try|call|look)(?:ing)?\b|to\b|for\b|about\b
       |(?:cancel|book|order|track|mov|chang)\w*ing\b)
    (?P<what>(?:\ \S+){{0,9}}?)\ (?:but\ |just\ |only\ |instead\ )*
    (?=(?:(?:i|we)\ (?:just\ |only\ |really\ |simply\ |actually\ )*(?:want|need|would|wish|was\ hoping)\b
       |(?:i'd|we'd|i'm\ (?:calling|ringing)|(?:let|give|get|tell)\ me|just\ tell|please
       |(?:can|could)\ (?:i|you|we))(?!\S)))""",
    re.VERBOSE,
)


@lru_cache(maxsize=20_000)
def _acts(sentence: str) -> tuple[Found, ...]:
    starts = [match.start() for match in re.finditer(r"\S+", sentence)]
    where = {start: at for at, start in enumerate(starts)}
    found = []
    for act, pattern in _PATTERNS.items():
        for match in pattern.finditer(sentence):
            begin = match.start()
            if begin in where:
                found.append(Found(act, where[begin], where[begin] + len(match.group().split())))
    # A caller who cannot come but asks for another day gives nothing up.
    if any(each.value == CHANGE for each in found) and not any(each.value == DROP for each in found):
        found = [each for each in found if each.value != ABSENT]
    return tuple(found)


def find_acts(words: Sequence[str]) -> tuple[Found, ...]:
    """The acts in `words`, and the words that express them."""
    return _acts(" ".join(words))


def wanted_part(words: Sequence[str]) -> list[str]:
    """`words` without what is negated first: "I don't want to book, I want to cancel" becomes "I want to cancel"."""
    sentence = " ".join(words)
    match = _DENIED.search(sentence)
    if match is None:
        return list(words)
    rest = f"{sentence[: match.start()]} {sentence[match.end() :]}".split()
    return rest or list(words)
