"""Networks with weights that are used more than once."""

from __future__ import annotations

import copy

import torch
import torch.nn.functional as F
from torch import Tensor, nn


def trained(net: nn.Module) -> nn.Module:
    """In eval mode, with batch norms that do something."""
    for module in net.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.running_mean = torch.randn(module.num_features) * 0.3
            module.running_var = torch.rand(module.num_features) + 0.5
    return net.eval()


class Siamese(nn.Module):
    """One encoder (with a residual block) for both halves of an image; ``untied``: an equal one for each."""

    def __init__(self, untied: bool = False) -> None:
        super().__init__()
        self.encoder = nn.Sequential(nn.Conv2d(3, 32, 3, 2, 1, bias=False), nn.BatchNorm2d(32), nn.ReLU(), Residual())
        self.other = copy.deepcopy(self.encoder) if untied else self.encoder
        self.after = nn.Conv2d(32, 16, 1)
        self.fc = nn.Linear(16, 4)

    def forward(self, x: Tensor) -> Tensor:
        gap = self.encoder(x[..., :16]) - self.other(x[..., 16:])
        out: Tensor = self.fc(F.relu(self.after(gap)).mean((2, 3)))
        return out


class Residual(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.first, self.norm = nn.Conv2d(32, 32, 3, padding=1, bias=False), nn.BatchNorm2d(32)
        self.second = nn.Conv2d(32, 32, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(x + self.second(F.relu(self.norm(self.first(x)))))


class OwnNorms(nn.Module):
    """One convolution for two sizes of the image, with a batch norm of its own for each."""

    def __init__(self) -> None:
        super().__init__()
        self.stem, self.head = nn.Conv2d(3, 16, 3, 2, 1), nn.Conv2d(16, 16, 3, padding=1, bias=False)
        self.large, self.small, self.fc = nn.BatchNorm2d(16), nn.BatchNorm2d(16), nn.Linear(16, 4)

    def forward(self, x: Tensor) -> Tensor:
        x = F.relu(self.stem(x))
        large = F.relu(self.large(self.head(x))).mean((2, 3))
        small = F.relu(self.small(self.head(F.max_pool2d(x, 2)))).mean((2, 3))
        out: Tensor = self.fc(large + small)
        return out


class SharedParameter(nn.Module):
    """Two convolutions with biases of their own and one weight."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 16, 3, 2, 1)
        self.a, self.b = nn.Conv2d(16, 16, 3, padding=1), nn.Conv2d(16, 16, 3, padding=1)
        self.b.weight = self.a.weight
        self.fc = nn.Linear(16, 4)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.fc(F.relu(self.b(F.relu(self.a(F.relu(self.stem(x)))))).mean((2, 3)))
        return out
