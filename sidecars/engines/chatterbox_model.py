"""The models of `chatterbox-tts`, driven step by step: T3 makes speech tokens, and S3Gen turns them into sound.

The package's `generate()` does both for a whole text and cannot be interrupted. Here each token takes a call, sound can
be made from the tokens that exist, and everything else checks between two blocks of a network whether to continue.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from chatterbox import tts as package
from chatterbox.models.s3tokenizer import S3_TOKEN_RATE, SPEECH_VOCAB_SIZE
from chatterbox.models.t3.modules.cond_enc import T3Cond
from safetensors import safe_open
from tokenizers import Tokenizer
from transformers.generation.logits_process import (
    LogitsProcessorList,
    MinPLogitsWarper,
    RepetitionPenaltyLogitsProcessor,
    TemperatureLogitsWarper,
    TopPLogitsWarper,
)

from sidecars.engines.chatterbox_sizes import read_sizes, sized
from sidecars.engines.seam import Seam, Wave
from sidecars.weights import verify

FILES = ("ve.safetensors", "t3_cfg.safetensors", "s3gen.safetensors", "tokenizer.json", "conds.pt")
"""The files that `from_local` reads. `conds.pt` is the voice that comes with the weights."""
SAMPLE_RATE: int = package.S3GEN_SR
TOKEN_RATE: int = S3_TOKEN_RATE
FRAMES_A_TOKEN = 2
FRAME = SAMPLE_RATE // (TOKEN_RATE * FRAMES_A_TOKEN)
"""Samples in a mel frame."""
LOOKAHEAD = 3
"""The number of tokens after a frame that S3Gen's encoder looks at."""
ODE_STEPS = 10
MAX_TOKENS = 1000
"""Forty seconds."""
MAX_FRAMES = FRAMES_A_TOKEN * (MAX_TOKENS + 12 * TOKEN_RATE)
"""The most frames of a text and of the recording before it."""

log = logging.getLogger(__name__)


class Stopped(Exception):
    """The text's `stop` has become true."""


@dataclass(frozen=True, slots=True)
class Manner:
    """How to say a text; the names and defaults are those of `ChatterboxTTS.generate`."""

    exaggeration: float = 0.5
    cfg_weight: float = 0.5
    temperature: float = 0.8
    top_p: float = 1.0
    min_p: float = 0.05
    repetition_penalty: float = 1.2
    rate: float = 1.0
    seed: int | None = None


class Model:
    """One loaded checkpoint on one device. One caller at a time."""

    def __init__(self, folder: Path, device: str, dtype: torch.dtype) -> None:
        """`dtype`: the type of T3, the large part; S3Gen stays in fp32, which its vocoder needs."""
        with sized(read_sizes(folder)):
            self._tts: Any = package.ChatterboxTTS.from_local(folder, device)
        self.device = torch.device(device)
        self._t3 = self._tts.t3.to(dtype)
        self._s3gen = self._tts.s3gen
        self._watermark: Callable[..., Any] = self._tts.watermarker.apply_watermark
        self._watermark(np.zeros(SAMPLE_RATE, np.float32), sample_rate=SAMPLE_RATE)  # the first call takes long
        self._default = self._tts.conds
        self._stop: Callable[[], bool] = lambda: False
        for part in (self._t3, self._s3gen):
            for stack in (module for module in part.modules() if isinstance(module, torch.nn.ModuleList)):
                for block in stack:
                    block.register_forward_pre_hook(self._ask)

    def _ask(self, *_: object) -> None:
        if self._stop():
            raise Stopped

    @contextmanager
    def asking(self, stop: Callable[[], bool]) -> Iterator[None]:
        """Within this context, everything the model does raises `Stopped` soon after `stop` becomes true."""
        self._stop = stop
        try:
            yield
        finally:
            self._stop = lambda: False

    def warm_up(self) -> None:
        """Speaks a word without output, because the first time takes a GPU long."""
        manner, voice = Manner(), self._default
        sampler = self.sampler("Hello.", voice, manner, 1)
        tokens = [token for _ in range(10) if (token := sampler.next()) is not None]
        self.sound(voice, manner, 1).extend(tokens, last=True)

    # ------------------------------------------------------------------------------------------------- voices

    def built_in(self) -> Any:
        """The voice of `conds.pt`."""
        return self._default

    def voice_of(self, recording: Path) -> Any:
        """The voice of a recording that `librosa` can read; only its first ten seconds are used."""
        with torch.inference_mode():  # otherwise the voice would keep everything that it was computed from
            self._tts.prepare_conditionals(str(recording))
        return self._tts.conds

    # ------------------------------------------------------------------------------------------- tokens and sound

    def sampler(self, text: str, voice: Any, manner: Manner, seed: int) -> Sampler:
        condition = T3Cond(
            speaker_emb=voice.t3.speaker_emb,
            cond_prompt_speech_tokens=voice.t3.cond_prompt_speech_tokens,
            emotion_adv=torch.full((1, 1, 1), float(manner.exaggeration)),
        ).to(device=self.device, dtype=self._t3.speech_head.weight.dtype)
        return Sampler(self._t3, self._tts.tokenizer.text_to_tokens(package.punc_norm(text)), condition, manner, seed)

    def sound(self, voice: Any, manner: Manner, seed: int) -> Sound:
        return Sound(self._s3gen, self._watermark, voice.gen, manner.rate, seed)


