"""What callers of the recorded fixtures say, in endless variation: the text that the tiny model is trained on.

Two thirds are sentences: the phrases of the dialplans with their slots filled, days, dates, times, digits, spelled
words, small talk. The rest are the same words in no order, so that a model cannot guess what it has not heard. Pure.
"""

from __future__ import annotations

import random
import re
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent
DIGITS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
TEENS = ("ten", "eleven", "twelve", "thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen")
TENS = ("twenty", "thirty", "forty", "fifty")
DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
MONTHS = (
    "january", "february", "march", "april", "may", "june",
    "july", "august", "september", "october", "november", "december",
)  # fmt: skip
ORDINALS = (
    "first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth", "ninth", "tenth", "eleventh",
    "twelfth", "thirteenth", "fourteenth", "fifteenth", "twentieth", "twenty first", "twenty second", "thirtieth",
)  # fmt: skip
PLACES = (
    "front door", "door", "my door", "to the door", "at home", "home", "house", "neighbor", "a neighbor", "my neighbor",
    "next door", "shop", "store", "parcel shop", "pick it up", "collect it", "pick up", "counter",
)  # fmt: skip
ANSWERS = (
    "yes", "no", "yes please", "no thank you", "yes that's right", "that's right", "no that's wrong", "yes it is",
    "no it isn't", "correct", "that's correct", "no that's all", "that's all", "yes that is right", "okay", "sure",
    "right", "no not that", "yes exactly", "wrong", "no that's all thank you goodbye", "thank you goodbye",
    "no thank you goodbye", "thank you very much goodbye", "yes goodbye",
)  # fmt: skip
CHAT = (
    "[hello|hi] this is (john|mary|peter|anna|tom|susan|david|sarah) [speaking]",
    "my name is (john|mary|peter|anna|tom|susan|david|sarah|smith|brown|jones|taylor)",
    "(please|can you|could you) (call|ring|phone) me back (on|) {day}",
    "i have a question about my (appointment|parcel|message|order|bill) [(on|for) {day}]",
    "i would like to know (what time you (close|open)|when you are open|if you are open) (on {day}|)",
    "(please|could you) (tell|ask|give) the (dentist|doctor|driver) (to call me|that i will be late|a message)",
    "i (will|can|might|may) be (a little|ten minutes|half an hour|very) late",
    "(it|that) is (fine|okay|good|great|too early|too late|better|perfect)",
    "the weather is (good|bad|nice|terrible) today",
    "(how|where) are you [today]",
    "is (the dentist|the doctor|anybody|somebody) (in|there|free) (today|tomorrow|now|{day})",
    "(my|the) (tooth|address|phone number|telephone number|door) is (wrong|broken|new|on the card|{digits})",
    "can i (pay|come|start|wait) (here|there|later|at home|with a card)",
    "the last time i (called|was there|came in) (nobody|no one|somebody) (was there|answered|helped me)",
    "(so|well|and|but|okay|um|actually) {phrase}",
    "{answer} {phrase}",
    "no (on {day}|{time}|i said {day}|i said {time}|not {day} [but] {day})",
    "could it be (earlier|later|in the morning|in the afternoon|another day) [please]",
    "my (children|wife|husband|son|daughter|mother|father) (needs|has|wants) (an appointment|a filling|a checkup)",
)
FIXTURE_SHARE = 0.06
"""Of the sentences that the recorded callers say. Only their text is used, never their recordings."""
Kinds = tuple[tuple[str, float], ...]
"""Of utterances, and how often each."""
KINDS: Kinds = (
    ("phrase", 0.30),
    ("fixture", FIXTURE_SHARE),
    ("chat", 0.10),
    ("slot", 0.12),
    ("digits", 0.08),
    ("letters", 0.02),
    ("shuffled", 0.32),
)
SENTENCES: Kinds = KINDS[:-1]
SHUFFLED: Kinds = KINDS[-1:]
JOINED = 0.12
"""Of the sentences, those followed by another without a pause."""

_TOKEN = re.compile(r"[\[\]()|]|\{\w+\}|[\w']+")


