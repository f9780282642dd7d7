"""A voice far behind the caller is not the caller."""

from __future__ import annotations

import numpy as np
import soxr

from fixtures.line import Line, carried
from fixtures.voices import RATE
from ops.quality.telephone import Sound
from phone_daemon.events import FRAME_BYTES, SAMPLE_RATE
from phone_daemon.stt.near_talker import AGAIN, FAR_DB, HELD, JUDGED, KNOWN, LEAST, NearTalker, level_db
from tests.sidecars.speech import spoken


def sound(db: float) -> bytes:
    return np.full(160, round(32768 * 10 ** (db / 20)), "<i2").tobytes()


def heard(near: NearTalker, db: float, frames: int) -> None:
    for _ in range(frames):
        near.hear(sound(db), voice=True)


def taught(db: float = -20.0) -> NearTalker:
    near = NearTalker()
    near.begin()
    heard(near, db, 50)
    near.learn()
    return near


def test_a_level_is_in_db_of_full_scale() -> None:
    assert abs(level_db(sound(-20.0)) + 20) < 0.01
    assert level_db(bytes(320)) < -100


def test_until_a_turn_was_understood_nobody_is_far() -> None:
    near = NearTalker()
    heard(near, -60.0, 50)
    assert near.usual_db is None and not near.is_far(speaking=False)


def test_who_is_softer_by_12_db_is_far_and_who_is_softer_by_8_is_the_caller() -> None:
    near = taught()
    heard(near, -32.0, 50)
    assert near.is_far(speaking=False)
    heard(near, -28.0, 1)
    assert near.is_far(speaking=False)  # a "t", or a click
    heard(near, -28.0, 1)
    assert not near.is_far(speaking=False)


def test_a_voice_that_drops_at_the_end_of_a_sentence_is_still_the_caller_s() -> None:
    near = taught()
    heard(near, -40.0, HELD - 2)
    assert near.is_far(speaking=False) and not near.is_far(speaking=True)
    heard(near, -40.0, 1)
    assert near.is_far(speaking=True)


def test_a_word_teaches_nothing_and_one_loud_turn_not_much() -> None:
    near = taught()
    near.begin()
    heard(near, -5.0, LEAST - 1)
    near.learn()
    assert near.usual_db is not None and abs(near.usual_db + 20) < 0.1
    for db in (-3.0, -20.0, -20.0):
        heard(near, db, 50)
        near.learn()
    assert abs(near.usual_db + 20) < 0.1


def test_after_a_long_silence_the_caller_may_be_softer() -> None:
    near = taught()
    near.forget()
    heard(near, -20 - 2 * FAR_DB, 50)
    assert not near.is_far(speaking=False)


def test_a_frame_much_softer_than_the_caller_is_not_how_they_begin() -> None:
    assert NearTalker().may_be_near
    near = taught()
    heard(near, -32.0, 1)
    assert near.may_be_near
    heard(near, -38.0, 1)
    assert not near.may_be_near


def voice(near: NearTalker, *levels: float, each: int = 5) -> NearTalker:
    """A voice sets in with syllables of the given levels."""
    heard(near, -70.0, HELD)
    near.begin()
    for db in levels:
        heard(near, db, each)
    return near


def test_a_voice_with_a_few_loud_syllables_is_judged_as_a_whole() -> None:
    near = voice(taught(), -29.0, -40.0, -36.0, -42.0)
    assert near.behind is None
    heard(near, -40.0, 5)
    assert near.behind is True
    assert voice(taught(), -29.0, -30.0, -31.0, -29.5, -32.0).behind is False


def test_who_is_as_loud_as_ever_is_the_caller_from_the_first_syllable() -> None:
    assert voice(taught(), -24.0).behind is False
    assert voice(NearTalker(), -50.0).behind is False


def test_the_frames_before_its_onset_was_noticed_belong_to_the_voice() -> None:
    near = taught()
    heard(near, -29.0, 7)
    near.begin(7)
    assert near.behind is None
    heard(near, -42.0, JUDGED - 8)
    assert near.behind is None
    heard(near, -42.0, 1)
    assert near.behind is True


