"""Networks as users write them, each exported once a process."""

from __future__ import annotations

import functools

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from parefront.spaces.network.trace import Traced, trace

from ..flat import images


class SamePadded(nn.Module):
    """TensorFlow's "SAME" padding before strided convolutions, means for pooling, log-probabilities out."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 16, 3, 2, bias=False)
        self.norm = nn.BatchNorm2d(16, affine=False)
        self.depthwise = nn.Conv2d(16, 16, 3, 2, groups=16)
        self.wide = nn.Conv2d(16, 32, 5, 2)
        self.head = nn.Linear(32, 5)

    def forward(self, x: Tensor) -> Tensor:
        x = F.relu6(self.norm(self.stem(F.pad(x, (0, 1, 0, 1)))))
        x = F.relu6(self.depthwise(F.pad(x, (0, 1, 0, 1))))
        x = F.relu6(self.wide(F.pad(x, (1, 2, 1, 2))))
        return F.log_softmax(self.head(x.mean((2, 3))), 1)


class Mixed(nn.Module):
    """A layer that is used twice, a transformer-like block over the last axis, norms that cannot be folded."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 16, 3, padding=1)
        self.twice = nn.Conv2d(16, 16, 3, padding=1)
        self.group = nn.GroupNorm(4, 16)
        self.norm = nn.LayerNorm(16)
        self.inner = nn.Linear(16, 64)
        self.outer = nn.Linear(64, 16)
        self.head = nn.Linear(16 * 6 * 10, 5)

    def forward(self, x: Tensor) -> Tensor:
        x = F.relu(self.twice(F.relu(self.twice(self.stem(x)))))
        x = self.group(x)
        inner = F.gelu(self.inner(self.norm(x.permute(0, 2, 3, 1))))
        x = x + self.outer(inner).permute(0, 3, 1, 2)
        out: Tensor = self.head(x.reshape(x.shape[0], -1))
        return out


@functools.cache
def same_padded() -> tuple[nn.Module, Traced]:
    torch.manual_seed(0)
    model = SamePadded().eval()
    assert model.norm.running_mean is not None
    model.norm.running_mean.normal_(0, 0.1)
    return model, trace(model, images(2, 3, 16, 16))


@functools.cache
def mixed() -> tuple[nn.Module, Traced]:
    torch.manual_seed(0)
    model = Mixed().eval()
    return model, trace(model, images(2, 3, 6, 10))
