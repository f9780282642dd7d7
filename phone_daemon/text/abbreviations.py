"""Which periods end a sentence, and which belong to "Dr.", "a.m.", or "J. R.".

If only the next word can decide, a period stays undecided until that word is there. In doubt it does not end the
sentence: a phrase that is one sentence longer is heard slightly later, but a phrase that is cut after "Dr." sounds
wrong.
"""

from __future__ import annotations

import re

OPENERS = "\"'“‘«([*_~`¿¡「『（【《"


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


_GO_ON = _words(
    "Dr Mr Mrs Ms Mx Prof dr mr mrs ms prof Rev Hon Gen Col Lt Sgt Capt Sen Gov Rep "
    "e.g i.e E.g I.e vs approx Approx tel Tel ext Ext incl resp cf est fig Fig"
)
"""Abbreviations after which a sentence continues."""
_BEFORE_NUMBERS = _words("no No nos Nos pp p sec Sec ch Ch art Art")
"""Abbreviations only before a number: "No. 5", but "No. I cannot."."""
_BEFORE_SMALL = _words("etc ft in lb lbs oz hr hrs min mins sec secs yd yds mi")
"""Abbreviations after which it continues if a lowercase letter follows: "6 ft. tall"."""
_HALVES = _words("a.m p.m A.M P.M")
"""Abbreviations after which it continues with a day, a month, or a time zone, and before a lowercase letter."""
_MAY_END = _words(
    "St Mt Ft Ave Rd Blvd Jr Sr Inc Ltd Co Corp dept Dept appt Ph.D Jan Feb Mar Apr Jun Jul Aug Sep Sept Oct Nov Dec "
    "Mon Tue Tues Wed Thu Thur Thurs Fri Sat Sun"
)
"""After these, an initial, or "U.S.", the sentence continues unless the next word is one with which sentences begin."""
_NAMES_OF_TIME = _words(
    "Monday Tuesday Wednesday Thursday Friday Saturday Sunday Mon Tue Tues Wed Thu Thur Thurs Fri Sat Sun Mondays "
    "Tuesdays Wednesdays Thursdays Fridays Saturdays Sundays January February March April May June July August "
    "September October November December Jan Feb Mar Apr Jun Jul Aug Sep Sept Oct Nov Dec "
    "GMT BST UTC CET CEST EST EDT CST CDT MST MDT PST PDT Eastern Central Mountain Pacific"
)
_OPENINGS = _words(
    "I I'm I'll I'd I've We We're We'll We'd We've You You're You'll You'd You've He He's She She's It It's They "
    "They're The This That That's There There's These Those Then Our Your My His Her Their Please Thank Thanks Yes No "
    "Is Are Was Were Do Does Did Would Will Can Could Shall Should May Might Have Has Had What What's When Where Who "
    "Why How Which If And But So Or Also Now Just Let Let's In On At For From To As Once After Before Until Not All "
    "Any Some Each Every Both Sorry Okay OK Sure Great Perfect Alright Otherwise However Unfortunately "
    "Bye Hello Hi Good Welcome"
)
_DOTTED = re.compile(r"(?:[^\W\d_]\.)+[^\W\d_]")
_FOLLOWING = re.compile(r"[^\W\d_]+(?:['’][^\W\d_]*)?")


def last_word(text: str) -> str:
    """The last word of `text`; empty if `text` ends in white space."""
    return "" if not text or text[-1].isspace() else text.rsplit(maxsplit=1)[-1].lstrip(OPENERS)


def ends_sentence(before: str, mark: str, after: str) -> bool | None:
    """Whether `mark`, with white space on its right, ends a sentence. None if what follows will decide."""
    following = after.lstrip().lstrip(OPENERS)
    if mark.startswith(("..", "…", ".…")) or (mark[:1] in tuple("!?") and mark[-1] in tuple("\"'’”»")):
        # "Well... let me see." and: "Really?" she said.
        return not following[0].islower() if following else None
    return _stop_ends_sentence(before, following) if mark.startswith(".") else True


def _stop_ends_sentence(before: str, following: str) -> bool | None:
    word = last_word(before)
    number_of_item = word.isdigit() and before.strip() == word  # "1. Brush your teeth."
    if word in _GO_ON or number_of_item:
        return False
    if word in _BEFORE_NUMBERS:
        return not following[0].isdigit() if following else None
    if word in _BEFORE_SMALL or not word:
        return following[0].isupper() if following else None
    if word in _HALVES:
        named = _begins_with(following, _NAMES_OF_TIME) if following[:1].isupper() or not following else True
        return None if named is None else not named
    uncertain = word in _MAY_END or _DOTTED.fullmatch(word) or _is_initial(word)
    return _begins_with(following, _OPENINGS) if uncertain else True


def goes_on(word: str) -> bool:
    """Whether the period at the end of `word` does not end a sentence if nothing follows for now."""
    bare = word[:-1]
    return word.endswith(".") and bare not in _HALVES | _BEFORE_SMALL and may_go_on(word)


def may_go_on(word: str) -> bool:
    """Whether `word` ends in a period that may not end a sentence."""
    bare = word[:-1]
    known = any(bare in words for words in (_GO_ON, _BEFORE_NUMBERS, _BEFORE_SMALL, _HALVES, _MAY_END))
    return word.endswith(".") and (known or _is_initial(bare) or _DOTTED.fullmatch(bare) is not None)


def _is_initial(word: str) -> bool:
    return len(word) == 1 and word.isalpha() and word != "I"


def _begins_with(following: str, words: frozenset[str]) -> bool | None:
    """Whether the first word of `following` is one of `words`; None while it may still become one."""
    if not following:
        return None
    found = _FOLLOWING.match(following)
    if found is None:
        return False
    word = found.group().replace("’", "'")
    if found.end() < len(following):
        return word in words and not (len(word) == 1 and following[1] == ".")
    return None if any(each.startswith(word) for each in words) else False
