"""Small networks with several inputs or outputs, nested in every way, and batches for them."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

CLASSES = 4


def block(before: int, after: int, stride: int = 1) -> nn.Sequential:
    return nn.Sequential(nn.Conv2d(before, after, 3, stride, 1, bias=False), nn.BatchNorm2d(after), nn.ReLU())


class TwoInputs(nn.Module):
    """Colour and depth, each through a convolution of its own, joined along the channels."""

    def __init__(self) -> None:
        super().__init__()
        self.colour, self.distance, self.both = block(3, 8), block(1, 8), block(16, 16, 2)
        self.head = nn.Linear(16, CLASSES)

    def forward(self, image: Tensor, depth: Tensor) -> Tensor:
        joined = torch.cat([self.colour(image), self.distance(depth)], 1)
        logits: Tensor = self.head(self.both(joined).mean((2, 3)))
        return logits


class OneDict(TwoInputs):
    def forward(self, sample: dict[str, Tensor]) -> Tensor:  # type: ignore[override]
        return super().forward(sample["image"], sample["depth"])


@dataclass
class Sample:
    image: Tensor
    depth: Tensor


class OneDataclass(TwoInputs):
    def forward(self, sample: Sample) -> Tensor:  # type: ignore[override]
        return super().forward(sample.image, sample.depth)


class OnePair(TwoInputs):
    def forward(self, pair: tuple[Tensor, Tensor]) -> Tensor:  # type: ignore[override]
        return super().forward(*pair)


class TwoOutputs(nn.Module):
    """Classes of an image, and a map of where."""

    def __init__(self) -> None:
        super().__init__()
        self.stem, self.body = block(3, 8), block(8, 16, 2)
        self.head, self.where = nn.Linear(16, CLASSES), nn.Conv2d(16, 1, 1)

    def both(self, x: Tensor) -> tuple[Tensor, Tensor]:
        features = self.body(self.stem(x))
        return self.head(features.mean((2, 3))), self.where(features)

    def forward(self, x: Tensor) -> Any:
        return self.both(x)


class DictOfOutputs(TwoOutputs):
    def forward(self, x: Tensor) -> Any:
        logits, where = self.both(x)
        return OrderedDict(logits=logits, where=where)


@dataclass
class Found:
    logits: Tensor
    where: Tensor
    loss: Tensor | None = None


class DataclassOfOutputs(TwoOutputs):
    def forward(self, x: Tensor) -> Any:
        return Found(*self.both(x))


class Pair(NamedTuple):
    logits: Tensor
    where: Tensor


class NamedTupleOfOutputs(TwoOutputs):
    def forward(self, x: Tensor) -> Any:
        return Pair(*self.both(x))


class Tokens(nn.Module):
    """A table that is looked up in front of convolutions, and a mask of what counts."""

    def __init__(self) -> None:
        super().__init__()
        self.table = nn.Embedding(20, 8)
        self.first, self.second = block(8, 16), block(16, 16)
        self.head = nn.Linear(16, CLASSES)

    def forward(self, tokens: Tensor, mask: Tensor) -> Tensor:
        counted = mask.unsqueeze(1).float()
        features = self.second(self.first(self.table(tokens).permute(0, 3, 1, 2)) * counted)
        logits: Tensor = self.head((features * counted).sum((2, 3)) / counted.sum((2, 3)).clamp(min=1))
        return logits


def batch_of(kind: type[nn.Module], count: int = 4, seed: int = 0) -> Any:
    """Random inputs for a network of this file, nested as its ``forward`` takes them."""
    generator = torch.Generator().manual_seed(seed)
    if issubclass(kind, Tokens):
        tokens = torch.randint(20, (count, 6, 6), generator=generator)
        return tokens, torch.rand(count, 6, 6, generator=generator) < 0.7
    image = torch.randn(count, 3, 12, 12, generator=generator)
    if issubclass(kind, TwoOutputs):
        return image
    depth = torch.randn(count, 1, 12, 12, generator=generator)
    if issubclass(kind, OneDict):
        return {"image": image, "depth": depth}
    return Sample(image, depth) if issubclass(kind, OneDataclass) else (image, depth)


def made(kind: type[nn.Module], seed: int = 0) -> nn.Module:
    """The network in eval mode, with weights drawn by ``seed`` and batch norms that have seen something."""
    torch.manual_seed(seed)
    net = kind()
    for module in net.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.running_mean = torch.randn(module.num_features) * 0.1
            module.running_var = torch.rand(module.num_features) + 0.5
    return net.eval()


class Everything(nn.Module):
    """Four inputs of four types, three outputs of two, residual blocks in between."""

    def __init__(self) -> None:
        super().__init__()
        self.colour, self.distance = block(3, 8), block(1, 8)
        self.one = nn.Sequential(block(16, 16), nn.Conv2d(16, 16, 3, padding=1))
        self.two = nn.Sequential(block(16, 16), nn.Conv2d(16, 16, 3, padding=1))
        self.head, self.where = nn.Linear(17, CLASSES), nn.Conv2d(16, 2, 1)

    def forward(self, image: Tensor, depth: Tensor, count: Tensor, mask: Tensor) -> dict[str, Tensor]:
        x = torch.cat([self.colour(image), self.distance(depth)], 1)
        x = torch.relu(x + self.one(x))
        x = torch.relu(x + self.two(x))
        where = self.where(x) * mask[:, None].float()
        pooled = torch.cat([x.mean((2, 3)), count[:, None].float()], 1)
        return {"logits": self.head(pooled), "where": where, "label": where.argmax(1)}


def everything(count: int = 4, seed: int = 0) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Random inputs for :class:`Everything`."""
    generator = torch.Generator().manual_seed(seed)
    image = torch.randn(count, 3, 12, 12, generator=generator)
    depth = torch.randn(count, 1, 12, 12, generator=generator)
    numbers = torch.randint(5, (count,), generator=generator)
    return image, depth, numbers, torch.rand(count, 12, 12, generator=generator) < 0.7
