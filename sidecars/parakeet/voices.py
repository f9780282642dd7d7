"""Synthetic callers on synthetic telephone lines: what the tiny model is trained on, and what it is measured with.

Voices are the programs `espeak-ng` and `flite` of Debian. A line changes speed, level and band, adds noise, companding
and lost packets, and tells where speech begins. Random numbers come from the caller, so the same seed gives the same
sound.
"""

from __future__ import annotations

import functools
import io
import shutil
import subprocess
import tempfile
import wave
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import soxr

Sound = npt.NDArray[np.float32]
"""Samples, full scale 1.0."""

LINE_RATE = 8_000
MODEL_RATE = 16_000
PACKET = LINE_RATE // 50
PROGRAMS = {"espeak": "espeak-ng", "flite": "flite"}

ACCENTS = (
    "en-us", "en-gb", "en-gb-scotland", "en-gb-x-rp", "en-gb-x-gbclan", "en-gb-x-gbcwmd", "en-029", "en-us-nyc",
)  # fmt: skip
VARIANTS = (
    "f1", "f2", "f3", "f5", "m1", "m2", "m4", "m5", "m6", "m7", "m8", "klatt", "klatt2", "klatt4", "Alex", "Alicia",
    "Andrea", "Andy", "Annie", "Denis", "Diogo", "Gene", "Henrique", "Hugo", "Jacky", "Lee", "Marco", "Mario",
    "Michael", "Mike", "adam", "anika", "antonio", "belinda", "benjamin", "boris", "david", "ed", "edward",
    "grandma", "iven", "john", "linda", "max", "pablo", "rob", "steph",
)  # fmt: skip
ESPEAK = tuple(f"espeak {accent}+{variant}" for accent in ACCENTS for variant in VARIANTS)
FLITE = ("flite slt", "flite awb", "flite kal16")
HELD_OUT_ESPEAK = "espeak en-us+f4"
"""Neither this voice nor its variant in another accent is trained on."""
HELD_OUT_FLITE = "flite rms"
FLITE_SHARE = 0.4
"""Of the utterances. Its voices are nearer to people's than espeak-ng's, and there are only three."""


@dataclass(frozen=True)
class Speaking:
    """Who says it, and how."""

    voice: str
    rate: float = 1.0
    """1 is the voice's own."""
    pitch: int = 50
    """Of espeak-ng, 0 to 99."""


@dataclass(frozen=True)
class Line:
    """What happens between a mouth and the model. Without arguments: a quiet, good line in telephone band."""

    speed: float = 1.0
    """Changes pitch and formants too, as on a tape."""
    lead_s: float = 0.3
    tail_s: float = 0.4
    wide: bool = False
    """The full band of 16 kHz instead of a telephone's."""
    band_hz: tuple[float, float] | None = (300.0, 3400.0)
    level_db: float = -24.0
    """RMS of the speech below full scale."""
    snr_db: float = 30.0
    """Infinity: digital silence around the speech."""
    colour: float = 0.0
    """Of the noise: 0 is white, 1 pink, 2 brown."""
    companded: bool = True
    lost: float = 0.0
    """Share of the packets of 20 ms that never arrive."""
    concealed: bool = True
    """What was lost is filled with what came before, fading; else with silence."""


def missing() -> tuple[str, ...]:
    """Programs that are not installed."""
    return tuple(program for program in PROGRAMS.values() if shutil.which(program) is None)


def draw_speaking(random: np.random.Generator) -> Speaking:
    """One of the voices that are trained on."""
    known = FLITE if random.random() < FLITE_SHARE else ESPEAK
    return vary(known[random.integers(len(known))], random)


def vary(voice: str, random: np.random.Generator) -> Speaking:
    """`voice` at some rate and pitch."""
    return Speaking(voice, float(random.uniform(0.8, 1.2)), int(random.integers(30, 71)))


def draw_line(random: np.random.Generator) -> Line:
    """A telephone line as they come: from good to bad, one in ten of them wide-band."""
    wide = bool(random.random() < 0.1)
    low, high = random.uniform(150, 350), random.uniform(3200, 3600)
    return Line(
        speed=float(random.uniform(0.87, 1.15)),
        lead_s=float(random.uniform(0.0, 0.8)),
        tail_s=float(random.uniform(0.15, 0.7)),
        wide=wide,
        band_hz=None if wide or random.random() < 0.1 else (float(low), float(high)),
        level_db=float(random.uniform(-42, -14)),
        snr_db=float("inf") if random.random() < 0.1 else float(random.uniform(5, 30)),
        colour=float(random.uniform(0, 1.5)),
        companded=not wide and bool(random.random() < 0.8),
        lost=float(random.uniform(0.01, 0.06)) if random.random() < 0.2 else 0.0,
        concealed=bool(random.random() < 0.6),
    )


