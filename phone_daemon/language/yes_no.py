"""A yes or a no, in the many ways in which callers say it."""

from __future__ import annotations

from collections.abc import Sequence


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


_YES = _words(
    "yes yeah yep yup yea yah aye sure correct right ok okay fine definitely absolutely perfect exactly certainly "
    "great good lovely mhm affirmative brilliant wonderful excellent indeed precisely cool grand"
)
_NO = _words("no nope nah not wrong incorrect don't isn't doesn't didn't wasn't won't never nothing negative neither")
AROUND = _words(
    "please thanks thank you that's that is it it's sounds all everything problem for now mind the very much a i "
    "do would quite course of uh um er well oh else works me there just will be today this so sir madam then "
    "actually i'm i'd afraid sorry ah believe think think's cheers lot like love to really one hey"
)
"""Words that say nothing next to a yes or a no."""
_NO_SAID = (
    "that's all", "that is all", "that's everything", "that is everything", "of course not", "certainly not",
    "absolutely not", "definitely not", "not at all", "not really", "not quite", "no way", "i don't think so",
    "afraid not", "hold on no",
)  # fmt: skip
_YES_SAID = (
    "no problem", "not a problem", "no worries", "no that's right", "i don't mind", "all right", "that's all right",
    "that is all right", "why not", "of course", "go ahead", "go for it", "sounds good", "spot on", "that works",
    "works for me", "suits me", "you bet", "please do", "by all means", "i think so", "i guess so", "i suppose so",
    "that'll do", "that will do", "that would be great", "that'd be great", "that is right", "i believe so",
    "sure thing", "fine by me", "fine with me",
)  # fmt: skip
_YES_ALONE = ("i do", "i would", "it is", "i will")
"""A yes if nothing else is said, but not in "i do need another day"."""
_CONFIRMED = ("that's it", "that is it", "that's the one", "you got it", "you've got it", "that's what i said")
"""A yes in answer to "is that right?", elsewhere often a goodbye."""
YES_NO_EXAMPLES = (
    "yes", "yes please", "yeah", "yes that's right", "that's right", "that's correct", "correct", "sure", "okay",
    "that's fine", "yes it is", "yes thank you", "yep", "that's good", "yes i would", "sounds good", "that works",
    "perfect", "of course", "please do", "absolutely", "spot on", "go ahead",
    "yup", "yes yes", "oh yes", "um yes", "um yeah", "er yes", "yeah sure", "yeah okay", "yeah that's right",
    "yeah that's fine", "yeah please", "yes okay", "okay yes", "yes correct", "yes that's correct", "yes that's fine",
    "yes that's perfect", "yes go ahead", "yes please do", "yes i think so", "i think so", "yes i believe so",
    "i believe so", "i guess so", "i suppose so", "that is correct", "that is right", "right", "exactly",
    "exactly right", "precisely", "definitely", "certainly", "indeed", "great", "that's great", "that's perfect",
    "that's okay", "all right", "that's all right", "that would be great", "that would be fine", "that'd be great",
    "that'll do", "brilliant", "excellent", "wonderful", "fine by me", "that's fine by me", "fine with me",
    "works for me", "that works for me", "suits me", "that suits me", "by all means", "why not", "no problem",
    "you bet", "go for it", "sure thing", "uh huh", "mm hmm", "aye", "affirmative",
    "no", "no thanks", "no thank you", "nope", "that's wrong", "that's not right", "no that's wrong", "not quite",
    "no that's all", "no that's everything", "no nothing else", "that's all thank you", "never mind", "no it's not",
    "no it isn't", "that's not it", "not really", "nah", "uh no",
    "um no", "er no", "oh no", "well no", "no no", "no sorry", "no not at all", "not at all", "no not really",
    "no not quite", "no not that", "not that", "no i don't", "no i didn't", "no i don't think so", "i don't think so",
    "no i'm afraid not", "i'm afraid not", "no that's not right", "no that's not correct", "that's not correct",
    "no that's incorrect", "that's incorrect", "incorrect", "wrong", "no it's wrong", "it's not", "it isn't",
    "it is not", "that isn't right", "no way", "absolutely not", "definitely not", "certainly not", "of course not",
    "hold on no", "never", "negative", "uh-uh",
    *(f"{lead} {said}" for lead in ("ah", "oh", "um", "er", "well", "actually", "sorry")
      for said in ("yes", "yes please", "yeah", "no", "no thanks")),
)  # fmt: skip
"""What recognition is told to expect, and what the script understands."""
YES_NO_GOODBYES = (
    "no goodbye", "no thanks bye", "no thank you goodbye", "no that's all thank you", "no that's all thanks",
    "no that's all goodbye", "no that's all thank you goodbye", "that's all thank you goodbye", "thank you goodbye",
    "thank you very much goodbye", "thanks bye", "goodbye", "bye",
)  # fmt: skip
"""A no to "is there anything else?" that says goodbye, or a goodbye alone."""


def yes_or_no(words: Sequence[str], confirming: bool = False) -> str:
    """`yes`, `no`, or empty. A no outweighs a yes: "that's not right".

    `confirming`: whether the question was if something is right.
    """
    no, yes, rest = _taken_apart(words, confirming)
    if no or rest & _NO:
        return "no"
    # "Shall I cancel it?" "Please."
    alone = rest <= AROUND and ("please" in rest or " ".join(words).endswith(_YES_ALONE))
    return "yes" if yes or rest & _YES or alone else ""


def only_yes_or_no(words: Sequence[str], confirming: bool = False) -> bool:
    """Whether a sentence says yes or no and nothing else."""
    *_, rest = _taken_apart(words, confirming)
    return bool(yes_or_no(words, confirming)) and rest <= _YES | _NO | AROUND


def _taken_apart(words: Sequence[str], confirming: bool) -> tuple[bool, bool, frozenset[str]]:
    """Whether a sentence contains a phrase that means no, whether it contains one that means yes, and its other
    words."""
    sentence = f" {' '.join(words)} "
    turns = dict.fromkeys((*_YES_SAID, *(_CONFIRMED if confirming else ())), "yes") | dict.fromkeys(_NO_SAID, "no")
    found = set()
    # The longest come first, because "of course not" contains "of course".
    for turn in sorted(turns, key=len, reverse=True):
        if f" {turn} " in sentence:
            sentence = sentence.replace(f" {turn} ", " ")
            found.add(turns[turn])
    return "no" in found, "yes" in found, frozenset(sentence.split())
