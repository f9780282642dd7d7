"""Recognizes a yes or a no, in the many ways in which callers say it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache

from phone_daemon.language.verdicts import BAD, GOOD, denies, verdicts


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


_PLAINLY = _words("yes yeah yep yup yea yah aye ay sure ok okay mhm affirmative indeed uhuh")
_YES = _PLAINLY | _words("definitely absolutely totally exactly certainly precisely deal bingo") | GOOD
_NO = _words("no nope nah negative") | BAD
AROUND = _words(
    "please thanks thank you that's that is it it's sounds all everything problem for now mind the very much a i "
    "do would quite course of uh um er well oh else works me there just will be today this so sir madam then "
    "actually i'm i'd afraid sorry ah believe think think's cheers lot like love to really one hey and mm hm hmm "
    "my dear any ever yet hello hi miss no-one many ever nicely kind million bunch heaps "
    "from possibly help love mate ta bother bothered answered question"
)
"""Words that say nothing next to a yes or a no."""
_FOR_ME = r"(?: for)?(?: me| us)?"
_PRAISE = (
    r"(?:good|great|fine|perfect|right|lovely|okay|wonderful|excellent|brilliant|ideal|all right|correct|about right)"
)
_HOW = r"(?:(?!not\b)\w+ )?"
_THAT = r"(?:that|it|this|them|those|everything)"
_HAD_IN_MIND = (
    r"(?:said|meant|want(?:ed)?|need(?:ed)?|ask(?:ed)?|told you|had in mind|like"
    r"|was (?:after|thinking|looking for|hoping(?: for)?|told))"
)
_WANTED = rf"i(?:'ve| have|'d| had| would)? {_HAD_IN_MIND}"
_RIGHT = rf"(?:it|right|correct|true|what {_WANTED}|mine|me|good|any good|my \w+|the \w+)"
_HOLD_ON = r"(?:hold on|hang on|hold it|wait|stop|whoa)(?: (?:a|one|just a) \w+)?(?: (?:there|please))?"
_NEUTRAL = (
    "(?:don't|do not|not to|no need to) worry(?: about (?:it|that|a thing))?",
    "no (?:rush|hurry)",
    r"no need to (?!book|cancel|come|do|send)\w+(?: (?:it|that|anything))?",
    r"if (?:that's|it's|that is) (?:\w+ )?(?:okay|all right|fine|no trouble|possible)(?: with you)?",
    r"i (?:don't|do not|won't) need (?:anything|any more|any other\w*)(?: else| more| today| now)*",
    "i (?:don't|do not) know(?: about that)?",
    "(?<!not )(?:right|okay|good|sure|fine|great) (?:now|know|note)$",
)
"""Phrases that are neither a yes nor a no, despite their words. "Right now" is mostly a misheard "right, no"."""
_DECLINED = (
    rf"that(?: is|'s| was) (?:all|everything|the lot)(?! {_PRAISE})",
    "(?:that|it|this)(?:'ll| will| would| should) be (?:all|everything)",
    "that was (?:it|all|everything)",
    "no need",
)
"""Phrases that say that nothing more is wanted: a no, except after "is that right?"."""
_NO_SAID = (
    rf"(?:(?:absolutely|certainly|definitely) )?not (?:(?:really|quite|exactly|entirely|at all) )*what {_WANTED}",
    "that's (?:me|us) (?:done|finished)",
    "far from (?:it|that)",
    "not on your life",
    "i(?:'d| would) (?:much )?(?:rather|prefer it if) you (?:didn't|did not)",
    "i (?:very much |really )?doubt (?:it|that)",
    "i wish(?: it (?:was|were))?",
    "(?:not|nowhere) (?:even )?(?:close|near(?:ly)?)",
    "(?:almost|nearly|not yet|hardly|guess again|try again)$",
    r"(?:that|it|this)(?:'s|'d be| is| would be| will be|'ll be)? (?:a bit |a little |far |much |way )?too \w+"
    r"(?: (?:for (?:me|us)|in the \w+))?",
    "i (?:can't|cannot|can not|couldn't|won't) (?:possibly )?(?:do|make|manage) (?:that|then|those)",
    r"(?:could|should) (?:be|have been) (?:\w+ )?better",
    "(?:please )?(?:don't|do not) (?:do|book|cancel|change|send|put|confirm|touch)(?: (?:it|that|anything|me))*",
    "(?:no )?you(?:'re| are) (?:all right|okay|fine)",
    "(?:of course|certainly|absolutely|definitely|probably|sadly|unfortunately) not",
    "not at all",
    "not (?:really|quite|exactly|entirely)",
    "no (?:way|good|chance|use)",
    "i (?:don't|do not) think (?:so|that's right|that is right|it is|it's right)",
    "(?:i'm )?afraid (?:not|it isn't|it's not|that's wrong)",
    "^uh uh$",
    rf"no {_HOLD_ON}",
    rf"{_HOLD_ON} no",
    "i hope not",
    r"i (?:think|guess|suppose|believe|reckon|imagine|would say) (?:no|nope|nah|not)(?! (?:a )?(?:problem|worr\w+))",
    rf"(?:that|it|this)(?:'s not| is not| isn't| wasn't) {_RIGHT}",
    "not that(?: one)?",
    r"i never said (?:that|so|any\w+)",
    "(?:that|it|this) (?:can't|cannot|can not) be (?:right|correct|it)",
    rf"(?:that|it|this) (?:doesn't|does not|won't|wouldn't) (?:\w+ )?(?:work|suit|do|fit|help){_FOR_ME}",
    r"you(?:'ve| have)? (?:got|heard|have|had|taken|written|put) (?:\w+ ){0,3}wrong",
    r"you(?:'ve| have)? (?:mis\w+)(?: me)?",
    "you (?:didn't|did not) (?:hear|get|understand) (?:me|that|it)(?: right| correctly)?",
    "i said (?:something|anything|somewhere) else",
    "i(?:'d| would)? rather not",
    "i(?:'d| would) prefer not to",
    r"i (?:\w+ )?(?:don't|do not) (?:\w+ )?(?:want|like) (?:to|that|it)",
    "i (?:do not|would not|will not)",
    "thanks but no",
    "(?:yes|yeah) no",
)
_YES_SAID = (
    "no problem(?: at all)?",
    "(?:it's |that's )?not a problem(?: at all)?",
    "no worries(?: at all)?",
    "(?:oh )?go on(?: then)?(?= |$)",
    r"(?:(?:ca|could|would)n't|cannot|(?:can|could|would) not) "
    r"(?:\w+ ){0,5}(?:better|happier|nicer|any other way)(?: time| day| one)?",
    "(?:that's|it's|that is) (?:much |a lot |even )?better",
    "wouldn't say no",
    "right you are",
    "too right",
    "okey dokey",
    "(?:yes )?you(?:'ve| have)? hit the nail on the head",
    "if you (?:could|would|can|will|like|don't mind|wouldn't mind|please|wouldn't)",
    "(?:i (?:should|would)|i'd) (?:think|say|imagine|hope) so",
    "no doubt",
    "i insist",
    "(?:i'd|i would) be (?:delighted|glad|grateful)(?: to)?",
    rf"(?:no )+(?:yes |yeah )?(?:that's|that is|it's|it is|you're|you are) (?:all |quite |perfectly )?{_PRAISE}",
    rf"i (?:don't|do not|wouldn't|would not|won't) mind(?: (?:at all|{_THAT}))?",
    "all right",
    rf"(?:that's|that is) all {_PRAISE}",
    rf"all {_PRAISE}",
    "i (?:don't|can't) see why not",
    "why (?:ever )?not",
    "of course",
    "go (?:right |straight )?ahead(?: (?:and|with) .*)?",
    "go for (?:it|that)",
    rf"{_THAT}? ?sounds {_HOW}{_PRAISE}(?: to me)?",
    "spot on",
    "bang on",
    rf"{_THAT} {_HOW}(?:works|suits|fits|does)(?: (?:well|fine|nicely|perfectly|great))?{_FOR_ME}",
    "(?:works|suits)(?: (?:well|fine|nicely|perfectly))? (?:for me|for us|me|us)",
    "down to the ground",
    "you bet",
    "please do(?: that| it| so)?",
    "by all means",
    "i (?:think|guess|suppose|believe|reckon|imagine|hope|would say)(?: so)?",
    rf"{_THAT}(?:'ll| will| should) (?:do|be)(?: (?:me|nicely|fine|it))?",
    rf"{_THAT}(?:'d| would| should) be {_HOW}{_PRAISE}",
    "sure thing",
    "(?:fine|okay|good|great) (?:by|with|for) me",
    "could(?:n't| not) (?:be better|ask for (?:more|better))",
    "(?:i )?can't complain",
    rf"nothing wrong with {_THAT}",
    rf"(?:let's|let us|we can|we'll|i'll|i will|i can) (?:do|go with|say|have|take|leave it at|keep) {_THAT}",
    rf"(?:i'm|i am|i'd be|we're) {_HOW}(?:happy|fine|okay|good|pleased|all right) (?:with|about) {_THAT}",
    r"you(?:'ve| have)? (?:heard|understood|got|have|read)(?: me| it| that)? (?:\w+ )?(?:right|\w+ly|well)",
    r"you(?:'re| are) {_HOW}(?:right|correct)",
    "it (?:certainly|definitely|really|sure|absolutely) (?:is|does)",
    r"(?:those|these|they) are (?:the )?(?:\w+ )?(?:right|correct) ?(?:ones|digits|numbers)?",
    "ten out of ten",
    "count me in",
    "i'll take (?:it|that)",
    "that's (?:me|us)(?! done| finished| sorted)",
    "hundred percent",
    "you could say that",
)
_YES_ALONE = ("i do", "i would", "it is", "i will", "there is", "i have", "it does", "you may", "you can", "we do")
"""Phrases that are a yes if nothing else is said, but not in "i do need another day"."""
_CONFIRMED = (
    rf"(?:that's|that is|that was|it's|it is|this is) (?:exactly |precisely |just |indeed )?what {_WANTED}(?: for)?",
    "(?:that's|that is|that was|it's|it is|this is) (?:exactly |indeed )?(?:it|mine|how i want it|what it says)",
    "(?:that's|that is|that was|it's|it is|this is) the (?:right |correct )?(?:one|number|day|time|date)",
    rf"(?:exactly |just |precisely )?(?:what|as) {_WANTED}",
    "you(?:'ve| have)? got it",
    "you have it",
    "got it in one",
    "that's my (?:number|name|day)",
    rf"(?:put|mark|write) me (?:down|in)(?: for {_THAT})?",
    rf"(?:book|confirm|arrange|do|keep) (?:{_THAT}|me in)",
    "(?:i'd|i would) (?:like|love) that",
)
"""Phrases that answer yes to "is that right?", and elsewhere are often a goodbye."""
_CLOSED = (
    r"(?:i'm|i am|we're|we are) (?:\w+ )?(?:good|fine|okay|done|finished|sorted|set|happy|all right|off)(?: here)?",
    "(?:that's|that is|that was) (?:it|me|us|about it|that)(?: (?:sorted|done))?",
    "not (?:right now|at the moment|today|for now|just now|now|yet|that i can think of|this time)",
    "nothing (?:else|more|further|at the moment|for now|right now|today|that i can think of)",
    r"you(?:'ve| have) been (?:\w+ )?(?:helpful|kind|great)(?: thank you| thanks)?",
    "(?:that'll|that will|that should|that would) do(?: it| me)?",
    "i(?:'ve| have) (?:got )?(?:all|everything) i (?:need|needed|wanted)",
    r"(?:i )?(?:can't|cannot|can not) think of (?:anything|any more|any other\w*)(?: else| more| right now)*",
    r"i (?:don't|do not) need (?:anything|any more|any other\w*)(?: else| more| today| now)*",
    rf"{_THAT} {_WANTED}",
    "all (?:done|sorted|set|good|fine)(?: here| now| thanks)?",
)
"""Phrases that answer no to "is there anything else?"."""
_MORE = (
    "(?:i(?:'ve| have) (?:got )?|there(?:'s| is) )?(?:just )?(?:one|another|a|some) ?"
    "(?:more |other |last |final |quick )?"
    "(?:thing|question|something else)(?: else| more)?(?: (?:actually|please))?",
)
"""Phrases that answer yes to it."""
_BUT = frozenset(("but", "except", "only"))
_AT_ALL = re.compile(
    r"""(?:(?:oh|no|well|sorry|actually|okay|right|um|uh|er|ah|you\ know\ what|just|please|then|look|yeah|hm)\ )*
    (?:forget\ (?:it|that|about\ (?:it|that)|the\ whole\ thing)|never\ mind(?:\ (?:that|it|then))?
    |leave\ it|let's\ (?:leave\ it|not)
    |drop\ it|don't\ (?:bother|worry)(?:\ about\ (?:it|that))?|not\ any\ ?more|i(?:'ve|\ have)?\ changed\ my\ mind
    |(?:i|we)\ (?:don't|do\ not)\ (?:want|need)(?:\ (?:to|it|that|this|one))*(?:\ (?:any\ ?more|after\ all|now))?
    |(?:i'd|i\ would)\ rather\ not|on\ second\ thoughts?\ no
    |scrap\ (?:that|it)(?:\ i\ don't\ (?:need|want)\ (?:it|that))?)
    (?:\ (?:please|thanks|thank\ you|then|sorry|actually|after\ all|for\ now|it's\ fine|it's\ okay))*""",
    re.VERBOSE,
)
YES_NO_EXAMPLES = (
    "yes", "yes please", "yeah", "yes that's right", "that's right", "that's correct", "correct", "sure", "okay",
    "that's fine", "yes it is", "yes thank you", "yep", "that's good", "yes i would", "sounds good", "that works",
    "perfect", "of course", "please do", "absolutely", "spot on", "go ahead",
    "mhm", "yup", "yes yes", "oh yes", "um yes", "um yeah", "er yes", "yeah sure", "yeah okay", "yeah that's right",
    "yeah that's fine", "yeah please", "yes okay", "okay yes", "yes correct", "yes that's correct", "yes that's fine",
    "yes that's perfect", "yes go ahead", "yes please do", "yes i think so", "i think so", "yes i believe so",
    "i believe so", "i guess so", "i suppose so", "that is correct", "that is right", "right", "exactly",
    "exactly right", "precisely", "definitely", "certainly", "indeed", "great", "that's great", "that's perfect",
    "that's okay", "all right", "that's all right", "that would be great", "that would be fine", "that'd be great",
    "that'll do", "brilliant", "excellent", "wonderful", "fine by me", "that's fine by me", "fine with me",
    "works for me", "that works for me", "suits me", "that suits me", "by all means", "why not", "no problem",
    "you bet", "go for it", "sure thing", "uh huh", "mm hmm", "aye", "affirmative", "fine", "good", "lovely", "super",
    "cool", "fantastic", "ideal", "splendid", "true", "agreed", "confirmed", "totally", "okay then", "all right then",
    "go on then", "it is", "i do", "i would", "please", "oh yeah", "okay great", "that works",
    "no", "no thanks", "no thank you", "nope", "that's wrong", "that's not right", "no that's wrong", "not quite",
    "no that's all", "no that's everything", "no nothing else", "that's all thank you", "never mind", "no it's not",
    "no it isn't", "that's not it", "not really", "nah", "uh no",
    "um no", "er no", "oh no", "well no", "no no", "no sorry", "no not at all", "not at all", "no not really",
    "no not quite", "no not that", "not that", "no i don't", "no i didn't", "no i don't think so", "i don't think so",
    "no i'm afraid not", "i'm afraid not", "no that's not right", "no that's not correct", "that's not correct",
    "no that's incorrect", "that's incorrect", "incorrect", "wrong", "no it's wrong", "it's not", "it isn't",
    "it is not", "that isn't right", "no way", "absolutely not", "definitely not", "certainly not", "of course not",
    "hold on no", "wait no", "never", "negative", "uh-uh", "nuh-uh", "uh uh", "not exactly", "not today", "don't",
    "no don't", "please don't", "i don't", "that's the wrong one", "no chance", "no good",
    *(f"{lead} {said}" for lead in ("ah", "oh", "um", "er", "well", "actually", "sorry")
      for said in ("yes", "yes please", "yeah", "no", "no thanks")),
)  # fmt: skip
"""The phrases that recognition is told to expect, all of which the script understands."""
YES_NO_GOODBYES = (
    "no goodbye", "no thanks bye", "no thank you goodbye", "no that's all thank you", "no that's all thanks",
    "no that's all goodbye", "no that's all thank you goodbye", "that's all thank you goodbye", "thank you goodbye",
    "thank you very much goodbye", "thanks bye", "goodbye", "bye",
)  # fmt: skip
"""A no to "is there anything else?" with a goodbye, or a goodbye alone."""


def yes_or_no(words: Sequence[str], confirming: bool = False, closing: bool = False) -> str:
    """`yes`, `no`, or empty. Whole sentences outweigh a mere yes or no, and later words outweigh earlier ones: "no,
    that's fine" is a yes, and "yeah, that's not right" is a no.

    `confirming`: whether the question was "is that right?"; `closing`: whether it was "is there anything else?".
    """
    return _judged(tuple(words), confirming, closing)[0]


def only_yes_or_no(words: Sequence[str], confirming: bool = False, closing: bool = False) -> bool:
    """Whether a sentence says only yes or no."""
    answer, only = _judged(tuple(words), confirming, closing)
    return bool(answer) and only


def gives_up(words: Sequence[str]) -> bool:
    """Whether a sentence only says that the subject of the conversation is not wanted after all."""
    return _AT_ALL.fullmatch(" ".join(words)) is not None


def _pattern(alternatives: Sequence[str]) -> re.Pattern[str]:
    return re.compile(rf"(?<!\S)(?:{'|'.join(alternatives)})(?!\S)")


_NEUTRAL_PATTERN = _pattern(_NEUTRAL)
_NO_PATTERN = _pattern(_NO_SAID)
_CLOSED_PATTERN = _pattern(_CLOSED)
_MORE_PATTERN = _pattern(_MORE)
_DECLINED_PATTERN = _pattern(_DECLINED)
_YES_PATTERN = _pattern(_YES_SAID)
_CONFIRMED_PATTERN = _pattern(_CONFIRMED)
_DENIED = re.compile(r"(?<!\S)(?:i )?(?:\w+n't|not|cannot)(?: really| quite)? \+yes")
_WORD, _LOOSE, _WHOLE = 1, 2, 3
"""The weight of an answer that is a single word, a negation of something, or a whole sentence."""


@lru_cache(maxsize=2_000)
def _judged(words: tuple[str, ...], confirming: bool, closing: bool) -> tuple[str, bool]:
    """The answer, and whether nothing else was said."""
    if gives_up(words):
        return "no", True
    parts = _marked(" ".join(words), confirming, closing)
    said = [(_WHOLE if part[0] == "+" else _WORD, part[1:], at) for at, part in enumerate(parts) if part[0] in "+~"]
    judged = verdicts(parts)
    held = {at for each in judged for at in range(each.start, each.end)}
    said += [(_WHOLE if each.whole else _WORD, each.answer, each.end - 1) for each in judged]
    rest = [(at, part) for at, part in enumerate(parts) if at not in held and part[0] not in "+~"]
    for at, word in rest:
        if word in _YES or word in _NO or denies(word):
            said.append((_LOOSE if denies(word) else _WORD, "yes" if word in _YES else "no", at))
    others = [word for _, word in rest]
    plain = all(word in _YES or word in _NO or word in AROUND or denies(word) for word in others)
    alone = not said and AROUND.issuperset(others)
    asked_again = "sorry" in others  # "Sorry, please" is rather "Pardon?".
    if alone and (("please" in others and not asked_again) or " ".join(words).endswith(_YES_ALONE)):
        return "yes", True  # "Shall I cancel it?" "Please."
    if not any(answer for _, answer, _ in said):
        return "", False
    after_but = [at for at, word in rest if word in _BUT]
    weighed = [(_WHOLE if after_but and at > after_but[0] else weight, at, answer) for weight, answer, at in said]
    answer = max(each for each in weighed if each[2])[2]
    if answer == "yes" and confirming and after_but and not all(word in _BUT or _empty(word) for word in others):
        return "no", False  # "Yes, but later" does not say that it is right.
    if answer == "yes" and closing and "+yes" not in parts[1:] and _leaving(words):
        return "no", plain
    return answer, plain or all(word in _BUT or _empty(word) for word in others)


def _empty(word: str) -> bool:
    return word in _YES or word in _NO or word in AROUND or denies(word)


def _leaving(words: Sequence[str]) -> bool:
    """Whether a yes to "is there anything else?" is mere praise: "that's great, thank you"."""
    wants = ("yes", "yeah", "yep", "yea", "please", "sure", "mhm", "aye", "else", "more", "another", "question")
    return set(words).isdisjoint(wants) and (len(words) > 1 or words[0] in GOOD - {"right", "okay", "fine"})


def _marked(sentence: str, confirming: bool, closing: bool) -> list[str]:
    """The words of `sentence`, in which `+yes`, `+no` or `~no` stands for each phrase that means so."""
    patterns = [] if closing else [("", _NEUTRAL_PATTERN)]
    patterns += [(" +no ", _CLOSED_PATTERN), (" +yes ", _MORE_PATTERN)] if closing else []
    # "No, that's right" is a yes, and "of course not", which contains "of course", is a no.
    patterns += [(" ~no " if confirming else " +no ", _DECLINED_PATTERN), (" +no ", _NO_PATTERN)]
    patterns += [(" +yes ", _YES_PATTERN)]
    patterns += [(" +yes ", _CONFIRMED_PATTERN)] if confirming else []
    for mark, pattern in patterns:
        sentence = " ".join(pattern.sub(mark, sentence).split())
    return _DENIED.sub("+no", sentence).split()
