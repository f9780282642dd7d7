"""Whether a caller's words so far require more: nobody ends a turn with "and" or "my number is".

The rules are about classes of English words rather than observed sentences, so they also hold for new sentences.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from phone_daemon.language.words import words as words_of


def _set(text: str) -> frozenset[str]:
    return frozenset(text.split())


FILLERS = _set("um uh er erm hmm hm mm")
CONTRACTED = _set(
    "i'm you're we're they're he's she's it's there's who's what's where's let's i've you've we've they've "
    "i'd you'd we'd they'd he'd she'd i'll you'll we'll they'll he'll she'll it'll"
)
OPEN = FILLERS | CONTRACTED
OPEN |= _set(
    "a an the my your our their his its every whose and or but because if than unless whether although while as"
)
OPEN |= _set("i we they he she doctor dr mister mr missus mrs ms miss professor")
"""Words after which more follows: articles, conjunctions, titles, and pronouns that can only be subjects."""
TAKE_OBJECTS = _set(
    "of into between during until at per without except beside onto upon against from with to for about by"
)
TAKE_OBJECTS |= _set("like regarding is are was were")
"""Words after which more follows unless their object came first: "who is it for?", "where it is"."""
PLACES = _set("in on under behind near through since")
"""Prepositions that may well be the last word: "can I come in?"."""
AUXILIARIES = _set("am be been being has had have do does did will would can could should shall must might")
AUXILIARIES |= _set("isn't aren't wasn't doesn't didn't won't can't couldn't wouldn't don't haven't hasn't")
TRANSITIVE = _set(
    "tell give send ask get got want wanted need needed like prefer wonder wondering say says said told see saw find "
    "found put took takes bring brought buy bought ordered lost left booked reach expect used meet try trying supposed "
    "hope think know mean wants needs having getting looking calling phoning ringing"
)
"""Verbs that rarely end a sentence without their object."""
LINKS = _set("which who where when why how what just also very still currently usually always never actually probably")
LINKS |= _set("maybe perhaps almost only quite rather next other few")
MOVED = _set("who what which where how whom who's what's where's that's all whatever whenever wherever whoever")
"""Words that show that the object came first: "that's what I was told"."""
INFINITIVES = _set(
    "have need want like going able supposed used try trying take takes had wanted ought how where what who"
)
INFINITIVES |= _set("when happy ready easier cheaper possible")
"""Words after which "to" needs a verb that is still missing: "who do I have to"."""
GIVING, GIVEN = _set("tell give send show ask let told gave sent asked"), _set("me him her us them you")
THAT = _set("is was say said think hope know sure afraid told mean means")
LEADS = (
    "let me think, let me see, told to, supposed to, do you have, is for, it's for, calling because, calling about, "
    "it's possible, is possible, name is, number is, my name, two things, one thing, two questions, a bit of, "
    "kind of, sort of, and then"
)
"""Endings that lead up to something: "it's for", "there are two things"."""
YES_NO, FEW = _set("yes no yeah"), 4
"""The most words of an answer that may end with an auxiliary: "no, it isn't"."""
SUBORDINATE = _set("if when after before because since while although once until unless")
INVERTED = _set("is are was were do does did can could will would should shall may have has am don't isn't aren't")
SHORT = 9
"""The most words of a sentence that may be only a subordinate clause."""
OPENINGS = (
    "good morning, good afternoon, good evening, hello, hi, hey, hello there, hi there, listen, look, sorry, "
    "excuse me, i'm sorry, right, all right, alright, okay, great, now, well, so, oh, ah, anyway, actually, please, "
    "first, first of all, hang on, hold on, just a second, just a moment, one moment, let me see, let me check, "
    "let me think, you know, i mean, in that case, by the way, at the moment, for example, to be honest, "
    "unfortunately, basically, you see, and, but"
)
"""Phrases that people say before they say what they want."""
_LEADS = tuple(tuple(each.split()) for each in LEADS.split(", "))
_OPENINGS = frozenset(tuple(each.split()) for each in OPENINGS.split(", "))
_SENTENCES = re.compile(r"[.?!]+\s")


def calls_for_more(text: str) -> bool:
    """Whether `text` breaks off in the middle of a sentence."""
    words = last_sentence(text)
    if not words:
        return False
    last, before = words[-1], words[-2:-1]
    if last in OPEN or (last == "that" and THAT.issuperset(before) and before):
        return True
    if last == "to" and before and before[0] in INFINITIVES:
        return True
    return last in TAKE_OBJECTS and not MOVED.intersection(words[:-1])


def leans_on(text: str) -> bool:
    """Whether `text` may well continue."""
    words = last_sentence(text)
    if not words:
        return False
    last, before = words[-1], words[-2:-1]
    answers = words[0] in YES_NO and len(words) <= FEW
    if not MOVED.intersection(words[:-1]) and (
        last in PLACES
        or (last in AUXILIARIES and not answers)
        or last in TRANSITIVE
        or (last in GIVEN and before and before[0] in GIVING)
    ):
        return True
    return last in LINKS or any(tuple(words[-len(lead) :]) == lead for lead in _LEADS) or _only_a_clause(text, words)


def only_opens(text: str) -> bool:
    """Whether `text` is only the beginning of a turn. A question is not: "Hello?" expects an answer."""
    words = tuple(words_of(text))
    if not words or text.rstrip().endswith("?"):
        return False
    return any(
        words[:at] in _OPENINGS and (not words[at:] or words[at:] in _OPENINGS) for at in range(1, len(words) + 1)
    )


def last_sentence(text: str) -> list[str]:
    """The words of the last sentence of `text`."""
    return words_of(_SENTENCES.split(text.strip())[-1])


def _only_a_clause(text: str, words: Sequence[str]) -> bool:
    asks = len(words) > 1 and words[0] == "when" and words[1] in INVERTED
    return (
        words[0] in SUBORDINATE
        and 3 <= len(words) <= SHORT
        and not asks
        and "," not in text
        and words == words_of(text)
    )
