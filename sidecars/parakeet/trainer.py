"""Training of the tiny model, a step at a time."""

from __future__ import annotations

import math
import random
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import distributed

from sidecars.parakeet import ctc
from sidecars.parakeet.batches import FRAMES, Batch, batches, collate
from sidecars.parakeet.subsampling import parametrise, subsample
from sidecars.parakeet.utterances import Utterances

WARM_UP = 100
FLAT = 0.25
"""Share of the time before the learning rate begins to fall."""
MIXED_FROM = 0.5
"""Share of the time after which the other look-aheads are trained too."""
MIXED = (0.7, 0.1, 0.1, 0.1)
RATE, LAST_RATE = 1e-3, 1e-5


@dataclass
class Trainer:
    model: Any
    device: str = "cpu"
    bf16: bool = False
    rate: float = RATE
    step: int = 0
    spent_s: float = 0.0
    share: float = 0.0
    """Of the time that is spent; the same in all workers."""
    curve: list[dict[str, float]] = field(default_factory=list)

    def __post_init__(self) -> None:
        parametrise(self.model)
        self.model.encoder.sync_max_audio_length = False  # or workers would wait for the first when it measures alone
        self.model.to(self.device)
        self.optimizer = torch.optim.AdamW(
            self.model.parameters(), lr=self.rate, betas=(0.9, 0.98), weight_decay=1e-3, fused=True
        )
        self._places: dict[str, list[tuple[int, float]]] = {}

    def log_probs(self, batch: Batch) -> tuple[torch.Tensor, torch.Tensor]:
        found, lengths = subsample(self.model.encoder.pre_encode, batch.features, batch.lengths, self.bf16)
        with torch.autocast(self.device, torch.bfloat16, enabled=self.bf16):
            encoded, lengths = self.model.encoder(audio_signal=found, length=lengths, bypass_pre_encode=True)
        # The decoder is a convolution of width 1, and its softmax wants the precision.
        return self.model.decoder(encoder_output=encoded.float()), lengths

    def centre(self, batch: Batch) -> None:
        """Scales the subsampling's output to mean 0 and spread 1 in every channel, as it is before training."""
        with torch.no_grad():
            out = self.model.encoder.pre_encode.out
            found, lengths = self.model.encoder.pre_encode(x=batch.features.transpose(1, 2), lengths=batch.lengths)
            rows = torch.cat([one[:length] for one, length in zip(found, lengths.tolist(), strict=True)])
            mean, spread = rows.mean(0), rows.std(0) + 1e-5
            out.weight.div_(spread[:, None])
            out.bias.sub_(mean).div_(spread)

    def train(self, batch: Batch, chance: random.Random) -> float:
        """One step; the loss per token."""
        self.model.train()
        log_probs, lengths = self.log_probs(batch)
        places = [self._token_places(item.text) for item in batch.items]
        onsets = torch.tensor([item.onset for item in batch.items], device=self.device)
        judged = ctc.mask_onset(log_probs, onsets)
        if strength := ctc.band_strength(self.step):
            spans = [(item.onset // 8, item.end // 8 + 2) for item in batch.items]
            judged = judged + strength * ctc.band(log_probs, places, spans)
        targets = [token for place in places for token, _ in place]
        losses = torch.nn.functional.ctc_loss(
            judged.transpose(0, 1),
            torch.tensor(targets, device=self.device),
            lengths,
            torch.tensor([len(place) for place in places], device=self.device),
            blank=log_probs.shape[-1] - 1,
            reduction="none",
            zero_infinity=True,
        )
        loss = losses.sum() / len(targets)
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        if distributed.is_initialized():
            self._average()
        torch.nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
        self.optimizer.step()
        self.step += 1
        return float(loss.detach())

    def _average(self) -> None:
        """Gives every worker the mean of their gradients, and the first one's clock."""
        gradients = [weights.grad for weights in self.model.parameters() if weights.grad is not None]
        clock = torch.tensor([self.share * distributed.get_world_size() if distributed.get_rank() == 0 else 0.0])
        flat = torch.cat([clock, *(gradient.flatten() for gradient in gradients)])
        distributed.all_reduce(flat)
        flat /= distributed.get_world_size()
        self.share = float(flat[0])
        for gradient, mean in zip(gradients, flat[1:].split([one.numel() for one in gradients]), strict=True):
            gradient.copy_(mean.view_as(gradient))

    def _token_places(self, text: str) -> list[tuple[int, float]]:
        if text not in self._places:
            self._places[text] = ctc.token_places(self.model.tokenizer, text)
        return self._places[text]

    def set_rate(self) -> None:
        falling = max(0.0, (self.share - FLAT) / (1 - FLAT))
        rate = LAST_RATE + (self.rate - LAST_RATE) * 0.5 * (1 + math.cos(math.pi * min(1.0, falling)))
        for group in self.optimizer.param_groups:
            group["lr"] = rate * min(1.0, (self.step + 1) / WARM_UP)
        self.model.encoder.att_context_probs = list(MIXED) if self.share >= MIXED_FROM else [1.0, 0.0, 0.0, 0.0]

    def word_error_rate(self, data: Utterances, count: int | None = None) -> float:
        self.model.eval()
        wrong = words = 0
        for items in batches(data.items[:count], random.Random(0), 4 * FRAMES):
            with torch.no_grad():
                log_probs, lengths = self.log_probs(collate(data, items, self.device))
            for item, tokens in zip(items, ctc.greedy(log_probs, lengths), strict=True):
                wrong += ctc.word_errors(item.text, self.model.tokenizer.ids_to_text(tokens))
                words += len(item.text.split())
        return wrong / words

    def save(self, path: Path) -> None:
        state = {
            "model": self.model.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "step": self.step,
            "spent_s": self.spent_s,
            "curve": self.curve,
        }
        torch.save(state, path.with_suffix(".new"))
        path.with_suffix(".new").replace(path)

    def load(self, path: Path) -> None:
        state = torch.load(path, map_location=self.device)
        self.model.load_state_dict(state["model"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.step, self.spent_s, self.curve = state["step"], state["spent_s"], state["curve"]
