"""Backchannels: what a listener says to show that they listen, and not to take the floor.

Yngve 1970 named them; Ward and Tsukahara 2000 list the English ones. "Yes" is a backchannel while the agent explains
something, but an answer once the agent has asked a question; the calling code must know which applies.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import cache

REMARKS = (
    *("uh huh", "uhuh", "uh", "huh", "mhm", "m", "mm", "mmm", "mm hm", "mm hmm", "mm mm", "hm", "hmm"),
    *("ah", "aha", "oh", "um"),
    *("okay", "ok", "kay", "yeah", "yep", "yup", "ya", "yes", "right", "sure", "alright", "all right", "fine", "cool"),
    *("good", "great", "perfect", "lovely", "nice", "wow", "really", "exactly"),
    *("of course", "i see", "got it", "go on"),
    *("absolutely", "amazing", "awesome", "brilliant", "certainly", "correct", "definitely", "excellent", "fantastic"),
    *("gotcha", "indeed", "interesting", "super", "true", "understood", "very good", "wonderful", "oh really"),
    *("that's fine", "that's good", "that's great", "that's nice", "that's okay", "that's right", "that's true"),
    *("fair enough", "for sure", "good to know", "i understand", "make sense", "makes sense", "sounds good"),
    *("how cool", "how lovely", "how nice", "no problem", "no worries"),
    "please",  # The end of a "yes, please" whose first word was answered.
)
"""In American and British English."""
MOST = 3
"""A listener who says more of them in a row wants to say something."""
_MISHEARD = """
    a ah all amen an and are as at day eh er go god god's goddess gone gonna gun gut ha ham hard hay health her
    hey hi him hm hmm home hum hump i i'll i'm i've in is it it's k know m ma'am mem men mine mm moan my now o of
    on one or or's our out own say sea see she shore sir so sore sort sorta that the them then they they're to up us
    was we well ya yahoo yay you you're your
    """
MISHEARD = frozenset(_MISHEARD.split())
"""Words that the recognizer writes for the first third of a second of a remark, or for a mumbled one: "and" for "mm",
"god" for "got it". A caller who wants the floor soon says something else as well. Collected from remarks in synthetic
voices."""
_WANTING = """
    actually again agent already another anybody appointment book bye can can't cancel cannot could didn't don't enough
    excuse give goodbye hang hello help hold how how's human just let louder many minute moment much need never
    next operator pardon person price problem question quiet repeat shut skip slow slower sorry speak
    stop tell thank thanks transfer urgent wait want what what's when where where's which who who's why would wrong
    """
WANTING = frozenset(_WANTING.split())
"""Words with which people take the floor; one of them is enough."""
AFTER_NO = frozenset(("but", "i", "it", "it's", "no", "not", "that", "that's", "the", "wait", "we", "you"))
ENOUGH = 2.0
"""The least `claim` that takes the floor. A single word is not enough, because it may have been made up from the end of
a "yeah"."""
DENIAL, DOUBTFUL = 1.5, 0.4
"""The weight in a claim of a "no", and of a word that may be part of a remark, or misheard from one (`MISHEARD`). Any
other word counts 1, and a remark of one word counts 0."""
BEGUN = 4
"""Letters at the beginning of a word that are enough to recognize it."""
MANY = 5
"""A caller who says more words than this wants to say something, whatever it is."""


def is_remark(text: str, remarks: Iterable[str] = REMARKS) -> bool:
    """Whether `text` consists only of one to three `remarks`, however they are spelled."""
    plain = " ".join(_words(text))
    return bool(plain) and _pattern(tuple(remarks)).fullmatch(plain) is not None


def wants_floor(
    text: str, remarks: Iterable[str] = REMARKS, vocabulary: frozenset[str] = frozenset(), *, over: bool = True
) -> bool:
    """Whether a caller who says `text`, or this much of it, wants to say something, and not merely to show that they
    listen. For the parameters, see `claim`."""
    return claim(text, remarks, vocabulary, over=over) >= ENOUGH


def claim(
    text: str, remarks: Iterable[str] = REMARKS, vocabulary: frozenset[str] = frozenset(), *, over: bool = True
) -> float:
    """How strongly `text` claims the floor, in words: 0 for a remark, at least `ENOUGH` if nobody says it in passing.

    `vocabulary`: words that callers are known to say here. `over`: whether nothing more comes; until then, a mere "no"
    may be the beginning of "oh, okay".
    """
    if is_remark(text, remarks):
        return 0.0
    words = _words(text)
    wanting = WANTING | vocabulary
    idle, parts = (each - wanting - {"no"} for each in _parts(tuple(remarks)))
    doubtful = (parts | MISHEARD) - idle
    others = [word for word in words if word not in idle and word not in doubtful]
    said = bool(wanting.intersection(others)) or _denies(words, over) or _objects(words, idle)
    said = said or (not over and bool(others) and _begins_one_wanting(others[-1]))
    counted = sum(DENIAL if word == "no" else 1.0 for word in others)
    counted += DOUBTFUL * sum(word in doubtful for word in words)
    return max(counted, ENOUGH) if said or len(words) > MANY else counted


def _objects(words: list[str], idle: frozenset[str]) -> bool:
    """Whether a remark is followed by "but": "yes, but …"."""
    return "but" in words[1:] and idle.issuperset(words[: words.index("but")])


def _begins_one_wanting(word: str) -> bool:
    """Whether `word`, the last of a partial, begins a word of `WANTING`: "quest" is heard before "question"."""
    return len(word) >= BEGUN and any(len(whole) > BEGUN and whole.startswith(word) for whole in WANTING)


def asks_for_floor(text: str, vocabulary: frozenset[str] = frozenset()) -> bool:
    """Whether `text` has words by which people take the floor, or that callers are known to say here. A conversation in
    the caller's background rarely has such words, no matter how long it is."""
    words = _words(text)
    return any(word in WANTING or word in vocabulary for word in words) or _denies(words, over=False)


def _denies(words: list[str], over: bool) -> bool:
    """Whether "no" is meant: "no, that …", or "no" and nothing else."""
    return words[:1] == ["no"] and (over if len(words) == 1 else words[1] in AFTER_NO)


def _words(text: str) -> list[str]:
    return re.findall(r"[^\W_]+(?:'[^\W_]+)?", text.casefold())


@cache
def _parts(remarks: tuple[str, ...]) -> tuple[frozenset[str], frozenset[str]]:
    """Words that are remarks by themselves, and the words of longer remarks."""
    split = [_words(each) for each in remarks]
    alone = frozenset(words[0] for words in split if len(words) == 1)
    return alone, frozenset(word for words in split for word in words) - alone


@cache
def _pattern(remarks: tuple[str, ...]) -> re.Pattern[str]:
    plain = sorted((" ".join(_words(each)) for each in remarks), key=len)
    one = "|".join(re.escape(each) for each in reversed(plain) if each) or r"(?!)"
    return re.compile(rf"(?:{one})(?: (?:{one})){{0,{MOST - 1}}}")
