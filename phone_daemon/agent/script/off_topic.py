"""Detects callers who want somebody else: a wrong number that asks for a taxi, or a salesman with insurance.

Verbs are common to all trades: tables are booked, memberships cancelled, and electricity suppliers changed. The
difference lies in the nouns. If a dialplan never mentions a topic, a sentence about something of that topic, and about
nothing that the dialplan deals with, is not for it. English.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from phone_daemon.agent.script.lexicon import COMMON, COMMON_ROOTS, FILLER_ROOTS, roots, stem

_TOPICS = (
    "pizza curry takeaway burger kebab sandwich cake coffee menu groceries chicken prawn noodle restaurant table "
    "dinner supper",
    "train bus flight airport airline ticket platform coach ferry cruise luggage suitcase tram",
    "hotel hostel suite honeymoon",
    "taxi cab minicab",
    "film movie cinema theatre concert match football rugby song joke telly television netflix radio",
    "electricity gas energy meter tariff supplier",
    "broadband internet wifi router sim landline",
    "bank mortgage overdraft pension credit debit investment savings shares bitcoin",
    "insurance",
    "boiler radiator tap toilet sink pipe roof glazing gutter sofa furniture fridge freezer oven dishwasher washing "
    "carpet mattress curtain kitchen bathroom",
    "printer laptop software password email antivirus",
    "car van tyre tire brake exhaust windscreen engine garage warranty motorbike",
    "dog cat rabbit puppy kitten hamster vet pet",
    "doctor nurse hospital prescription pharmacy surgery clinic physio medicine",
    "tooth teeth dentist filling",
    "haircut hair barber perm manicure massage",
    "library novel paperback",
    "parcel package courier postman",
    "gym membership swimming yoga pool pilates",
    "house flat rent tenant landlord estate property",
    "passport visa tax council licence license benefit election vote politics",
    "school teacher homework university college lesson",
    "survey volunteer charity donation raffle questionnaire",
    "solicitor lawyer court divorce",
    "solar panel windfall lottery prize",
    "plumber electrician builder gardener cleaner locksmith",
    "weather rain raining snow snowing forecast",
    "umbrella jumper shoe trouser dress jacket",
)
_DETERMINERS = frozenset(
    ("a", "an", "the", "my", "your", "our", "some", "any", "his", "her", "their", "this", "that", "another")
)
_AROUND = frozenset(
    ("in", "at", "from", "on", "off", "under", "by", "behind", "into", "over", "through", "near", "past", "outside")
) | {"after", "before", "during", "since", "with"}
"""Words before a place where somebody was: "I was in the kitchen"."""
_LONGEST = 3
"""The most words of a thing: "my old washing machine"."""
_LITTLE = COMMON_ROOTS | FILLER_ROOTS | {"next", "new", "old", "last", "first", "other", "second", "whol"}
LESS = 0.6
"""The factor on how well a sentence about something else fits a request."""


class OffTopic:
    def __init__(self, sentences: Mapping[str, Sequence[str]]) -> None:
        """`sentences`: what callers say here, by intent."""
        split = [sentence.split() for said in sentences.values() for sentence in said]
        named = {stem(word) for words in split for word in words}
        topics = [{stem(word) for word in topic.split()} for topic in _TOPICS]
        self._foreign = {word for topic in topics if topic.isdisjoint(named) for word in topic} - named
        self._own = {root for words in split for root in _things(words)}

    def __call__(self, words: Sequence[str]) -> bool:
        """Whether `words` are about something that does not belong here, and about nothing that does."""
        if self._foreign.isdisjoint(root for word in words for root in roots(word)):
            return False
        return not self._foreign.isdisjoint(_wanted(words)) and self._own.isdisjoint(_things(words))


def _things(words: Sequence[str]) -> Iterator[str]:
    """The stems of the words that follow an article or the like, up to the next common word."""
    for at, word in enumerate(words):
        if word in _DETERMINERS:
            for each in words[at + 1 : at + 1 + _LONGEST]:
                if each in COMMON:
                    break
                yield from (root for root in roots(each) if root not in _LITTLE)


def _wanted(words: Sequence[str]) -> Iterator[str]:
    """The stems of `words`, except those that only say where somebody was."""
    for at, word in enumerate(words):
        lead = at - 1
        while lead > 0 and (words[lead] in _DETERMINERS or lead == at - 1) and words[lead] not in _AROUND:
            lead -= 1
        if not at or words[lead] not in _AROUND:
            yield from roots(word)
