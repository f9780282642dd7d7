"""What makes a small streaming CTC model learn from nothing, and how it is decoded and judged.

Left to itself, a causal CTC model learns to write an utterance's first tokens before it has heard them, and sticks at
a quarter of the words wrong even on 32 utterances. Two terms keep it from that, both in log-probabilities.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch

MASKED = -30.0
BAND = -8.0
BAND_FULL, BAND_GONE = 400, 1_000
"""Steps up to which the band holds fully, and from which it is gone."""


def mask_onset(log_probs: torch.Tensor, onsets: torch.Tensor) -> torch.Tensor:
    """No token before one can have been heard. `log_probs`: batch x frames of 80 ms x tokens with the blank last;
    `onsets`: the frames of 10 ms in which speech begins."""
    frames = torch.arange(log_probs.shape[1], device=log_probs.device)
    early = frames[None, :] < (onsets // 8 + 2)[:, None]
    penalty = early[:, :, None] * MASKED
    return torch.cat((log_probs[..., :-1] + penalty, log_probs[..., -1:]), dim=-1)


def band_strength(step: int) -> float:
    return min(1.0, max(0.0, (BAND_GONE - step) / (BAND_GONE - BAND_FULL)))


def band(
    log_probs: torch.Tensor, places: Sequence[Sequence[tuple[int, float]]], spans: Sequence[tuple[int, int]]
) -> torch.Tensor:
    """A penalty (same shape) on tokens far from where they ought to be, were all letters equally long.

    `places`: by utterance, each token of its text and the share of its letters that have been said when it ends;
    `spans`: first and last frame (80 ms) of speech.
    """
    penalty = torch.zeros_like(log_probs)
    frames = torch.arange(log_probs.shape[1], device=log_probs.device)
    for index, (tokens, (first, last)) in enumerate(zip(places, spans, strict=True)):
        reach = 3 + 0.08 * (last - first)
        near: dict[int, torch.Tensor] = {}
        for token, share in tokens:
            inside = (frames - (first + share * (last - first))).abs() <= reach
            near[token] = near[token] | inside if token in near else inside
        for token, inside in near.items():
            penalty[index, :, token] = (~inside) * BAND
    return penalty


def token_places(tokenizer: Any, text: str) -> list[tuple[int, float]]:
    """Tokens of `text`, each with the share of the letters up to its end."""
    ids = tokenizer.text_to_ids(text)
    lengths = [len(piece) for piece in tokenizer.ids_to_tokens(ids)]
    total, ends, so_far = sum(lengths), [], 0
    for length in lengths:
        so_far += length
        ends.append(so_far / total)
    return list(zip(ids, ends, strict=True))


def greedy(log_probs: torch.Tensor, lengths: torch.Tensor) -> list[list[int]]:
    """Best token of every frame, without repetitions and blanks."""
    blank = log_probs.shape[-1] - 1
    found = []
    for best, length in zip(log_probs.argmax(-1), lengths.tolist(), strict=True):
        kept = torch.unique_consecutive(best[:length]).tolist()
        found.append([token for token in kept if token != blank])
    return found


def word_errors(said: str, heard: str) -> int:
    """Substitutions, deletions and insertions of words."""
    wanted, got = said.split(), heard.split()
    row = list(range(len(got) + 1))
    for i, word in enumerate(wanted, 1):
        before, row[0] = row[0], i
        for j, other in enumerate(got, 1):
            before, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, before + (word != other))
    return row[-1]