class Sampler:
    """The speech tokens of one text, one for each call, sampled as in `T3.inference`."""

    def __init__(self, t3: Any, ids: torch.Tensor, condition: Any, manner: Manner, seed: int) -> None:
        """`ids`: the text's token ids, (1, length); `condition`: the voice, on T3's device and in its type."""
        self._t3, self._weight = t3, manner.cfg_weight
        self._generator = torch.Generator(t3.device).manual_seed(seed)
        self._rows = 2 if self._weight else 1
        """The second row, for classifier-free guidance, never sees the text."""
        ids = torch.nn.functional.pad(ids.to(t3.device), (1, 0), value=t3.hp.start_text_token)
        ids = torch.nn.functional.pad(ids, (0, 1), value=t3.hp.stop_text_token)
        start = torch.full((self._rows, 1), t3.hp.start_speech_token, device=t3.device)
        with torch.inference_mode():
            embedded, _ = t3.prepare_input_embeds(
                t3_cond=condition,
                text_tokens=ids.expand(self._rows, -1),
                speech_tokens=start,
                cfg_weight=self._weight,
            )
            # A second start token: upstream's sampling has two, regardless of the training.
            self._input = torch.cat([embedded, self._embed(start, 0)], dim=1)
        self._past: Any = None
        self._ids = start[:1]
        self._processors = LogitsProcessorList(
            [
                RepetitionPenaltyLogitsProcessor(float(manner.repetition_penalty)),
                TemperatureLogitsWarper(float(manner.temperature)),
                MinPLogitsWarper(float(manner.min_p)),
                TopPLogitsWarper(float(manner.top_p)),
            ]
        )

    def next(self) -> int | None:
        """The next token; None at the end of the text."""
        with torch.inference_mode():
            out = self._t3.tfmr(inputs_embeds=self._input, past_key_values=self._past, use_cache=True)
            self._past = out.past_key_values
            logits = self._t3.speech_head(out.last_hidden_state[:, -1]).float()
            if self._rows == 2:
                logits = logits[:1] + self._weight * (logits[:1] - logits[1:])
            chances = torch.softmax(self._processors(self._ids, logits), dim=-1)
            token = torch.multinomial(chances, 1, generator=self._generator)
            self._input = self._embed(token.expand(self._rows, 1), self._ids.shape[1])
            self._ids = torch.cat([self._ids, token], dim=1)
        number = int(token)
        return None if number == self._t3.hp.stop_speech_token else number

    def _embed(self, tokens: torch.Tensor, position: int) -> torch.Tensor:
        embedded: torch.Tensor = self._t3.speech_emb(tokens) + self._t3.speech_pos_emb.get_fixed_embedding(position)
        return embedded


