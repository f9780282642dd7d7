"""Recognition by pocketsphinx with its US English model, its language model made of what callers may say.

Options: `phrases`, by dialplan the sentences that its callers may say, or a table: all of them under the empty name and
under other names those that can be expected at some time; `weight` (0 to 1), how much they count beside general
English; `pronunciations`, by word its ARPAbet phones, for words that the CMU dictionary lacks.
Session options: `grammar`, the dialplan; there is none without `phrases`, but the commonest words of general English.
`expected`, the name of what is expected; one that the dialplan has no sentences for stands for nothing in particular.
"""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pocketsphinx import Decoder, get_model_path

from sidecars.engine import EngineFull, Hypothesis, Word
from sidecars.engines.grammar import General, build
from sidecars.engines.pronunciation import Pronunciations

RATE = 16000
MAX_SESSIONS = 64
SPARE = 2
"""Decoders of each grammar that stand ready from the start."""
MAX_IDLE = 8
"""Decoders of each grammar that are kept for later."""
WEIGHT = 0.95
CMN = "48.4,0.7,-8.6,-1.0,3.7,-19.3,8.9,-13.4,-8.3,7.3,-16.2,7.6,-6.3"
"""Mean cepstrum of telephone speech as `_Ear` hands it on: without it the first words are lost in its estimation."""
FRAME_S = 0.01
LONGEST_WORD_FRAMES = 150
"""Steady noise becomes one endless word; people do not speak such."""
LEAST_CONFIDENCE = 0.05
"""Less is clicks and coughs. Of what was understood, half has more than 0.8, but a short answer may have little to be
compared with ("goodbye": 0.09 to 1.0); of unexpected sentences, half have less than 0.35."""
PARTIAL_CONFIDENCE = 0.5
"""Posteriors come with the end of the utterance."""
SETTINGS = {"lw": 9.0, "fwdflat": False, "bestpath": True, "loglevel": "FATAL"}
"""A second pass over the whole utterance (`fwdflat`) gains half a point of word errors, and costs 60 ms at the
caller's end of turn after 3 s of speech, 5 ms without; a language weight of 9 gives the points back."""


class _Ear:
    """Makes telephone audio look like what the acoustic model was trained on.

    The model listens up to 6.8 kHz and the telephone ends at 3.4: what is below 4 kHz is mirrored above it. It also
    wants one level, so speech is brought to it by the loudest 20 ms so far. Word errors of fresh decoders on
    telephone speech: 90 % as they come, 57 with `CMN`, 18 mirrored as well, and then 13 instead of 18 over levels
    from -14 to +6 dB.
    """

    MIRROR = 0.3
    LOUDEST = 4000.0
    MAX_GAIN = 6.0
    PATIENCE = RATE // 2
    """Samples gathered before the first decision about the level; a pre-roll fills most of it."""

    def __init__(self) -> None:
        self._head: bytes | None = b""
        self._level = 0.0

    def hear(self, pcm: bytes, *, last: bool = False) -> bytes:
        """Audio for the decoder; nothing until there is enough of it, or it is the last."""
        if self._head is not None:
            self._head += pcm
            if len(self._head) < 2 * self.PATIENCE and not last:
                return b""
            pcm, self._head = self._head, None
        if not pcm:
            return b""
        audio = np.frombuffer(pcm, dtype="<i2").astype(np.float32)
        self._level = max(self._level, _loudest(audio))
        audio *= np.clip(self.LOUDEST / max(self._level, 1.0), 1 / self.MAX_GAIN, self.MAX_GAIN)
        audio[0::2] *= 1 + self.MIRROR
        audio[1::2] *= 1 - self.MIRROR
        return np.clip(audio, -32768, 32767).astype("<i2").tobytes()


