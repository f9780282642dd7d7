"""Common wordings of requests that many dialplans have, so that a dialplan with only a few sentences for a request is
not limited to these.

The sentences of an intent show which kind of request it is. English.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache, lru_cache

from phone_daemon.dialplan.grammar import expand
from phone_daemon.dialplan.intents import Intent, Then
from phone_daemon.language.acts import CHANGE, DROP, find_acts


@dataclass(frozen=True, slots=True)
class _Kind:
    shown_by: str
    """A pattern that one of the intent's sentences must match."""
    then: frozenset[Then]
    said: tuple[str, ...]
    acts: frozenset[str] = frozenset()
    """The acts (`find_acts`) that its sentences may have, apart from none."""


_KEPT = (
    r"(?:appointment|visit|checkup|haircut|lesson|session|table|reservation|viewing|treatment|massage"
    r"|service|trim|cut|class|room|slot|test|repair|consultation|inspection|stay)\b"
)
"""Things that have times."""
_SHOWN = 0.05
"""The least share of an intent's sentences that must match, because other requests mention the same things: an
emergency needs an appointment, too."""
_ANSWERS = frozenset((Then.MORE, Then.LISTEN, Then.TRANSFER))
_KINDS = (
    _Kind(
        r"(?:when|hours|times) .*\bopen\b|\bopening (?:hours|times)\b|\bwhen .*\bclosed?\b",
        _ANSWERS,
        (
            "(when|until when|from when|what time|what times|how late|how early) are you (open|there|in)",
            "(what|which) days are you (open|there|in)",
            "(when|what time) do you (open|close|shut|start|finish)",
            "are you (open|closed|shut|there|in) (today|tomorrow|now|late|early)",
            "are you (open|closed|shut|there|in) (on sunday|on a saturday|on mondays|at the weekend|over christmas)",
            "what are your (hours|times|opening hours|opening times)",
            "is (anybody|someone) there (on a saturday|in the evening|after six)",
            "(how late|until when|from when|when) can i (come|come in|come by)",
            "do you (open|work|stay open) (on saturdays|on sundays|at the weekend|late|early|in the evenings)",
            "do you close for lunch",
            "[i only want to know] your (opening|closing) time",
        ),
    ),
    _Kind(
        r"\b(?:speak|talk|through) to (?:a person|somebody|someone|a human|an operator|the manager|reception)\b"
        r"|^operator$|\b(?:real|live|human) (?:person|being)\b",
        _ANSWERS,
        (
            "[can i] (speak|talk) to (somebody|a person|a human being)",
            "[can i] (speak|talk) to (one of your colleagues|a member of staff|the manager)",
            "(put|pass|hand) me (through|over|on) to (somebody|your colleague|a human|one of the staff)",
            "get me (somebody|a human|the manager|your boss)",
            "(operator|a real person|a human)",
            "i (don't want|would rather not|don't like) to (talk|speak) to a (machine|robot|computer|recording)",
            "is there a (human|real person) i can (talk to|have a word with)",
            "is the (manager|boss|owner) (there|about|in)",
            "[can i have] a word with (somebody|the manager|one of the staff)",
            "i (want|would like) to (complain|make a complaint) [to the manager]",
        ),
    ),
    _Kind(
        r"\b(?:good)?bye\b",
        frozenset((Then.HANG_UP,)),
        (
            "[okay|right|lovely|thank you|thanks|cheers] (goodbye|bye|bye bye)",
            "that (is|was|will be) (all|everything|it) [thank you|for today]",
            "have a (nice|good|great) (day|one|evening|weekend)",
            "i don't need anything else [thank you] [bye]",
            "nothing else [thank you]",
            "see you (soon|later|then)",
            "(cheers|thanks a lot|take care)",
            "thank you [very much] for your help [goodbye]",
            "(i'm|we're) (done|all set)",
            "(ta|ta very much|cheers) (bye|cheerio|ta ta)",
        ),
    ),
    _Kind(
        "",
        frozenset((Then.REPEAT,)),
        (
            "(can|could|would) you (say|repeat|tell me) that (again|once more|one more time)",
            "(sorry|pardon) what (was that|did you say)",
            "i didn't (hear|catch|get|understand) (that|you|the last bit|the last part|what you said)",
            "what was that [last bit] [you said]",
            "(once|one time) more please",
            "i (couldn't|can't) (hear|understand|make out) (you|that|what you said)",
            "(can|could) i hear that (again|once more)",
        ),
    ),
    _Kind(
        r"\b(?:hold on|hang on|one moment|just a (?:moment|second|minute))\b",
        frozenset((Then.LISTEN,)),
        (
            "(hold on|hang on|wait|one moment|just a moment|one second|two seconds|just a minute) [please]",
            "let me (just) (get|find|fetch|grab|look for) (my glasses|my diary|my calendar|a pen|it|the number)",
            "(i'm|i am) (just) (looking|searching) for (it|my calendar|the number|my glasses)",
            "bear with me",
            "give me a (second|moment|minute)",
            "(somebody|there is somebody) at (the|my) door",
        ),
    ),
    _Kind(
        r"\bwhat can (?:you do|i say)\b",
        _ANSWERS,
        (
            "what (can|could) (you do|i say|i ask|i ask for|you help me with)",
            "(which|what) things can (you do|i ask for)",
            "i'm not (sure|certain) what (you can do|you are able to do|to say|i can ask for)",
            "what are my options",
            "how does this work",
        ),
    ),
    _Kind(
        r"\bcancel\b",
        _ANSWERS,
        (
            "cancel it [please]",
            "i (no longer|don't) (need|want) (it|the one i have) [any more|after all]",
            "i won't (need|be needing) it [any more|after all]",
            "(call it off|get rid of it|scrap it|forget about it|remove it)",
            "i have (one|something) booked but i don't need it",
        ),
        frozenset((DROP,)),
    ),
    _Kind(
        rf"\b(?:can't|cannot|won't) (?:come|make it|make my|keep|attend)\b|\bcancel (?:my|an|the) (?:\w+ )?{_KEPT}",
        _ANSWERS,
        (
            "i (can't|cannot|won't) (come|make it|be there|keep it|attend)",
            "i won't be (coming|coming in|there|able to come|able to make it)",
            "i'm not going to (come|make it|be there)",
            "something has come up",
            "i have one [{day}] but i can't (make it|come)",
            "i'm (sick|ill) [and can't come]",
        ),
        frozenset((DROP,)),
    ),
    _Kind(
        rf"\b(?:book|make|schedule|reserve|need|like|want|have) (?:me )?(?:an?|my|the) {_KEPT}",
        _ANSWERS,
        (
            "(have you got|do you have|is there) (anything|a gap|a space|room|any room|a slot|any space) [free]",
            "(can|could) you (fit|squeeze|get|book) (me|us) in",
            "i'd like to (make a booking|make a reservation|book|reserve|come in)",
            "(i need|i'd like|make|book|get) a new one [for] [{day}]",
            "when is the (next|first) free (slot|time|day)",
        ),
    ),
    _Kind(
        r"\bhow much\b|\b(?:prices|charge|cost)\b",
        _ANSWERS,
        (
            "how much (is it|do you charge|would it be|does it cost)",
            "what (do you charge|does it cost|would it cost me|are your prices|are your rates)",
            "is it (expensive|dear|cheap)",
            "tell me (the price|the cost|how much it is)",
            "(how much|what) (would|will|does) it (set me back|come to)",
            "(what'll|what will|what would) it cost [me]",
            "what do you want for it",
            "(give|tell) me a rough idea of the (price|cost)",
            "what (do|would) you charge for that",
        ),
    ),
    _Kind(
        rf"\b(?:change|move|reschedule|rearrange) (?:my|an?|the|our) (?:\w+ )?{_KEPT}",
        _ANSWERS,
        (
            "(can|could) (i|we) (change|move) it [to another day]",
            "(can|could) (i|we) come (another day|at another time|later|earlier) [instead]",
            "(can|could) we make it (later|earlier|another day|{day}) [instead]",
            "(push|put|move|bring) it (back|forward)",
            "have you got (anything|something) (later|earlier|else)",
            "that (day|time) (doesn't suit|is no good for|doesn't work for) me any more",
            "(another day|a later time|an earlier time) would suit me better",
        ),
        frozenset((CHANGE,)),
    ),
    _Kind(
        r"\bleave (?:\w+ ){0,2}(?:message|note)\b|\b(?:call|ring|phone) me back\b|\btake a message\b",
        _ANSWERS,
        (
            "could you (get|ask) (somebody|them|him|her) to call me [back]",
            "(can|could) (somebody|he|she) (ring|call) me [back]",
            "(tell|let) (them|him|her) [know] i (called|rang)",
            "give me a (ring|call) [back]",
            "i'd like (a call back|to be called back)",
            "(pass|take|give them) a message",
        ),
    ),
    _Kind(
        r"\bemergenc|\burgent",
        _ANSWERS,
        (
            "(it's|this is) (urgent|really urgent|an emergency)",
            "i need (help|somebody) (now|right away|straight away|immediately|urgently|as soon as possible)",
            "(this|it) can't wait",
            "(can|could) (somebody|you) come (right now|straight away|immediately)",
        ),
    ),
    _Kind(
        r"\b(?:is|are) (?:my|the) \w+ (?:ready|done|finished|fixed|mended)\b"
        r"|\bwhen can i (?:come and )?(?:pick|collect|fetch|get)\b",
        _ANSWERS,
        (
            "is it (ready|done|finished|fixed|mended) [yet]",
            "are they (ready|done|finished) [yet]",
            "(have you|are you) (finished|done) [with it] [yet]",
            "has it been (fixed|done|mended)",
            "how are you getting on with it",
            "(when|what time) can i (come and get|collect|fetch) (it|mine)",
            "how (is it coming along|long will it be)",
            "(any news on it|what's happening with it)",
        ),
    ),
    _Kind(
        r"\b(?:book|need|have|want|like) (?:\w+ ){0,4}(?:service|repair|inspection|m o t)\b",
        _ANSWERS,
        (
            "(can|could|when could) you (have|take) a look at (it|mine)",
            "(it|mine) needs (looking at|doing|fixing|a repair|a service)",
            "(can|could) i bring (it|mine) in [{day}]",
            "i'd like to (have|get) it (looked at|done|serviced|checked)",
            "it's due (one|a service|an inspection)",
        ),
    ),
    _Kind(
        r"\b(?:book|make|need|like|want) (?:an?|my) (?:haircut|trim|treatment|massage)\b",
        _ANSWERS,
        (
            "(can|could) i (get|have) (it|my hair) done [{day}]",
            "i (could do with|need|would like) (a trim|a treatment|it done) [{day}]",
            "any chance of (a cut|a treatment) [{day}]",
        ),
    ),
    _Kind(
        r"\b(?:quote|quotation|estimate)\b",
        _ANSWERS,
        (
            "(can|could) you give me (a quote|an estimate|a price|a rough idea of the price)",
            "i'd like (a quote|an estimate|a price) for (a job|some work|it)",
            "what would you (want|charge) for (doing|putting in|fitting) (it|a new one)",
        ),
    ),
    _Kind(
        r"\b(?:send|come) (?:an?|somebody|someone|round|out)\b|\bsend (?:me )?an? \w+",
        _ANSWERS,
        (
            "(can|could) (somebody|you) (come out|come round|come and look|have a look)",
            "i need (somebody|someone) to (come out|come round|have a look at it|fix it)",
            "(it|mine) (doesn't work|isn't working|has stopped working|is broken|is blocked|is leaking|is dripping)",
            "(there is|i've got) (a leak|a blockage|something wrong)",
            "i've got no (hot water|heating|power)",
        ),
    ),
    _Kind(
        r"\b(?:pay|invoice|bill|owe|payment)\b",
        _ANSWERS,
        (
            "how much do i owe [you]",
            "what do i have to pay",
            "i (want|would like|need) to (pay|settle up|settle my account|pay what i owe)",
            "i've (had|got|received) (a bill|an invoice|a letter) [from you]",
            "(the|my) (bill|invoice) (is wrong|isn't right|doesn't look right|is too high)",
            "can i pay (by card|over the phone|now)",
            "i owe you [some] money",
        ),
    ),
    _Kind(
        r"\b(?:renew|extend) (?:\w+ )?\w+",
        _ANSWERS,
        (
            "(can|could) i (keep|have) (it|them|mine) (longer|a bit longer|for another week)",
            "(i need|can i have|could i have) (more time|another week|another couple of weeks)",
            "(they're|it's|mine are) due back (today|tomorrow|soon)",
            "(extend|renew) (it|them|mine)",
        ),
    ),
    _Kind(
        r"\bput (?:\w+ ){1,3}(?:aside|by)\b|\b(?:reserve|hold) an? (?:book|copy|item|title|ticket)",
        _ANSWERS,
        (
            "(can|could) you (hold|keep|save|put by|put aside) (one|it|a copy) for me",
            "i'm (after|looking for) (one|a copy)",
            "(have you got|do you have) (one|it|a copy) [in|in stock]",
            "keep me (one|a copy)",
        ),
    ),
    _Kind(
        r"\b(?:track|where is|where's) (?:my|an?|the) (?:parcel|package|order|delivery)\b",
        _ANSWERS,
        (
            "it (hasn't|still hasn't) (come|arrived|turned up)",
            "where has it got to",
            "when (will it|is it going to) (come|arrive|be here|get here)",
            "nothing has (come|arrived|turned up)",
            "i'm still waiting [for it]",
            "any news (of|on|about) (it|my order)",
        ),
    ),
    _Kind(
        r"\bwhere are you\b|\b(?:your|the) address\b|\bhow (?:do i|can i) (?:find|get to) you\b",
        _ANSWERS,
        (
            "where are you (based|located|exactly)",
            "how do i (find|get to|reach) you",
            "what's your (address|post code|zip code)",
            "(which|what) (street|road) are you on",
            "is there (anywhere to park|parking|a car park)",
        ),
    ),
)  # fmt: skip


