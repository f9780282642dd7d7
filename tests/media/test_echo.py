"""The agent's own voice, when it comes back, is not a caller. Somebody who speaks over it is."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from ops.replay.echo_path import Echo
from phone_daemon.events import FRAME_SAMPLES, SAMPLE_RATE, WIDE_RATE, Frame, WideFrame, samples
from phone_daemon.media.echo import LOOPS, EchoCanceller, EchoPath
from phone_daemon.media.echo_delay import LAGS
from phone_daemon.media.half_band import HALF, Halver
from phone_daemon.settings.settings import VadSettings
from phone_daemon.stt.vad import Vad
from tests.media.echoes import agent, hear, over, recorded, returned, wideband

SILENCE = bytes(2 * FRAME_SAMPLES)
INTERRUPTION = "interrupts_three_times/cancel"


def untouched() -> EchoCanceller:
    return EchoCanceller(off=True)


def voice() -> bytes:
    return recorded(INTERRUPTION)


PATHS = {
    "hybrid": Echo(12, 0.01),
    "adapter": Echo(20, 0.06),
    "speakerphone": Echo(18, 0.22, 0.3),
    "far": Echo(30, 0.4),
    "farthest": Echo(20, 0.6, 0.2),
    "faint": Echo(40, 0.163),
}


@pytest.mark.parametrize("path", PATHS.values(), ids=PATHS.keys())
def test_the_agents_own_voice_is_nobody_speaking_from_its_first_word_on(path: Echo) -> None:
    said = agent()
    line = returned(said, path)
    heard = hear(line, said)
    assert heard.starts == []
    assert heard.canceller.path is not None
    assert abs(heard.canceller.path.delay_ms - 1000 * path.delay_s - 8) < 5  # 8 ms: the band filter's own delay


@pytest.mark.parametrize("path", [PATHS["hybrid"], PATHS["speakerphone"], PATHS["far"]], ids=["hybrid", "room", "far"])
def test_without_it_the_agent_would_hear_itself(path: Echo) -> None:
    said = agent()
    assert hear(returned(said, path), said, untouched()).starts


def test_an_overdriven_loudspeaker_is_nobody_either() -> None:
    said = agent()
    assert hear(returned(said, Echo(20, 0.1, 0.2), drive=4000), said).starts == []


@pytest.mark.parametrize("path", [Echo(20, 0.06), Echo(20, 0.3, 0.3), Echo(30, 0.163)], ids=["adapter", "room", "far"])
@pytest.mark.parametrize("at_s", [1.0, *(pytest.param(each, marks=pytest.mark.long) for each in (2.6, 4.0))])
def test_who_speaks_over_the_echo_is_heard(path: Echo, at_s: float) -> None:
    said = agent()
    heard = hear(over(returned(said, path), voice(), at_s), said)
    assert len(heard.starts) == 1
    alone = hear(over([SILENCE] * len(said), voice(), at_s), said).starts[0]
    assert heard.starts[0] < alone + 0.4


def test_who_speaks_over_the_echo_loses_little_of_their_voice() -> None:
    said = agent()
    heard = hear(over(returned(said, Echo(20, 0.06)), voice(), 2.6), said)
    span = slice(samples(3.0), samples(4.0))
    cleaned = np.frombuffer(b"".join(frame.pcm for frame in heard.frames), "<i2").astype(float)[span]
    clear = np.frombuffer(b"".join(over([SILENCE] * len(said), voice(), 2.6)), "<i2").astype(float)[span]
    assert 0.63 < np.sqrt(np.mean(cleaned**2) / np.mean(clear**2)) < 1.2


WIDE = {name: PATHS[name] for name in ("hybrid", "speakerphone", "far")}


def above(frames: list[Frame], span: slice) -> float:
    """RMS above 5 kHz."""
    pcm = b"".join(frame.wide for frame in frames if isinstance(frame, WideFrame))
    sound = np.frombuffer(pcm, "<i2").astype(float)[2 * span.start : 2 * span.stop]
    spectrum = np.fft.rfft(sound)
    spectrum[: int(spectrum.size * 5 / 8)] = 0
    return float(np.std(np.fft.irfft(spectrum)))


@pytest.mark.parametrize("path", WIDE.values(), ids=WIDE.keys())
def test_on_a_wideband_line_it_is_cancelled_at_both_rates(path: Echo) -> None:
    said = agent()
    line = wideband(returned(said, path))
    heard = hear(line, said, EchoCanceller(rate=WIDE_RATE))
    assert heard.starts == [] and heard.canceller.path is not None
    frames = [frame for frame in heard.frames[150:] if isinstance(frame, WideFrame)]
    assert len(frames) == len(heard.frames) - 150
    for at, pcm in enumerate(("pcm", "wide")):
        came = np.frombuffer(b"".join(each[at] for each in line[150:]), "<i2").astype(float)
        left = np.frombuffer(b"".join(getattr(frame, pcm) for frame in frames), "<i2").astype(float)
        assert np.std(left) < 0.1 * np.std(came)


@pytest.mark.parametrize("path", [Echo(20, 0.06), Echo(20, 0.3, 0.3)], ids=["adapter", "room"])
def test_who_speaks_over_the_echo_on_a_wideband_line_is_heard_with_what_a_telephone_lacks(path: Echo) -> None:
    said = agent()
    caller = over([SILENCE] * len(said), voice(), 2.6)
    line = wideband(over(returned(said, path), voice(), 2.6), caller)
    heard = hear(line, said, EchoCanceller(rate=WIDE_RATE))
    assert len(heard.starts) == 1 and heard.starts[0] < hear(caller, said).starts[0] + 0.4
    span = slice(samples(3.0), samples(4.0))
    came = [WideFrame(0, b"", b"", 0, 0, 0, wide, b"") for _, wide in line]
    assert above(heard.frames, span) > 0.25 * above(list(came), span)
    narrow = np.frombuffer(b"".join(frame.pcm for frame in heard.frames), "<i2").astype(float)[span]
    wide = b"".join(frame.wide for frame in heard.frames if isinstance(frame, WideFrame))
    low = np.frombuffer(Halver().feed(wide)[0], "<i2").astype(float)[span.start + HALF // 2 :][: narrow.size]
    assert np.corrcoef(narrow, low)[0, 1] > 0.95


def test_what_a_telephone_lacks_of_the_agents_voice_is_cancelled_too() -> None:
    said = agent()
    played = wideband(said, said)
    voice = np.frombuffer(b"".join(wide for _, wide in played), "<i2").astype(float)
    echo = 0.1 * np.concatenate((np.zeros(960), voice[:-960])) + np.random.default_rng(3).normal(0, 4, voice.size)
    sent = echo.round().astype("<i2").tobytes()
    halver = Halver()
    line = [halver.feed(sent[at : at + 4 * FRAME_SAMPLES]) for at in range(0, len(sent), 4 * FRAME_SAMPLES)]
    heard = hear(line, played, EchoCanceller(rate=WIDE_RATE))
    assert heard.starts == []
    span = slice(samples(3.0), samples(5.0))
    came = [WideFrame(0, b"", b"", 0, 0, 0, wide, b"") for _, wide in line]
    assert above(heard.frames, span) < 0.1 * above(list(came), span)


def test_a_clear_wideband_line_stays_as_it_came() -> None:
    said = agent()
    caller = over([SILENCE] * len(said), voice(), 1.0)
    line = wideband(caller, caller)
    heard = hear(line, said, EchoCanceller(rate=WIDE_RATE))
    assert [(frame.pcm, frame.wide) for frame in heard.frames if isinstance(frame, WideFrame)] == line


def test_a_clear_line_stays_as_it_came_whoever_speaks_at_once() -> None:
    said = agent()
    line = over([SILENCE] * len(said), voice(), 1.0)
    heard = hear(line, said)
    assert [frame.pcm for frame in heard.frames] == line
    assert heard.canceller.path is None
    assert heard.starts == hear(line, said, untouched()).starts


def test_a_caller_who_speaks_while_the_agent_is_silent_stays_as_they_came() -> None:
    said = agent(3.0)
    line = over([*returned(said, Echo(20, 0.06)), *[SILENCE] * 150], voice(), 4.2)
    heard = hear(line, [*said, *[SILENCE] * 150])
    after = len(said) + LAGS // FRAME_SAMPLES + 1
    assert heard.canceller.path is not None
    assert [frame.pcm for frame in heard.frames[after:]] == line[after:]


def test_an_echo_that_jumps_is_followed() -> None:
    said = agent(9.0)
    heard = hear(returned(said, Echo(20, 0.06), Echo(20, 0.14), Echo(20, 0.1)), said)
    assert heard.starts == []


def test_it_is_told_once_and_so_is_a_line_that_loops_back() -> None:
    said = agent()
    looped = hear(returned(said, Echo(0, 0.1)), said)
    found, loops = looped.canceller.news
    assert isinstance(found, EchoPath) and abs(found.level_db) < 6
    assert loops == LOOPS
    assert looped.starts == []
    weaker = hear(returned(said, Echo(20, 0.1)), said).canceller.news
    assert [type(each) for each in weaker] == [EchoPath]


@pytest.mark.long
def test_an_echo_that_has_gone_is_no_longer_cancelled() -> None:
    said = agent(3.0)
    canceller, vad = EchoCanceller(), Vad(VadSettings())
    hear(returned(said, Echo(12, 0.06)), said, canceller, vad)
    assert canceller.path is not None
    clear = agent(30.0)
    silent, played = [*[SILENCE] * len(said), *[SILENCE] * len(clear)], [*said, *clear]
    hear(silent, played, canceller, Vad(VadSettings()))
    assert canceller.path is None


class Broken:
    def __init__(self, rate: int) -> None:
        assert rate == SAMPLE_RATE

    def process(self, near: object, far: object, /) -> object:
        raise RuntimeError("out of order")


def missing(rate: int) -> object:
    raise ImportError("No module named 'pywebrtc_audio'")


@pytest.mark.parametrize(("make", "why"), [(Broken, "out of order"), (missing, "pywebrtc_audio")])
def test_without_a_canceller_the_call_goes_on_as_if_there_were_none_and_says_so_once(make: object, why: str) -> None:
    said = agent(3.0)
    line = returned(said, Echo(12, 0.06))
    heard = hear(line, said, EchoCanceller(make))  # type: ignore[arg-type]
    assert [frame.pcm for frame in heard.frames] == line
    (news,) = [each for each in heard.canceller.news if isinstance(each, str)]
    assert why in news
    assert heard.starts == hear(line, said, untouched()).starts


def test_a_hole_in_the_call_shifts_nothing() -> None:
    """While nothing comes (hold), time passes: frames are identified by their positions."""
    said = agent()
    line = returned(said, Echo(20, 0.1))
    canceller = EchoCanceller()
    frames = hear(line, said, untouched()).frames
    for frame in frames[:150]:
        canceller.clean(frame)
    lag = canceller.path
    for frame in frames[150:]:
        canceller.clean(replace(frame, position=frame.position + samples(20)))
    assert canceller.path == lag