class Sound:
    """The waveform of one text, made from its tokens as they come.

    For every part, all tokens so far go through S3Gen again, from the same noise, so that a part continues the previous
    ones. Samples that were returned do not change: their mel frames and their excitation are given to the vocoder
    again.
    """

    HELD = 4 * FRAME
    FADE = 2 * FRAME

    def __init__(self, s3gen: Any, watermark: Callable[..., Any], voice: Any, rate: float, seed: int) -> None:
        self._s3gen, self._watermark, self._voice, self._rate, self._seed = s3gen, watermark, voice, rate, seed
        self._noise = torch.randn(MAX_FRAMES, 80, generator=torch.Generator().manual_seed(seed)).T[None]
        self._seam = Seam(self.HELD, self.FADE)
        self._mel = torch.zeros(1, 80, 0, device=s3gen.device)
        self._source = torch.zeros(1, 1, 0, device=s3gen.device)

    def extend(self, tokens: Sequence[int], *, last: bool = False) -> Wave:
        """Returns the samples that are final now that the text's tokens, from the first one on, are `tokens`."""
        spoken = [token for token in tokens if token < SPEECH_VOCAB_SIZE]
        if len(spoken) <= LOOKAHEAD:
            return np.zeros(0, np.float32)
        kept = self._seam.given // FRAME
        with torch.inference_mode():
            mel = self._mel_of(spoken)[..., : None if last else -FRAMES_A_TOKEN * LOOKAHEAD]
            self._mel = torch.cat([self._mel[..., :kept], _stretched(mel, self._rate)[..., kept:]], dim=2)
            wave = self._vocoded()
            marked = np.asarray(self._watermark(wave, sample_rate=SAMPLE_RATE), np.float32)
        return self._seam.take(marked, last=last)

    def _mel_of(self, tokens: Sequence[int]) -> torch.Tensor:
        device = self._s3gen.device
        frames = FRAMES_A_TOKEN * (self._voice["prompt_token"].shape[1] + len(tokens))
        mel: torch.Tensor = self._s3gen(
            torch.tensor([tokens], device=device),
            ref_wav=None,
            ref_sr=None,
            ref_dict=dict(self._voice),
            # The package fails when it is told that more will come. When told that this is all, it makes the same audio
            # and a little more, which the caller cuts off.
            finalize=True,
            skip_vocoder=True,
            n_cfm_timesteps=ODE_STEPS,
            noised_mels=self._noise[..., :frames].to(device),
        )
        return mel

    def _vocoded(self) -> Wave:
        # The phases of the harmonics are drawn at random: they must be the same every time, or the seams would be
        # audible.
        with torch.random.fork_rng([self._s3gen.device] if self._s3gen.device.type == "cuda" else []):
            torch.manual_seed(self._seed)
            sound, self._source = self._s3gen.hift_inference(self._mel, self._source[..., : self._seam.given])
        fade = self._s3gen.trim_fade[: sound.shape[1]]
        sound[:, : len(fade)] *= fade  # as upstream does: removes what spills over from the recording
        wave: Wave = sound[0].float().cpu().numpy()
        return wave


def _stretched(mel: torch.Tensor, rate: float) -> torch.Tensor:
    """`mel` (…, frames) in 1/rate of the time, at the same pitch. Each frame depends on at most two of the original."""
    if rate == 1.0:
        return mel
    place = torch.arange(int((mel.shape[-1] - 1) / rate) + 1, device=mel.device) * rate
    before = place.long()
    after = (before + 1).clamp(max=mel.shape[-1] - 1)
    return mel[..., before] + (mel[..., after] - mel[..., before]) * (place - before)


def damage(folder: Path, error: Exception) -> str:
    """Explains in one line why the weights in `folder` could not be loaded. Raises `WeightsMissing` for a wrong
    checksum.
    """
    for name in FILES:
        path = folder / name
        try:
            if path.suffix == ".safetensors":
                with safe_open(path, "pt") as file:
                    file.keys()
            elif path.suffix == ".json":
                Tokenizer.from_file(str(path))
            else:
                torch.load(path, map_location="cpu", weights_only=True)
        except Exception as reason:
            verify(path)
            return f"{path} is damaged or cut short ({str(reason).splitlines()[0]})"
    return f"{folder} does not hold weights of chatterbox ({str(error).splitlines()[0]})"
