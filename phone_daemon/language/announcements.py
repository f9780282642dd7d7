"""Recognizes the announcements of queues and mailboxes: recordings that need no answer. English.

Such a recording speaks for an office ("all our agents") to whoever is waiting ("your call") about waiting, answering,
and connecting. Callers talk about themselves, ask, and request. So a sentence is an announcement if it has a phrase of
the first kind and none of the second.
"""

from __future__ import annotations

import re

from phone_daemon.language.numbers import UNITS

_STAFF = (
    "(agent|representative|operator|advis[eo]r|consultant|colleague|specialist|expert|assistant|associate|attendant"
    "|staff|team)s?"
)
_WAIT = "(wait(ing)?|weight|hold(ing)?)"
_ROUGH = "(current|estimated|expected|approximate|average|remaining)"
_PLACE = r"(first|second|third|fourth|fifth|next|last|number \w+)"
_BUSY = (
    "(busy|engaged|in use|unavailable|(assist|help|serv|speak|talk)ing|(on|with) (other|another|you|the phone)|tied up)"
)
_KINDS = {
    "what becomes of the call": (
        r"your (call|calling|calls|custom|patience) (is|are|has|have|will|may|might|cannot|means|matters)\b",
        "(calls?|line|conversation) (is|are|may|might|will) (be(ing)? )?(now )?(recorded|monitored)",
        "calls? (is|are|may|might|will) (be(ing)? )?(now )?(transferred|forwarded|connected|answered)",
        r"(answer|assist|help|connect|serve|take|get to|be (right )?with) (you|your call)"
        r" (shortly|momentarily|soon|as |in (a|just|the order)\b)",
        "(connect|transfer|forward|reach|locate|put)(ting|ring|ing)? (your call|your party|that extension)",
        r"we are (\w+ ){0,2}(connecting|transferring|putting) you\b",
        "you (will be|are being) (connected|transferred|forwarded|called|assisted|served|helped)",
        rf"{_STAFF} will (be (right )?with|take your|help you|assist|answer|call you)\b",
        "your business is (very )?important",
        r"^(sorry for the \w+ )?we will be (right )?with you\b",
        r"(answer\w*|received|take|taking) your call\b",
        "in the order (in which|that|received|they)",
        "^(connecting|transferring)($| (now|you|please))",
        r"trying to (connect|reach) (you|the)\b",
        "to (help )?improve (our|the) service",
        "(training|quality) (and (training|quality)|assurance|purposes)",
        "(your|the called) party (is|cannot)",
    ),
    "how long the wait is": (
        rf"{_ROUGH} {_WAIT}\b",
        "^(estimated|remaining) time",
        rf"^(your |the )?{_WAIT} times? (is|are|may|will)\b",
        rf"^{_WAIT} time\b",
        rf"\byour ({_ROUGH} )?{_WAIT} (time )?(is|will)",
        "^calls? waiting$",
        r"^(calls? )?waiting to speak\b",
        rf"^(still )?(waiting|holding) for (the next|an? (\w+ )?{_STAFF})",
        rf"you are (\w+ )?(the )?{_PLACE} (in|on|caller)\b",
        r"you are (\w+ )?(caller number|on hold|in (a|the|our) queue)",
        r"^caller number",
        r"^you (are|will be) (\w+ )?next$",
        r"\bthe (wait|queue) (for|at|is)\b.* minutes?\b",
        rf"(position|place|{_PLACE}) in (the |our )?(queue|line)\b",
        r"(callers?|calls) (\w+ )?(ahead|before|in front|waiting|in line)",
        "people (ahead|in front) of you",
        r"(wait\w*|times?|volumes?|answer|calls|callers)( \w+){0,3} than (usual|normal)",
        "high (call volume|number of calls)",
        r"experiencing .*\b(volumes?|calls|demand)\b",
        r"(heavy|high|unusual(ly)?) (\w+ )?(call )?(volumes?|demand)",
    ),
    "who cannot answer now": (
        rf"(of|all|our) (our )?(\w+ ){{0,2}}({_STAFF}|lines)( \w+){{0,3}} {_BUSY}\b",
        rf"(every|all) (lines?|circuits) (is|are)( \w+)? {_BUSY}\b",
        rf"(next|first) (free|available) ({_STAFF}|person|one|member)\b",
        rf"next {_STAFF} (is|who|will)",
        "(assist|help|serv|speak|talk)ing (with |to )?(other|another)",
        rf"no {_STAFF} (is |are )?(\w+ )?(free|available)",
        "(no one|nobody) is available (to take|right now|at (the|this))",
        r"our (\w+ )?(menu|options|lines) (is|are|have|has)\b",
        r"our (\w+ )?(hours|office hours|offices?) (is|are) (currently|now|closed)\b",
        "our (business|office|opening) hours are",
        "^(our|the) (switchboard|offices?|lines) (is|are) (currently |now )?closed",
        "speak(ing)? (to|with) one of our",
        "^the (number|person|party|subscriber|customer|extension|mailbox) (that )?you"
        r"( are| have| dial\w+| call\w+| want to reach| wish)\b",
        r"^the mailbox\b.* (is|full)\b",
        "call cannot be completed",
        "^you have (dial+ed|reached (the|our|an?) (?!wrong))",
        "the (conference|meeting) (will (begin|start) when|has not)",
        "we are (currently|now) (closed|very busy)",
    ),
    "what to do": (
        rf"(please|kindly|just) (continue (to )?|keep )?{_WAIT}"
        r" (the line|for (the|an?|our|one)|and (your|we|one|an?|the|some)|while|until|or)\b",
        r"(stay|remain|hold|wait)(ing)? (on (the line|hold)|the line) (and|while|until|for)\b",
        "(please|kindly|just) (stay|remain) (on (the )?(line|hold)|connected)",
        rf"^to (keep|continue) {_WAIT}",
        "please (leave a message|bear with us|listen carefully|(do not|don't) hang up|stand by)",
        "continue to (hold|wait)",
        r"please (have|keep) your (\w+ )?(number|card|details|account)\b",
        "while your call is",
        r"while (i|we) (try|connect|locate|transfer|put)\b",
        "please try (your call )?again later",
        rf"(press|dial) (the )?(start?|pound|hash|{'|'.join(UNITS)}|\d)\b",
        r"leave (your|us a) (\w+ )?(message|name|number)",
        "record your (message|name)",
        "(at|after) the (tone|beep)",
        r"(visit|see|on|at|use|try) our (\w+ )?(website|site|page|app|service)\b",
    ),
    "thanks and regrets": (
        "(thank you|thanks) (again |so much |very much )?for (holding|waiting|choosing|staying|sticking|bearing)",
        r"for your (\w+ )?patience|(thank you|thanks) for your (\w+ )?(understanding|call)",
        r"^(hello |and )*(thank you|thanks) for calling($| (the|our|all)\b)",
        r"welcome to (the|our)\b",
        r"we (are )?sorry (to keep you|that you\b|for (the|this|any) (\w+ )?(delay|wait|inconvenience))",
        r"^(we )?apolog\w+ for (the|this|any) (\w+ )?(delay|wait|inconvenience)",
        "we (value|appreciate) your",
        "we know your time",
        r"we look forward to (serv|help|assist)\w+ you",
    ),
}
_ANNOUNCEMENT = re.compile("|".join(rf"\b({phrase})" for phrases in _KINDS.values() for phrase in phrases))
_CALLER = re.compile(
    r"(?<!while )\bi\b|\b(i'm|i'd|i've|i'll|my|me|mine|stop|wrong|slow(er|ly)|repeat|actually)\b"
    r"|^((um|uh|so|well|and|okay|yes|no|but|sorry|hello) )*"
    r"(wh(at|ere|en|ich|o|y)|how|can|could|would|will|do|does|did(?! you know)|is|are|was|should|has|shall|let)\b"
)
"""Phrases that callers say: about themselves, about what they hear, and questions."""
_OPENINGS = (
    r"(we|our|your)\b",
    "you (are|have|will|may)",
    "(thank you|thanks) for(?! your help| calling (me|us|back))",
    f"(all|every|each|one|most|many) (of |our |line|{_STAFF})",
    "(this|these|calls?) (is|are|may|might|will|wai|call|line)",
    "please (hold|wai|sta|rem|cont|be|lis|do|not|leav|hav|vis|press|kee|rec|try|che|dial|ent|sel)",
    "(record|leave|press|dial|visit|use|ask|try|save) (your|our|an?|the|one|us|time)",
    "there (are|is)",
    "did you know",
    "the (next|call|num|subs|pers|party|cust|ext|curr|esti|exp|aver|appr|wai|hol|conf|off|mailb)",
    "due to",
    "because of",
    "unfortunately",
    _ROUGH,
    "currently",
    "at (present|the (moment|tone)|this time)",
    "welcome",
    "to (leave|continue|keep|reach|hear|speak|be|return|help)",
    "for (faster|more|all|other|quality|security|your|english|training)",
    r"if (you|this)\b",
    "as a",
    "after the",
    r"(connecting|transferring|holding|waiting|position)\b",
    "(hold|wait) (time|for)",
    rf"(no|an?) (\w+ )?{_STAFF}",
)
"""Beginnings of sentences that an office says rather than a caller."""
_OFFICE = re.compile(f"({'|'.join(_OPENINGS)})")
OPENING = 8
"""After this many words, a sentence that began as an announcement must be one."""
_SENTENCES = re.compile(r"(?<=[.!?])\s+")