def speak(speaking: Speaking, text: str) -> tuple[Sound, int]:
    """The voice as its program makes it, without silence before and after, and its sample rate (Hz)."""
    program, _, voice = speaking.voice.partition(" ")
    if program == "espeak":
        options = ["-v", voice, "-s", f"{165 * speaking.rate:.0f}", "-p", str(speaking.pitch)]
        made = subprocess.run(["espeak-ng", *options, "--stdout", text], check=True, capture_output=True, timeout=60)
        return _read(made.stdout)
    with tempfile.NamedTemporaryFile(suffix=".wav") as file:
        stretch = ["--setf", f"duration_stretch={1 / speaking.rate:.3f}"]
        command = ["flite", "-voice", voice, *stretch, "-t", text, "-o", file.name]
        subprocess.run(command, check=True, capture_output=True, timeout=60)
        return _read(Path(file.name).read_bytes())


def _read(data: bytes) -> tuple[Sound, int]:
    # espeak-ng cannot know the length when it writes to a pipe, and says it is 2 GB.
    with wave.open(io.BytesIO(data)) as file:
        rate = file.getframerate()
    pcm = np.frombuffer(data[44 : 44 + (len(data) - 44) // 2 * 2], "<i2").astype(np.float32) / np.float32(32768)
    return trim(pcm), rate


def trim(sound: Sound) -> Sound:
    loud = np.flatnonzero(np.abs(sound) > 0.005)
    return sound[loud[0] : loud[-1] + 1] if loud.size else sound


def send(sound: Sound, rate: int, line: Line, random: np.random.Generator) -> tuple[Sound, float]:
    """What arrives, at 16 kHz in steps of 16 bits, and when speech begins (s)."""
    line_rate = MODEL_RATE if line.wide else LINE_RATE
    voice = soxr.resample(sound, rate * line.speed, line_rate)
    if line.band_hz is not None:
        voice = band(voice, line_rate, *line.band_hz)
    level = 10 ** (line.level_db / 20)
    voice = voice * (level / (speech_rms(voice, line_rate) + 1e-9))
    lead, tail = round(line.lead_s * line_rate), round(line.tail_s * line_rate)
    whole = np.pad(voice, (lead, tail))
    if np.isfinite(line.snr_db):
        noise = coloured(whole.size, line.colour, random)
        if line.band_hz is not None:
            noise = band(noise, line_rate, *line.band_hz)
        whole = whole + noise * (level * 10 ** (-line.snr_db / 20) / (np.std(noise) + 1e-9))
    if line.companded:
        whole = compand(whole)
    if line.lost:
        whole = lose(whole, line.lost, line.concealed, random, line_rate // 50)
    if not line.wide:
        whole = soxr.resample(whole, LINE_RATE, MODEL_RATE)
    steps = np.clip(np.round(np.asarray(whole) * 32768), -32768, 32767) / 32768
    return steps.astype(np.float32), line.lead_s


def speech_rms(sound: Sound, rate: int) -> float:
    """Of the frames of 20 ms within 30 dB of the loudest."""
    width = rate // 50
    if sound.size < width:
        return float(np.sqrt(np.mean(sound**2))) if sound.size else 0.0
    power = np.mean(sound[: sound.size // width * width].reshape(-1, width) ** 2, axis=1)
    return float(np.sqrt(np.mean(power[power >= power.max() * 1e-3])))


@functools.lru_cache(maxsize=256)
def _taps(rate: int, low: int, high: int) -> Sound:
    """A windowed-sinc band pass, linear phase."""
    at = np.arange(-96, 97)
    ideal = 2 * high / rate * np.sinc(2 * high / rate * at) - 2 * low / rate * np.sinc(2 * low / rate * at)
    return np.asarray(ideal * np.hamming(at.size), np.float32)


def band(sound: Sound, rate: int, low: float, high: float) -> Sound:
    taps = _taps(rate, round(low, -1), round(high, -1))
    # "same" would give the length of the longer of the two, which may be the filter.
    return np.convolve(sound, taps)[96 : 96 + sound.size].astype(np.float32)


def coloured(count: int, colour: float, random: np.random.Generator) -> Sound:
    """Noise whose power falls with frequency to the power of `colour`; its RMS is 1."""
    spectrum = np.fft.rfft(random.standard_normal(count))
    spectrum *= np.maximum(np.arange(spectrum.size), count / 400) ** (-colour / 2)
    noise = np.fft.irfft(spectrum, count)
    return np.asarray(noise / (np.std(noise) + 1e-9), np.float32)


def compand(sound: Sound) -> Sound:
    """Through µ-law (ITU-T G.711, its continuous curve in 8 bits) and back."""
    clipped = np.clip(sound, -1, 1)
    code = np.round(np.log1p(255 * np.abs(clipped)) / np.log(256) * 127) / 127
    return np.asarray(np.sign(clipped) * np.expm1(code * np.log(256)) / 255, np.float32)


def lose(sound: Sound, share: float, concealed: bool, random: np.random.Generator, packet: int = PACKET) -> Sound:
    """With that share of its packets missing, one by one or two in a row."""
    heard = sound.copy()
    for start in range(packet, sound.size - packet, packet):
        if random.random() < share / 1.3:
            length = packet * (2 if random.random() < 0.3 else 1)
            gap = heard[start : start + length]
            gap[:] = np.resize(heard[start - packet : start], gap.size) * 0.6 if concealed else 0.0
    return heard
