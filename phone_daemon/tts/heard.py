"""What the caller has heard of a reply, to the word. The conversation's history contains that much of an interrupted
reply.

A word counts as heard if at least half of its sound was played. Its sound lies between its own mark and the next
word's, without the silence at its end. If the engine gave no mark for a word, its place is interpolated from the marks
around it, in proportion to the characters spoken. Words are the agent's, however they were spoken: "£4.50" is one word.
"""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass, field

import numpy as np

from phone_daemon.events import Speech
from phone_daemon.text.speakable import speakable
from phone_daemon.text.spoken import Spoken
from phone_daemon.tts.pace import Pace

SILENCE = 100
"""Amplitude (of 32768) up to which a sample counts as silent: -50 dBFS."""


@dataclass(slots=True)
class _Phrase:
    text: str
    spoken: Spoken
    pace: Pace
    start: int
    """Samples of the reply before this phrase."""
    samples: int = 0
    anchors: list[tuple[int, int]] = field(default_factory=lambda: [(0, 0)])
    """Pairs (character spoken, sample), both ascending."""
    loud_until: list[int] = field(default_factory=lambda: [0])
    """For each anchor, the end of the last sound before the next anchor."""
    whole: bool = False

    def add(self, speech: Speech) -> None:
        """Takes the next piece; a mark may point to earlier audio."""
        for mark in speech.marks:
            character, sample = self.anchors[-1]
            at = self.spoken.at(mark.start)
            if at is not None and at > character and mark.sample >= sample:
                self.anchors.append((at, mark.sample))
                self.loud_until.append(max(mark.sample, self.loud_until[-1]))
        loud = np.flatnonzero(np.abs(np.frombuffer(speech.pcm, "<i2").astype(np.int32)) > SILENCE) + self.samples
        starts = [sample for _, sample in self.anchors]
        for n in range(bisect_right(starts, self.samples) - 1, len(starts)):
            end = starts[n + 1] if n + 1 < len(starts) else self.samples + len(speech.pcm) // 2
            within = loud[(loud >= starts[n]) & (loud < end)]
            if within.size:
                self.loud_until[n] = int(within[-1]) + 1
        self.samples += len(speech.pcm) // 2

    def heard(self, played: int) -> int:
        """Characters that were heard once `played` samples of the phrase were played."""
        if played < 0 or (played == 0 and self.samples):
            return 0
        if self.whole and played >= self.loud_until[-1]:
            return len(self.text)
        words = self.spoken.words
        heard = 0
        for n, word in enumerate(words):
            start = self._sample(word.at)
            end = self._sample(words[n + 1].at if n + 1 < len(words) else len(self.spoken.text))
            anchor = self._anchor(word.at)
            if self.whole or anchor + 1 < len(self.anchors):
                end = max(start, min(end, self.loud_until[anchor]))
            if played < start + (end - start) / 2:
                break
            heard = word.end
        return heard

    def cut(self) -> None:
        """Ends the phrase here: text without sound is dropped."""
        said = self.heard(self.samples)
        self.text = self.text[:said].rstrip() + " "
        rest = [word.at for word in self.spoken.words if word.end > said]
        spoken = self.spoken.text[: rest[0]] if rest else self.spoken.text
        self.spoken = Spoken(spoken.rstrip(), self.spoken.words[: len(self.spoken.words) - len(rest)])
        self.whole = True

    def _anchor(self, character: int) -> int:
        """The last anchor at or before `character` of the spoken text."""
        return bisect_right(self.anchors, (character, 2**63)) - 1

    def _sample(self, character: int) -> float:
        """Where in the audio `character` is spoken."""
        n = self._anchor(character)
        (left, begin) = self.anchors[n]
        end: float
        if n + 1 < len(self.anchors):
            right, end = self.anchors[n + 1]
        else:
            right = len(self.spoken.text)
            end = self.loud_until[n]
            if not self.whole:
                end = max(end, begin + (right - left) * self.pace.samples_per_character)
        return begin + (end - begin) * (character - left) / max(right - left, 1)


class Heard:
    """Follows one reply: its phrases and their speech, in the order in which they are made and played."""

    def __init__(self, pace: Pace | None = None) -> None:
        """`pace`: the pace of the voice over all its replies."""
        self._pace = pace or Pace()
        self._phrases: list[_Phrase] = []
        self._samples = 0

    def begin(self, phrase: str, spoken: Spoken | None = None) -> None:
        """Begins `phrase`, which is spoken as English if `spoken` is not given. A phrase that has not ended was cut
        here: its text without sound is dropped."""
        if self._phrases and not self._phrases[-1].whole:
            self._cut()
        self._phrases.append(_Phrase(phrase, spoken or speakable(phrase), self._pace, self._samples))

    def add(self, speech: Speech) -> None:
        """Takes the next piece of the phrase's speech."""
        self._phrases[-1].add(speech)
        self._samples += len(speech.pcm) // 2

    def end(self) -> None:
        """Ends the phrase: it has all its speech."""
        phrase = self._phrases[-1]
        phrase.whole = True
        self._pace.learn(len(phrase.spoken.text) if phrase.samples else 0, phrase.loud_until[-1])

    def silence(self, samples: int) -> None:
        """Audio without words, such as a pause or a tone, was inserted. A phrase that has not ended was cut here."""
        if self._phrases and not self._phrases[-1].whole:
            self._cut()
        self._samples += samples

    def phrase_begun(self, index: int, played: int) -> str | None:
        """Text of phrase `index` (from 0) once `played` samples of the reply reach into it, otherwise None."""
        if index >= len(self._phrases):
            return None
        phrase = self._phrases[index]
        begun = played > phrase.start or (phrase.whole and not phrase.samples and played >= phrase.start)
        return phrase.text if begun else None

    def split(self, played: int) -> tuple[str, str]:
        """(what was heard, what was not) of all phrases so far, once `played` samples of the reply were played."""
        text = "".join(phrase.text for phrase in self._phrases)
        if played <= 0:
            return "", text.lstrip()
        heard = before = 0
        for phrase in self._phrases:
            characters = phrase.heard(played - phrase.start)
            # A phrase without a sound (an emoji) was heard if anything after it was.
            if characters and (phrase.samples or heard == before):
                heard = before + characters
            before += len(phrase.text)
        return text[:heard].rstrip(), text[heard:].lstrip()

    def owed(self, played: int) -> str:
        """The text that remains to be said, from the beginning of the phrase that was cut, because half a phrase makes
        no sense.

        Empty if everything was heard.
        """
        heard, rest = self.split(played)
        if not rest:
            return ""
        before = 0
        for phrase in self._phrases:
            if before + len(phrase.text.rstrip()) > len(heard):
                break
            before += len(phrase.text)
        return "".join(phrase.text for phrase in self._phrases)[before:].strip()

    def text(self, played: int) -> str:
        """The words that were heard once `played` samples of the reply were played."""
        return self.split(played)[0]

    def _cut(self) -> None:
        if self._phrases[-1].samples:
            self._phrases[-1].cut()
        else:
            self._phrases.pop()