def apart_from_announcements(text: str) -> str:
    """The sentences of `text` that come from a caller. Among announcements an office may also say other things, so
    there a sentence counts only if an office would not say it."""
    before, since = _parted(text)
    after = [each for each in since if _CALLER.search(_plain(each)) and not _announces(each)]
    return " ".join([*before, *after]) if since else text


def _parted(text: str) -> tuple[list[str], list[str]]:
    """The caller's sentences before the first announcement, and all sentences from there on, if there is one."""
    sentences = _SENTENCES.split(text)
    first = next((at for at, each in enumerate(sentences) if _announces(each)), len(sentences))
    return [each for each in sentences[:first] if not opens_as_office(each)], sentences[first:]


def begins_announcement(text: str, *, over: bool = True) -> bool:
    """Whether `text` is an announcement or begins one. Two words are enough for a beginning: if a caller begins in that
    way, their next words will soon show it. If `text` is not `over`, its last word may be incomplete, and need not
    fit."""
    words = _plain(text).split()
    known = words if over or len(words) <= 2 else words[:-1]
    # A word that is being said may well be misheard as a caller's "I", or as a question.
    before, since = _parted(text.replace("?", "."))
    return bool(since and not before) or (2 <= len(words) <= OPENING and opens_as_office(" ".join(known)))


def opens_as_office(text: str) -> bool:
    """Whether `text` begins like an office's sentences and contains nothing that callers say."""
    said = _plain(text)
    return _OFFICE.match(said) is not None and _CALLER.search(said) is None


def _announces(sentence: str) -> bool:
    said = _plain(sentence)
    asks = sentence.endswith("?") and not said.startswith("did you know")
    return not asks and _ANNOUNCEMENT.search(said) is not None and _CALLER.search(said) is None


def _plain(text: str) -> str:
    said = " ".join(re.findall(r"[^\W_]+(?:'[^\W_]+)?", text.casefold().replace("’", "'")))
    return _SHORTENED.sub(lambda short: f"{short[1]} {_WHOLE[short[2]]}", said)


_WHOLE = {"re": "are", "ll": "will", "ve": "have"}
_SHORTENED = re.compile(r"\b(we|you|they)'(re|ll|ve)\b")