class Corpus:
    """Utterances drawn at random: lower case, words and apostrophes only."""

    def __init__(self, seed: int, root: Path = ROOT) -> None:
        self._random = random.Random(seed)
        self._phrases = _caller_phrases(root)
        self._fixtures = _fixture_words(root)
        self._slots: dict[str, Callable[[], str]] = {
            "day": self._day,
            "booked_day": self._day,
            "time": self._time,
            "number": lambda: self._digits(8),
            "digits": lambda: self._digits(self._random.randint(1, 8)),
            "place": lambda: self._pick(PLACES),
            "answer": lambda: self._pick(ANSWERS),
            "phrase": self._phrase,
        }
        self._words = self._vocabulary()

    @property
    def vocabulary(self) -> tuple[str, ...]:
        """Every word that may come up."""
        return self._words

    def __iter__(self) -> Iterator[str]:
        while True:
            yield self.sentence()

    def sentence(self, kinds: Kinds = KINDS) -> str:
        names, weights = zip(*kinds, strict=True)
        kind = self._random.choices(names, weights)[0]
        if kind == "shuffled":
            return self.shuffled()
        text = self._of_kind(kind)
        if self._random.random() < JOINED:
            text = f"{text} {self._of_kind('phrase' if self._random.random() < 0.5 else 'slot')}"
        return text

    def shuffled(self) -> str:
        """Words in no order: half drawn evenly from all, half those of two sentences."""
        if self._random.random() < 0.5:
            words = self._random.choices(self._words, k=self._random.randint(1, 9))
        else:
            words = f"{self._phrase()} {self._of_kind('chat')}".split()
            self._random.shuffle(words)
            words = words[: self._random.randint(2, 10)]
        return " ".join(words)

    def _of_kind(self, kind: str) -> str:
        if kind == "phrase":
            return self._phrase()
        if kind == "fixture":
            return self._pick(self._fixtures)
        if kind == "chat":
            return self.say(self._pick(CHAT))
        if kind == "digits":
            return self._digits(self._random.choice((1, 2, 3, 4, 4, 5, 6, 7, 8, 8)))
        if kind == "letters":
            return " ".join(self._random.choices("abcdefghijklmnopqrstuvwxyz", k=self._random.randint(1, 6)))
        return self._slots[self._random.choice(("day", "time", "place", "answer", "day", "time"))]()

    def _phrase(self) -> str:
        return self.say(self._pick(self._phrases))

    def say(self, pattern: str) -> str:
        """One of the sentences that a pattern stands for: `[left out]`, `(one|other)`, `{slot}`."""
        tokens = _TOKEN.findall(pattern)
        words, _ = self._walk(tokens, 0)
        return " ".join(words)

    def _walk(self, tokens: list[str], at: int) -> tuple[list[str], int]:
        """Words of one alternative from `at` up to what closes it, and where that stands."""
        alternatives: list[list[str]] = [[]]
        while at < len(tokens) and tokens[at] not in ("]", ")"):
            token = tokens[at]
            if token == "|":
                alternatives.append([])
            elif token in ("[", "("):
                inner, at = self._walk(tokens, at + 1)
                if token == "(" or self._random.random() < 0.5:
                    alternatives[-1] += inner
            elif token.startswith("{"):
                alternatives[-1].append(self._slots[token[1:-1]]())
            else:
                alternatives[-1].append(token)
            at += 1
        return self._random.choice(alternatives), at

    def _day(self) -> str:
        return self.say(
            self._pick(
                (
                    f"[on] {self._pick(DAYS)}",
                    f"[on] {self._pick(DAYS)}",
                    f"[on] {self._pick(DAYS)} (morning|afternoon|evening)",
                    f"(next|this|on|for|not) {self._pick(DAYS)}",
                    "(today|tomorrow|[on] the day after tomorrow|next week|this week|next month)",
                    f"[on] {self._pick(MONTHS)} [the] {self._pick(ORDINALS)}",
                    f"[on] the {self._pick(ORDINALS)} [of {self._pick(MONTHS)}]",
                    f"[on] {self._pick(DAYS)} the {self._pick(ORDINALS)}",
                )
            )
        )

    def _time(self) -> str:
        hour = self._pick((*DIGITS[1:], *TEENS[:3]))
        minutes = self._pick((*TEENS, *TENS, "oh five", "twenty five", "forty five", "thirty five"))
        return self.say(
            self._pick(
                (
                    f"[at] {hour} o'clock",
                    f"[at] half past {hour}",
                    f"[at] [a] quarter (past|to) {hour}",
                    f"[at] {self._pick(('five', 'ten', 'twenty', 'twenty five'))} (past|to) {hour}",
                    f"[at] {hour} {minutes}",
                    f"[at] {hour} [o'clock] (in the (morning|afternoon|evening)|please|)",
                    "[at] (noon|midday|in the morning|in the afternoon|any time)",
                )
            )
        )

    def _digits(self, count: int) -> str:
        words = [
            self._pick(("zero", "oh")) if digit == "zero" else digit for digit in self._random.choices(DIGITS, k=count)
        ]
        if count > 1 and self._random.random() < 0.08:
            at = self._random.randrange(count - 1)
            words[at : at + 2] = ["double", words[at]]
        return " ".join(words)

    def _pick(self, choices: tuple[str, ...]) -> str:
        return self._random.choice(choices)

    def _vocabulary(self) -> tuple[str, ...]:
        text = [*self._phrases, *self._fixtures, *CHAT, *ANSWERS, *PLACES, *DIGITS, *TEENS, *TENS, *DAYS, *MONTHS]
        text += [*ORDINALS, "o'clock oh half past quarter to double noon midday after next week month morning"]
        found = re.findall(r"[a-z']+", re.sub(r"\{\w+\}", " ", " ".join(text)))
        return tuple(sorted(dict.fromkeys(found)))


def _caller_phrases(root: Path) -> tuple[str, ...]:
    """What callers may say, by every dialplan."""
    found: dict[str, None] = {}
    for path in sorted((root / "dialplans").glob("*.toml")):
        intents = tomllib.loads(path.read_text(encoding="utf-8"))["intents"]
        for intent in intents.values():
            found.update(dict.fromkeys(intent["caller_says"]))
    return tuple(found)


def _fixture_words(root: Path) -> tuple[str, ...]:
    """What the recorded callers say, cut into pieces of twelve words at most."""
    found: dict[str, None] = {}
    for path in sorted((root / "fixtures" / "calls").glob("*/call.toml")):
        for cue in tomllib.loads(path.read_text(encoding="utf-8")).get("cue", []):
            words = plain(cue.get("words", "")).split()
            for start in range(0, len(words), 12):
                found[" ".join(words[start : start + 12])] = None
    return tuple(found)


def plain(text: str) -> str:
    """As the model writes: lower case, words and apostrophes."""
    return " ".join(re.findall(r"[a-z']+", text.lower()))
