"""The first layers of the tiny model while it is trained: better conditioned, and twice as fast as NeMo's own.

Log-mel features lie about -12 with a spread of 4.5. The model takes them as they are, since NeMo's streaming pipelines
know of no fixed statistics; its first convolution is trained as if they were centred and scaled. To put mean and
spread into a convolution that was trained without them would change what its padding means, and cost 15 → 61 % of the
words.
"""

from __future__ import annotations

from typing import Any

import torch
from torch.nn.utils import parametrize

MEAN, SPREAD = -12.0, 4.5


class _Scaled(torch.nn.Module):  # type: ignore[misc]
    """The first convolution's weights, for features that are centred and scaled, as those for raw ones."""

    def forward(self, weight: torch.Tensor) -> torch.Tensor:
        return weight / SPREAD


class _Shifted(torch.nn.Module):  # type: ignore[misc]
    """And its bias. What is raw zero stays so: padding is the same before and after."""

    def __init__(self, convolution: torch.nn.Module) -> None:
        super().__init__()
        self._convolution = [convolution]  # in a list, or it would be its own submodule

    def forward(self, bias: torch.Tensor) -> torch.Tensor:
        weight: torch.Tensor = self._convolution[0].weight
        return bias - MEAN * weight.sum((1, 2, 3))


def first_convolution(model: Any) -> Any:
    return model.encoder.pre_encode.conv[0]


def parametrise(model: Any) -> None:
    convolution = first_convolution(model)
    parametrize.register_parametrization(convolution, "weight", _Scaled())
    parametrize.register_parametrization(convolution, "bias", _Shifted(convolution))


def plain_state(model: Any) -> dict[str, torch.Tensor]:
    """The weights as a model without parametrisations has them."""
    state = {key: value for key, value in model.state_dict().items() if ".parametrizations." not in key}
    convolution = first_convolution(model)
    prefix = "encoder.pre_encode.conv.0"
    state |= {f"{prefix}.weight": convolution.weight.detach(), f"{prefix}.bias": convolution.bias.detach()}
    return {key: value.detach().clone() for key, value in state.items()}


def subsample(
    module: Any, features: torch.Tensor, lengths: torch.Tensor, bf16: bool
) -> tuple[torch.Tensor, torch.Tensor]:
    """What the encoder's `pre_encode` gives (batch x frames of 80 ms x width, lengths) of batch x 80 x frames.

    It takes half the time, because it puts the channels last. In half precision the first layer is a product of
    matrices, and the depth-wise convolutions, whose gradient is slow in it, are done in full.
    """
    first, *rest = [layer for layer in module.conv if not isinstance(layer, torch.nn.ReLU)]

    def half() -> torch.autocast:
        return torch.autocast(features.device.type, torch.bfloat16, enabled=bf16)

    def ended(found: torch.Tensor) -> torch.Tensor:
        """Zeros after the end of each utterance."""
        inside = torch.arange(found.shape[2], device=found.device) < lengths[:, None]
        return found * inside[:, None, :, None].to(found.dtype)

    windows = torch.nn.functional.pad(features.transpose(1, 2), (2, 1, 2, 1)).unfold(1, 3, 2).unfold(2, 3, 2)
    with half():
        found = torch.relu(torch.nn.functional.linear(windows.flatten(-2), first.weight.flatten(1), first.bias))
    found = found.permute(0, 3, 1, 2)  # batch x channels x frames x frequencies to convolutions, not in memory
    lengths = lengths // 2 + 1
    for deep, point in zip(rest[::2], rest[1::2], strict=True):
        padded = torch.nn.functional.pad(ended(found).float(), (2, 1, 2, 1)).contiguous(
            memory_format=torch.channels_last
        )
        found = torch.nn.functional.conv2d(padded, deep.weight, deep.bias, stride=2, groups=deep.groups)
        with half():
            found = torch.relu(point(found))
        lengths = lengths // 2 + 1
    with half():
        return module.out(ended(found).transpose(1, 2).flatten(2)).float(), lengths
