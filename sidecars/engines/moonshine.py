"""Recognition by Moonshine, in onnxruntime on one thread: English, open vocabulary, many callers at once.

The model hears an utterance whole. So a partial is the growing audio heard again, with what the one before said
given to the decoder; the final is begun as soon as the caller pauses, and is thrown away if they go on; and speech
without a pause is cut at its quietest place. Every choice depends on the audio alone, not on how fast the machine is.

Options: `model` (a folder or a repository; empty: the package's), `phrases` (by dialplan, by what was asked, sentences
that callers may say), `weight` (how much those count: 1.0 as measured, 0 not at all), `beam`, `partials_s`,
`max_sessions`.
Session options: `grammar`, the dialplan; `expected`, what was asked. `digits_8_8`, from eight to eight digits, is a
question whose answer is looked for among numbers of that length, should what is heard be no such number.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sidecars.engine import EngineFull, Hypothesis, Word
from sidecars.engines.digit_words import DigitWords
from sidecars.engines.expected_words import ExpectedWords, checked_phrases
from sidecars.engines.moonshine_model import Decoded, Encoded, MoonshineModel
from sidecars.engines.moonshine_tokens import END
from sidecars.engines.moonshine_weights import find
from sidecars.engines.moonshine_words import placed, plain_words, said_words, tidy
from sidecars.engines.not_speech import is_speech
from sidecars.engines.voiced import RATE, WINDOW, Voiced

MAX_SESSIONS = 64
BEAM = 4
PARTIALS_S = 0.24
EARLY_PARTIALS_S, EARLY = 0.1, round(0.8 * RATE)
"""In the first samples of a voice partials come so much more often: they tell whether it interrupts the agent."""
DIGITS_BEAM = 8
NEAR = 6.0
"""Another hypothesis may well be what was said when it is less likely by no more, as a natural logarithm, by the sound
alone. Of 400 utterances of sets for tuning, 325 were understood by the best hypothesis, 16 more by one that is so near.
"""
SHARE_S = 0.1
"""With so many callers speaking that this times their number is more than `PARTIALS_S`, partials come that seldom."""
LENGTH_SHARE = 0.16
"""Partials of long speech take longer, and come after so much of its length."""
BEHIND_S = 0.1
"""A step with so much audio comes late: the machine is busy, and partials wait for twice as long."""
PAUSE = 4 * WINDOW
"""Samples without a voice after which the caller has paused: a partial of all that was said is due. The final hears no
more than that, so what the encoder made of it is kept."""
LONG_PAUSE = 6 * WINDOW
"""… after which the final is begun, to be there at the endpoint. Half as long a pause comes between words, too, and a
final that is begun in vain costs as much as three partials."""
BEFORE, AFTER = 10 * WINDOW, PAUSE
"""Samples heard around the voice: consonants are weaker than what Silero takes for one."""
SHORTEST_CUT, LONGEST = 5 * RATE, 10 * RATE
"""Speech that is longer is cut in two; the first part is at least so long. Where there was a pause after so much, that
is the cut."""
LEVEL = 0.1
"""Amplitude (rms) that speech is brought to, by its louder half: 4.0 instead of 4.6 % of the words of people wrong."""
MAX_GAIN = 30.0
BLOCK = RATE // 50
_DIGITS = re.compile(r"digits_\d+_\d+")
OPTIONS = ("model", "phrases", "weight", "beam", "partials_s", "max_sessions")


class _Preempted(Exception):
    """Something waits that is more urgent than this piece of work, which is done again later."""


class _Session:
    """An utterance."""

    def __init__(self, bias: ExpectedWords | None, number: DigitWords | None) -> None:
        self.bias = bias
        self.number = number
        """Those that were asked for."""
        self.audio = bytearray()
        self.voiced = Voiced()
        self.before: list[Word] = []
        """Words of the parts that were cut off."""
        self.heard_at = 0
        """Samples at the last partial."""
        self.partial: tuple[int, ...] = ()
        """Its tokens."""
        self.told = ""
        self.encoded: tuple[int, int, Encoded] | None = None
        """The part of `audio` that was heard last, and what the encoder made of it."""
        self.last: tuple[int, list[Word]] | None = None
        """The words of all that was said up to here, for good unless the voice goes on."""
        self.others: list[str] = []
        """What else they may have been."""

    @property
    def samples(self) -> int:
        return len(self.audio) // 2

    @property
    def speaking(self) -> bool:
        return self.voiced.first is not None and self.voiced.quiet < PAUSE

    @property
    def offset_s(self) -> float:
        """Where `audio` begins in the utterance."""
        return self.voiced.dropped * WINDOW / RATE

    @property
    def begin(self) -> int:
        return max(0, (self.voiced.first or 0) - BEFORE)

    @property
    def end(self) -> int:
        return min(self.samples, self.voiced.last + AFTER)

    def overdue(self, least: float, early: float) -> float:
        """Samples since another partial should have come; below 0: not yet.

        `least` and `early`: how long after the one before, and how long while the voice is young.
        """
        if self.voiced.first is None:
            return -1
        if not self.speaking:
            return RATE if self.heard_at < self.voiced.last else -1
        since = self.samples - max(self.heard_at, self.begin)
        young = self.samples - self.voiced.first < EARLY
        return since - max(early if young else least, LENGTH_SHARE * (self.samples - self.begin))

    def take(self, pcm: bytes) -> None:
        self.audio += pcm
        self.voiced.feed(pcm)
        if self.voiced.first is None and (spare := (len(self.voiced.windows) * WINDOW - BEFORE) // WINDOW * WINDOW) > 0:
            self.drop(spare)  # while nobody speaks

    def drop(self, samples: int) -> None:
        del self.audio[: 2 * samples]
        self.voiced.drop(samples)
        self.heard_at = max(0, self.heard_at - samples)
        self.encoded = None

    def sound(self, begin: int, end: int) -> NDArray[np.float32]:
        """The audio in between, brought to one level."""
        audio = np.frombuffer(bytes(self.audio[2 * begin : 2 * end]), "<i2").astype(np.float32) / np.float32(32768)
        powers = np.sort(np.square(audio[: len(audio) // BLOCK * BLOCK]).reshape(-1, BLOCK).mean(1))
        loud = float(np.sqrt(powers[len(powers) // 2 :].mean())) if len(powers) else 0.0
        return audio * np.float32(np.clip(LEVEL / max(loud, 1e-6), 1 / MAX_GAIN, MAX_GAIN))


class Moonshine:
    """An `SttEngine`."""

    sample_rate = RATE

    def __init__(self, options: Mapping[str, Any]) -> None:
        if unknown := sorted(options.keys() - set(OPTIONS)):
            raise ValueError(f"{unknown[0]!r}: moonshine knows the options {', '.join(sorted(OPTIONS))}")
        self.max_sessions = int(_number(options, "max_sessions", MAX_SESSIONS, 1, 1024, whole=True))
        self._beam = int(_number(options, "beam", BEAM, 1, 16, whole=True))
        self._interval_s = _number(options, "partials_s", PARTIALS_S, 0.1, 30)
        weight = _number(options, "weight", 1.0, 0, 10)
        phrases = checked_phrases(options.get("phrases", {}))
        model = options.get("model", "")
        if not isinstance(model, str):
            raise ValueError(f"model {model!r:.80}: expected a folder or OWNER/NAME")
        weights = find(model)
        self._model = MoonshineModel(weights.encoder, weights.decoder, weights.tokenizer)
        pieces = [self._model.tokens.piece(token) for token in range(len(self._model.tokens))]
        self._biases = {
            name: {expected: ExpectedWords(pieces, sets, expected, weight) for expected in sets} if weight else {}
            for name, sets in phrases.items()
        }
        lengths = {name for sets in phrases.values() for name in sets if _DIGITS.fullmatch(name)}
        self._numbers = {name: _number_of(name, pieces) for name in lengths}
        self._sessions: dict[int, _Session] = {}
        self._behind = False
        """Whether the machine is busy."""
        self.urgent: Callable[[], bool] = lambda: False
        """See `Interruptible`: asked between two steps of the decoder."""
        self._warm_up()

    def _warm_up(self) -> None:
        """The first time takes longer."""
        self._model.decode(self._model.encode(np.zeros(RATE, np.float32)), beam=self._beam)

    # ------------------------------------------------------------------------------------------ SttEngine

    def open(self, session: int, options: Mapping[str, Any]) -> None:
        """See `SttEngine`. A `grammar` or `expected` without phrases stands for nothing in particular."""
        if len(self._sessions) >= self.max_sessions:
            raise EngineFull(f"{self.max_sessions} utterances are open already")
        biases = self._biases.get(str(options.get("grammar", "")), {})
        expected = str(options.get("expected", ""))
        self._sessions[session] = _Session(biases.get(expected, biases.get("")), self._numbers.get(expected))

    def step(self, audio: Mapping[int, bytes]) -> Mapping[int, Hypothesis]:
        """See `SttEngine`. Takes all, and does one piece of work."""
        for number, pcm in audio.items():
            self._sessions[number].take(pcm)
            self._keep(self._sessions[number])
        self._behind = max(map(len, audio.values()), default=0) / 2 / RATE >= BEHIND_S
        if self.urgent() or (work := self._next()) is None:
            return {}
        try:
            return work()
        except _Preempted:
            return {}

    @property
    def undone(self) -> bool:
        """See `Interruptible`."""
        return self._next() is not None

    def finalize(self, session: int) -> Hypothesis:
        """See `SttEngine`."""
        ending = self._sessions.pop(session)
        if not ending.voiced.last and not ending.before:
            return Hypothesis("", 0.0)
        words = self._words_for_good(ending, lambda: None)
        before = " ".join(word.text for word in ending.before)
        others = [tidy(f"{before} {other}".strip()) for other in ending.others] if words else []
        return replace(_hypothesis([*ending.before, *words]), others=tuple(others))

    def cancel(self, session: int) -> None:
        """See `SttEngine`."""
        del self._sessions[session]

    def held(self) -> Mapping[str, int]:
        """`sessions` that are open."""
        return {"sessions": len(self._sessions)}

    # ------------------------------------------------------------------------------------------ pieces of work

    def _give_way(self) -> None:
        if self.urgent():
            raise _Preempted

    def _next(self) -> Callable[[], Mapping[int, Hypothesis]] | None:
        """The piece of work that is most urgent: finals that will soon be asked for go before partials."""
        for session in self._sessions.values():
            if session.end - session.begin > LONGEST and session.speaking:
                return partial(self._cut, session)
        for number, session in self._sessions.items():
            if session.voiced.last and session.voiced.quiet >= LONG_PAUSE and not self._settled(session):
                return partial(self._finish, number, session)
        talking = sum(each.speaking for each in self._sessions.values())
        busy, early_s = (2 if self._behind else 1), min(EARLY_PARTIALS_S, self._interval_s)
        least, early = (max(each, SHARE_S * talking) * busy * RATE for each in (self._interval_s, early_s))
        overdue = {number: each.overdue(least, early) for number, each in self._sessions.items()}
        number = max(overdue, key=lambda each: overdue[each], default=0)
        if not overdue or overdue[number] < 0:
            return None
        return partial(self._guess, number, self._sessions[number])

    def _finish(self, number: int, session: _Session) -> Mapping[int, Hypothesis]:
        """What was said before the pause, for good."""
        return self._changed(number, session, self._words_for_good(session, self._give_way))

    def _guess(self, number: int, session: _Session) -> Mapping[int, Hypothesis]:
        """What the growing audio says so far."""
        end = session.samples if session.speaking else session.end
        encoded = self._encoded(session, session.begin, end)
        self._give_way()
        best = self._model.decode(encoded, bias=session.bias, guess=session.partial, poll=self._give_way)[0]
        session.heard_at = session.samples
        session.partial = best.tokens
        return self._changed(number, session, self._words(session, [best], session.begin, end))

    def _settled(self, session: _Session) -> bool:
        return session.last is not None and session.last[0] == session.voiced.dropped * WINDOW + session.voiced.last

    def _words_for_good(self, session: _Session, poll: Callable[[], None]) -> list[Word]:
        """The words from the last cut on, found once for each pause."""
        if not session.voiced.last:
            return []
        if not self._settled(session):
            words = self._hear(session, session.begin, session.end, poll)
            session.last = (session.voiced.dropped * WINDOW + session.voiced.last, words)
        assert session.last is not None
        return session.last[1]

    def _keep(self, session: _Session) -> None:
        """What was said before a pause stands, once the caller has gone on, if it was long: it is not heard again."""
        if session.last is None or self._settled(session):
            return
        place = session.last[0] - session.voiced.dropped * WINDOW + WINDOW
        if place - session.begin >= SHORTEST_CUT:
            session.before += session.last[1]
            self._drop(session, place)

    def _cut(self, session: _Session) -> Mapping[int, Hypothesis]:
        """Makes the first part of a long speech final; the rest follows with the next partial."""
        place = session.voiced.quietest(session.begin + SHORTEST_CUT, session.begin + LONGEST)
        session.before += self._hear(session, session.begin, place, self._give_way)
        self._drop(session, place)
        return {}

    def _drop(self, session: _Session, place: int) -> None:
        session.drop(place)
        session.partial = ()
        session.last = None
        session.others = []

    def _hear(self, session: _Session, begin: int, end: int, poll: Callable[[], None]) -> list[Word]:
        encoded = self._encoded(session, begin, end)
        poll()
        ranked = self._model.decode(encoded, beam=self._beam, bias=session.bias, guess=session.partial, poll=poll)
        session.others = self._others(session, encoded, ranked, poll)
        return self._words(session, ranked, begin, end)

    def _encoded(self, session: _Session, begin: int, end: int) -> Encoded:
        if session.encoded is None or session.encoded[:2] != (begin, end):
            session.encoded = (begin, end, self._model.encode(session.sound(begin, end)))
        return session.encoded[2]

    def _others(
        self, session: _Session, encoded: Encoded, ranked: Sequence[Decoded], poll: Callable[[], None]
    ) -> list[str]:
        """What it may have been besides the first of `ranked`: first of all a number, where one was asked for."""
        best, *rest = ranked
        heard = self._model.tokens.text(best.tokens)
        if session.number is not None and not session.number.fits(heard):
            number = self._model.restricted(encoded, session.number, beam=DIGITS_BEAM, poll=poll)
            rest = [number, *rest] if number is not None else rest
        near = (each for each in rest if sum(each.logprobs) >= sum(best.logprobs) - NEAR)
        texts = {plain_words(text): text for text in (self._model.tokens.text(each.tokens) for each in near)}
        return [text for words, text in texts.items() if words and words != plain_words(heard)]

    def _words(self, session: _Session, ranked: Sequence[Decoded], begin: int, end: int) -> list[Word]:
        """Those of the best hypothesis; none when it was made up."""
        best = ranked[0]
        text = self._model.tokens.text(best.tokens)
        answer = session.bias is not None and session.bias.answers(text)
        if not is_speech(session.voiced, best.likelihood, text, answer=answer):
            return []
        said = said_words(ranked, self._model.tokens)
        return placed(said, session.voiced, begin, end, session.offset_s)

    def _changed(self, number: int, session: _Session, words: Sequence[Word]) -> Mapping[int, Hypothesis]:
        guess = _hypothesis([*session.before, *words])
        if guess.text == session.told:
            return {}
        session.told = guess.text
        return {number: guess}


def create(options: Mapping[str, Any]) -> Moonshine:
    """The engine. Raises `ValueError` for a bad option, `WeightsMissing` without weights."""
    return Moonshine(options)


def _hypothesis(words: Sequence[Word]) -> Hypothesis:
    confidence = sum(word.confidence for word in words) / len(words) if words else 0.0
    return Hypothesis(tidy(" ".join(word.text for word in words)), confidence, tuple(words))


def _number_of(name: str, pieces: Sequence[str]) -> DigitWords:
    _, low, high = name.split("_")
    return DigitWords(pieces, int(low), int(high), END)


def _number(
    options: Mapping[str, Any], name: str, default: float, low: float, high: float, *, whole: bool = False
) -> float:
    value = options.get(name, default)
    if isinstance(value, bool) or not isinstance(value, int if whole else int | float) or not low <= value <= high:
        raise ValueError(f"{name} {value!r:.80}: expected a {'whole ' if whole else ''}number from {low:g} to {high:g}")
    return float(value)