def _loudest(audio: NDArray[np.float32]) -> float:
    """Root mean square of the loudest 20 ms."""
    block = min(RATE // 50, len(audio))
    blocks = audio[: len(audio) // block * block].reshape(-1, block)
    return float(np.sqrt(np.square(blocks).mean(axis=1).max()))


class _Session:
    def __init__(self, grammar: str, expected: str, decoder: Decoder) -> None:
        self.grammar = grammar
        self.decoder = decoder
        self.told = ""
        """The last partial."""
        self._ear = _Ear()
        decoder.reinit_feat()  # or what was heard last would colour what is heard next
        decoder.activate_search(expected)
        decoder.set_cmn(CMN)
        decoder.start_utt()

    def feed(self, pcm: bytes, *, last: bool = False) -> None:
        if audio := self._ear.hear(pcm, last=last):
            self.decoder.process_raw(audio)

    def words(self) -> list[Word]:
        """The words so far; their confidences, posterior probabilities, are known only after the end."""
        if self.decoder.hyp() is None:
            return []
        return [
            Word(
                segment.word.partition("(")[0],
                segment.start_frame * FRAME_S,
                (segment.end_frame + 1) * FRAME_S,
                segment.prob,
            )
            for segment in self.decoder.seg()
            if segment.word[0] not in "<[" and segment.end_frame - segment.start_frame < LONGEST_WORD_FRAMES
        ]


class PocketSphinx:
    """An `SttEngine`. Decoders are kept and used again, each for the grammar that it was made for."""

    sample_rate = RATE
    max_sessions = MAX_SESSIONS

    def __init__(self, options: Mapping[str, Any]) -> None:
        phrases, pronunciations, weight = _checked(options)
        general = General(Pronunciations(Path(get_model_path("en-us/cmudict-en-us.dict")), pronunciations))
        self._folder = tempfile.TemporaryDirectory(prefix="pocketsphinx-")
        self._grammars = {
            name: build(name, said, weight, general, Path(self._folder.name) / str(number))  # a name may hold anything
            for number, (name, said) in enumerate((phrases or {"": {"": []}}).items())
        }
        self._idle = {name: [self._make(name) for _ in range(SPARE)] for name in self._grammars}
        self._made = sum(map(len, self._idle.values()))
        self._sessions: dict[int, _Session] = {}

    def _make(self, grammar: str) -> Decoder:
        made = self._grammars[grammar]
        decoder = Decoder(lm=None, dict=str(made.dictionary), **SETTINGS)
        for expected, model in made.language_models.items():
            decoder.add_lm(expected, model)
        decoder.activate_search("")
        # A decoder that has never heard anything scores its first utterance a little differently from all later ones.
        decoder.start_utt()
        decoder.process_raw(bytes(RATE // 2))
        decoder.end_utt()
        return decoder

    def open(self, session: int, options: Mapping[str, Any]) -> None:
        grammar = options.get("grammar", "")
        if grammar not in self._grammars:
            known = ", ".join(filter(None, self._grammars)) or "none"
            raise ValueError(f"grammar {grammar!r}: no phrases were given for it (known: {known})")
        expected = options.get("expected", "")
        if len(self._sessions) >= MAX_SESSIONS:
            raise EngineFull(f"{MAX_SESSIONS} utterances are open already")
        idle = self._idle[grammar]
        if not idle:
            idle.append(self._make(grammar))
            self._made += 1
        if expected not in self._grammars[grammar].language_models:
            expected = ""
        self._sessions[session] = _Session(grammar, expected, idle.pop())

    def step(self, audio: Mapping[int, bytes]) -> Mapping[int, Hypothesis]:
        changed = {}
        for number, pcm in audio.items():
            session = self._sessions[number]
            session.feed(pcm)
            words = session.words()
            text = " ".join(word.text for word in words)
            if text != session.told:
                session.told = text
                guesses = [replace(word, confidence=PARTIAL_CONFIDENCE) for word in words]
                changed[number] = Hypothesis(text, PARTIAL_CONFIDENCE, guesses)
        return changed

    def finalize(self, session: int) -> Hypothesis:
        ending = self._sessions[session]
        ending.feed(b"", last=True)
        ending.decoder.end_utt()
        words = ending.words()
        self._free(session)
        confidence = sum(word.confidence for word in words) / len(words) if words else 0.0
        if confidence < LEAST_CONFIDENCE:
            return Hypothesis("", confidence)
        return Hypothesis(" ".join(word.text for word in words), min(confidence, 1.0), words)

    def cancel(self, session: int) -> None:
        self._sessions[session].decoder.end_utt()
        self._free(session)

    def _free(self, session: int) -> None:
        ended = self._sessions.pop(session)
        idle = self._idle[ended.grammar]
        if len(idle) < MAX_IDLE:
            idle.append(ended.decoder)
        else:
            self._made -= 1

    def held(self) -> Mapping[str, int]:
        """`sessions` open, and `decoders` that are not ready for another utterance."""
        return {"sessions": len(self._sessions), "decoders": self._made - sum(map(len, self._idle.values()))}


def _checked(options: Mapping[str, Any]) -> tuple[dict[str, dict[str, list[str]]], dict[str, str], float]:
    """`phrases`, `pronunciations` and `weight`. Raises `ValueError` for anything else."""
    phrases, pronunciations = options.get("phrases", {}), options.get("pronunciations", {})
    weight = options.get("weight", WEIGHT)
    if unknown := options.keys() - {"phrases", "pronunciations", "weight"}:
        raise ValueError(f"{', '.join(sorted(unknown))}: no such option; there are phrases, pronunciations, weight")
    if not isinstance(phrases, dict):
        raise ValueError("phrases: must be a table, by dialplan")
    phrases = {name: said if isinstance(said, dict) else {"": said} for name, said in phrases.items()}
    for name, sets in phrases.items():
        if "" not in sets or not all(isinstance(said, list) and all(map(_is_text, said)) for said in sets.values()):
            raise ValueError(f'phrases of {name}: must be a list of strings, or a table of such lists with "" in it')
    if not isinstance(pronunciations, dict) or not all(isinstance(each, str) for each in pronunciations.values()):
        raise ValueError("pronunciations: must be, by word, its phones as a string")
    if not isinstance(weight, int | float) or not 0 <= weight < 1:
        raise ValueError(f"weight: must be a number from 0 to below 1, not {weight!r}")
    return phrases, pronunciations, float(weight)


def _is_text(value: object) -> bool:
    return isinstance(value, str)


def create(options: Mapping[str, Any]) -> PocketSphinx:
    """See the module's docstring for the options. Raises `ValueError` for a bad one."""
    return PocketSphinx(options)
