"""Batches of utterances for training: of a like length, in any order."""

from __future__ import annotations

import math
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch

from sidecars.parakeet.utterances import Utterance, Utterances

FRAMES = 4_800
"""Of 10 ms, in a batch."""
SHORT_FIRST = 1_000
"""Steps in which longer and longer utterances are let in."""


@dataclass
class Batch:
    features: torch.Tensor
    """Batch x 80 x frames, zeros after the end, as NeMo pads."""
    lengths: torch.Tensor
    items: list[Utterance]


def collate(data: Utterances, items: Sequence[Utterance], device: str) -> Batch:
    longest = max(item.frames for item in items)
    features = torch.zeros(len(items), 80, longest)
    for index, item in enumerate(items):
        features[index, :, : item.frames] = torch.from_numpy(data.features(item)).T
    return Batch(features.to(device), torch.tensor([item.frames for item in items], device=device), list(items))


def batches(items: Sequence[Utterance], chance: random.Random, limit: int = FRAMES) -> list[list[Utterance]]:
    """All items once, those of a like length together, in any order."""
    found: list[list[Utterance]] = [[]]
    for item in sorted(items, key=lambda item: item.frames * chance.uniform(0.9, 1.1)):
        longest = max(item.frames, *(other.frames for other in found[-1])) if found[-1] else item.frames
        if found[-1] and longest * (len(found[-1]) + 1) > limit:
            found.append([])
        found[-1].append(item)
    chance.shuffle(found)
    return found


def supply(
    items: Sequence[Utterance], chance: random.Random, step: int, short_first: bool, limit: int
) -> Iterator[list[Utterance]]:
    """Batches without end; in the first steps the shorter utterances only."""
    by_length = sorted(items, key=lambda item: item.frames)
    while True:
        ready = step >= SHORT_FIRST or not short_first
        share = 1.0 if ready else 0.4 + 0.6 * step / SHORT_FIRST
        ordered = batches(by_length[: max(1, math.ceil(share * len(by_length)))], chance, limit)
        for batch in ordered if ready else ordered[:100]:
            yield batch
            step += 1
