"""How English words relate: short forms, endings, words that carry little meaning, and words with the same meaning.

It is only for comparing what callers say with a dialplan's sentences, and is never spoken or shown. It is small on
purpose, and covers phone conversations; a dialplan's own sentences supply its particular words.
"""

from __future__ import annotations

import re
from functools import lru_cache


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


FILLERS = _words(
    "uh um er ah eh mhm please thanks thank well so oh okay just yeah yes hey like actually really basically "
    "anyway possibly perhaps maybe kindly then afraid guy lot sorry quick quickly"
)
"""Words that say nothing about what somebody wants."""
COMMON = _words(
    "a about after all am an and any are as at be been before by can could did do for from had has have he her "
    "him his how i if in into is it its me my of off on one or our out over she should some that the their them "
    "there they this to too up us was we were what when where which who will with would you your may might must "
    "shall no but because got get go going want need know tell try hope wonder wish call thing something way time "
    "day week today tomorrow anything here back down through round than nice good say chance"
)
"""Words that occur in any request, and so count for little."""
_SHORT = {
    "can't": "can not", "cannot": "can not", "won't": "will not", "shan't": "shall not", "gonna": "going to",
    "wanna": "want to", "gotta": "got to", "lemme": "let me", "gimme": "give me", "y'all": "you", "let's": "let us",
    "what're": "what are", "whereabouts": "where", "whoever": "who", "whatever": "what",
    "unable": "not able", "dunno": "do not know", "ain't": "be not",
}  # fmt: skip
_ENDINGS = {"n't": "not", "'ll": "will", "'ve": "have", "'re": "are", "'d": "would", "'m": "am"}
_IRREGULAR = {
    "am": "be", "are": "be", "is": "be", "was": "be", "were": "be", "been": "be", "has": "have", "had": "have",
    "having": "have", "did": "do", "does": "do", "done": "do", "doing": "do", "went": "go", "gone": "go", "came":
    "come", "got": "get", "gotten": "get", "getting": "get", "took": "take", "taken": "take", "said": "say", "told":
    "tell", "spoke": "speak", "spoken": "speak", "lost": "lose", "broke": "break", "broken": "break", "fell":
    "fall", "fallen": "fall", "left": "leave", "saw": "see", "seen": "see", "brought": "bring", "sent": "send",
    "swollen": "swell", "hurts": "hurt", "teeth": "tooth", "gums": "gum", "heard": "hear", "caught": "catch",
    "knew": "know", "known": "know", "found": "find", "thought": "think", "rang": "ring", "made": "make", "kept":
    "keep", "put": "put", "shown": "show", "people": "person", "children": "child", "latest": "late", "openings":
    "openings", "ours": "ours", "sec": "second", "secs": "second", "rep": "representative", "info": "information",
    "hrs": "hour", "mins": "minute", "him": "him", "his": "his", "this": "this", "its": "it", "yes": "yes", "bus":
    "bus", "address": "address", "business": "business", "process": "process", "morning": "morning", "evening":
    "evening", "something": "something", "anything": "anything", "nothing": "nothing", "everything": "everything",
    "filling": "filling", "bring": "bring", "ring": "ring", "during": "during", "thing": "thing", "need": "need",
    "speed": "speed", "bleed": "bleed",
}  # fmt: skip
_GROUPS = (
    "cancel scrap delete drop",
    "book schedule reserve arrange",
    "change move reschedule rearrange shift switch swap push postpone alter delay bump slide nudge",
    "appointment visit slot spot openings",
    "parcel package box shipment packet stuff goods item",
    "order delivery parcel",
    "speak talk chat",
    "person human somebody someone anybody anyone representative staff operator agent adviser advisor colleague",
    "reception receptionist desk",
    "dentist doctor hygienist",
    "ache hurt pain agony sore throb painful kill",
    "break crack chip snap smash damage shatter",
    "swell swollen",
    "close shut",
    "arrive come appear",
    "track trace find locate",
    "message note word voicemail",
    "ring phone call telephone",
    "courier driver postman",
    "card slip note sticker tag label",
    "hour time",
    "repeat again",
    "goodbye bye cheerio cheers",
    "moment second minute tick",
    "wait hold hang",
    "another different other",
    "urgent urgently emergency immediately straightaway asap",
    "check look",
    "complain complaint",
    "clean polish hygiene",
    "bring deliver send redeliver",
    "option choice",
    "bad terrible awful dreadful horrible",
    "patient client customer person",
    "update news status progress",
    "depot warehouse branch counter store",
    "manager supervisor boss",
    "support service assistance",
    "exam examination checkup inspection",
    "child kid son daughter boy girl baby",
    "husband wife partner mother father mum mom dad",
    "infect abscess",
    "tooth molar incisor",
    "crown filling brace bridge denture implant veneer",
    "slot opening room space gap vacancy",
    "swell puff bulge",
    "disappear vanish lose",
    "driver chap guy fellow bloke",
    "rude impolite unfriendly",
    "start begin",
    "finish end",
    "problem trouble issue",
    "hour schedule",
    "card notice letter ticket",
    "weekend saturday sunday",
    "evening night tonight",
    "holiday christmas",
    "office clinic surgery practice depot",
    "return back",
    "ship send post dispatch mail",
    "sick ill unwell poorly flu cold",
    "diary calendar schedule",
    "pen pencil paper",
    "fix repair mend replace",
    "bear stand endure",
    "expensive price cost charge fee",
    "connect transfer",
    "machine computer robot bot recording",
    "explain clarify",
    "slow slowly loud loudly louder slower",
    "nobody no-one none",
    "neighbour neighbor",
    "pick collect fetch grab",
    "free available",
    "taxi cab car ride lift minicab",
    "driver car cab",
    "bike bicycle cycle",
    "repair service tune adjust",
    "tyre tire wheel brake chain gear bike",
    "haircut trim cut hair hairdo",
    "dye color colour highlights",
    "book novel title paperback volume",
    "loan borrow lend book",
    "renew extend prolong longer",
    "reserve aside hold",
    "table seat dinner lunch dine eat meal",
    "ready done finished mended fixed repaired complete",
    "price rate fee charge pay dear cheap expensive tariff",
    "room bed accommodation",
    "house flat apartment property home",
    "garage mechanic workshop",
    "lawyer solicitor attorney",
    "invoice bill statement account",
    "payment pay settle",
    "class lesson course session",
    "ticket seat",
    "order purchase buy",
    "refund money",
    "plumber engineer technician electrician",
    "vet dog cat pet puppy kitten",
    "medicine prescription tablet pill drug",
    "test result scan",
    "interested keen",
    "gap space room slot opening vacancy",
    "gift present voucher",
)
_PHRASAL = {
    "book": ("set up", "fit in", "squeeze in", "put in", "put down", "slot in", "pencil in", "get in"),
    "come": ("pop in", "pop by", "drop in", "drop by", "stop by"),
    "change": ("push back", "put back", "bring forward", "move back", "put off"),
    "arrive": ("turn up", "show up", "get here", "get there"),
    "deliver": ("drop off", "bring round", "bring around"),
    "connect": ("put through", "pop through"),
    "open": ("open up",),
    "repeat": ("run by", "come again", "go over"),
    "message": ("pass on", "pass along"),
    "track": ("look up", "chase up", "follow up"),
    "lose": ("go missing",),
    "break": ("come off", "fall out", "come out", "knock out", "fall off", "come loose"),
    "visit": ("stop by", "come by", "swing by", "look in", "come over"),
    "hurt": ("play up",),
    "cancel": ("call off", "take off", "back out", "forget about", "bail on", "get rid"),
    "collect": ("pick up",),
    "know": ("find out",),
}
"""Verbs whose meaning is changed by a particle that follows within a few words: "take me off"."""