def test_a_caller_who_sets_in_over_a_voice_behind_them_is_heard() -> None:
    near = voice(taught(), -29.0, -40.0, -36.0, -42.0, -40.0)
    assert near.behind is True
    heard(near, -22.0, 2)
    assert near.behind is False


def _wide(text: str) -> Sound:
    return np.asarray(soxr.resample(spoken(text), SAMPLE_RATE, RATE))


def _rng() -> np.random.Generator:
    return np.random.default_rng(2)


def says(near: NearTalker, text: str, line: Line) -> NearTalker:
    """A voice says `text` over a line."""
    heard(near, -70.0, HELD)
    pcm = carried(line, _wide(text), _rng())[10 * FRAME_BYTES :]
    near.begin()
    for at in range(0, len(pcm) - FRAME_BYTES, FRAME_BYTES):
        near.hear(pcm[at : at + FRAME_BYTES], voice=True)
    return near


def test_a_voice_across_the_room_is_behind_the_caller_where_its_level_alone_leaves_that_open() -> None:
    near = says(NearTalker(), "what are your opening hours", Line())
    assert near.distant is False
    near.learn()
    softer = "sorry that is the wrong answer"
    assert says(near, softer, Line(level_db=-33.0)).distant is False
    across = Line(level_db=-33.0, room_s=0.5, distance=0.5)
    assert says(near, softer, across).distant is True and near.behind is True


def test_a_caller_on_a_speakerphone_is_as_close_as_ever() -> None:
    on_the_table = Line(room_s=0.5, distance=0.5)
    near = says(NearTalker(), "what are your opening hours", on_the_table)
    near.learn()
    assert says(near, "i would like to book an appointment", on_the_table).distant is False


def test_how_close_a_voice_is_takes_half_a_second_to_know() -> None:
    near = taught()
    near.begin()
    heard(near, -30.0, JUDGED - 1)
    assert near.distant is None
    heard(near, -30.0, 1)
    assert near.distant is not None


def test_a_soft_voice_that_begins_like_one_across_the_room_is_the_callers_once_more_of_it_is_heard() -> None:
    near = says(NearTalker(), "what are your opening hours", Line())
    near.learn()
    across = carried(Line(level_db=-31.0, room_s=0.5, distance=0.5), _wide("i would like to book"), _rng())
    close = carried(Line(level_db=-31.0), _wide("an appointment on monday morning"), _rng())
    pcm = across[10 * FRAME_BYTES :][: JUDGED * FRAME_BYTES] + close[10 * FRAME_BYTES :]
    heard(near, -70.0, HELD)
    near.begin()
    behind = []
    for at in range(0, (AGAIN[-1] + 1) * FRAME_BYTES, FRAME_BYTES):
        near.hear(pcm[at : at + FRAME_BYTES], voice=True)
        behind.append(near.behind)
    assert behind[JUDGED - 1] is True and near.behind is False and near.distant is False


def starts(near: NearTalker, text: str, line: Line) -> list[bool]:
    """Whether each of the first frames of a voice is far, as is asked before it is known to be the caller's."""
    heard(near, -70.0, HELD)
    pcm = carried(line, _wide(text), _rng())[10 * FRAME_BYTES :]
    far = []
    for number in range(JUDGED):
        near.hear(pcm[number * FRAME_BYTES :][:FRAME_BYTES], voice=False)
        far.append(near.is_far(speaking=False, voice=number))
    return far


def test_a_caller_who_turns_away_is_still_the_caller_once_their_voice_proves_to_be_close() -> None:
    near = says(NearTalker(), "what are your opening hours", Line())
    near.learn()
    text = "i would like to book an appointment"
    far = starts(near, text, Line(level_db=-35.5))
    known = far.index(False)
    assert KNOWN <= known < JUDGED and not any(far[known:])
    assert near.close and near.distant is False
    heard(near, -70.0, HELD)
    assert near.is_far(speaking=False) and not near.close
    assert all(starts(near, text, Line(level_db=-37.5, room_s=0.5, distance=0.5)))
    assert all(starts(near, text, Line(level_db=-42.0)))