@lru_cache(maxsize=256)
def common_wordings(intent: Intent) -> tuple[str, ...]:
    """Common wordings for `intent`, in addition to its own sentences. Empty if its kind is unknown.

    Cached for all calls, because each intent takes several milliseconds."""
    found: dict[str, None] = {}
    doing = _doing(intent.sentences)
    for kind in _KINDS:
        showing = sum(re.search(kind.shown_by, sentence) is not None for sentence in intent.sentences)
        fits = showing and showing >= _SHOWN * len(intent.sentences)
        if fits and intent.then in kind.then and doing & {DROP, CHANGE} <= kind.acts:
            found.update(dict.fromkeys(_expanded(kind.said)))
    offer = intent.offer.removeprefix("to ").lower()
    found.update(dict.fromkeys([offer] if offer else ()))
    return tuple(sentence for sentence in found if sentence not in set(intent.sentences))


def _doing(sentences: Iterable[str]) -> set[str]:
    """The acts that many of `sentences` have."""
    said = list(sentences)
    acts = [act for sentence in said for act in {each.value for each in find_acts(sentence.split())}]
    return {act for act in acts if acts.count(act) >= 0.25 * len(said)}


@cache
def _expanded(phrases: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(sentence for phrase in phrases for sentence in expand(phrase)))