@lru_cache(maxsize=20_000)
def stem(word: str) -> str:
    """`word` without its ending: "booking", "booked", and "books" become "book"."""
    plain = _IRREGULAR.get(word) or _without_ending(word.removesuffix("'s") or word)
    return plain.removesuffix("e") if len(plain) > 3 else plain


def _without_ending(word: str) -> str:
    if len(word) < 4:
        return word
    if word.endswith("ies"):
        return word[:-3] + "y"
    if word.endswith(("sses", "shes", "ches", "xes")):
        return word[:-2]
    if word.endswith("s") and not word.endswith(("ss", "us", "is")):
        return stem(word[:-1])
    for ending, least in (("ing", 2), ("ed", 3)):
        bare = word.removesuffix(ending)
        if bare != word and len(bare) >= least and re.search("[aeiouy]", bare):
            return bare[:-1] if bare[-1] == bare[-2] and bare[-1] not in "lsz" else bare
    return word


_SPELLINGS = (
    (r"^(kn|gn|pn)", "n"), (r"^wr", "r"), (r"^wh", "w"), (r"ph", "f"), (r"gh(?=[^aeiou]|$)", ""), (r"c(?=[eiy])", "s"),
    (r"g(?=[eiy])", "j"), (r"sh|ch|tch", "x"), (r"[cq]k?|k", "k"), (r"[dt]", "t"), (r"[fv]", "f"), (r"[bp]", "p"),
    (r"[sz]", "s"), (r"(?<!^)[aeiouyhw]", ""), (r"^[aeiouy]", "a"), (r"(.)\1+", r"\1"),
)  # fmt: skip


@lru_cache(maxsize=20_000)
def sound(word: str) -> str:
    """Roughly how `word` sounds: its consonants, with those that are confused on the phone made equal."""
    for pattern, heard in _SPELLINGS:
        word = re.sub(pattern, heard, word)
    return word


@lru_cache(maxsize=20_000)
def roots(word: str) -> tuple[str, ...]:
    """The stems that `word` stands for; "can't" stands for two."""
    if word in _SHORT:
        return tuple(stem(part) for part in _SHORT[word].split())
    for ending, full in _ENDINGS.items():
        if word.endswith(ending) and word != ending:
            return stem(word.removesuffix(ending)), stem(full)
    if word in (
        "it's",
        "that's",
        "what's",
        "where's",
        "there's",
        "he's",
        "she's",
        "who's",
        "how's",
        "when's",
        "here's",
    ):
        return stem(word[:-2]), "be"
    return (stem(word),)


_MEANINGS: dict[str, set[int]] = {}
for _number, _group in enumerate(_GROUPS):
    for _word in _group.split():
        _MEANINGS.setdefault(stem(_word), set()).add(_number)


_OF_GROUP: dict[int, list[str]] = {}
for _word, _numbers in _MEANINGS.items():
    for _number in sorted(_numbers):
        _OF_GROUP.setdefault(_number, []).append(_word)


def kin(word: str) -> tuple[str, ...]:
    """The stems that mean much the same as the stem `word`."""
    groups = sorted(_MEANINGS.get(word, ()))
    return tuple(dict.fromkeys(other for group in groups for other in _OF_GROUP[group] if other != word))


NOT = "not"
PHRASAL = {tuple(map(stem, pair.split())): stem(root) for root, pairs in _PHRASAL.items() for pair in pairs}
FILLER_ROOTS = frozenset(stem(word) for word in FILLERS)
GREETING_ROOTS = frozenset(("hi", "hello", "good", "morning", "afternoon", "evening"))
COMMON_ROOTS = frozenset(root for word in COMMON for root in roots(word))
