"""Small networks, each of one structure that people's networks have."""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils import parametrizations, spectral_norm, weight_norm
from torchvision import transforms


class FlatNorms(nn.Module):
    """A head as fastai's: norms over flat features, one before and one behind the activation."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 8, 3, padding=1)
        self.head = nn.Sequential(
            nn.BatchNorm1d(16), nn.Dropout(), nn.Linear(16, 12, bias=False),
            nn.ReLU(), nn.BatchNorm1d(12), nn.Dropout(), nn.Linear(12, 4),
        )  # fmt: skip

    def forward(self, x: Tensor) -> Tensor:
        x = F.relu(self.conv(x))
        return self.head(torch.cat([F.adaptive_max_pool2d(x, 1), F.adaptive_avg_pool2d(x, 1)], 1).flatten(1))  # type: ignore[no-any-return]


class Temporal(nn.Module):
    """A causal convolution cut at its end, a norm behind the activation, an even kernel with "same" padding."""

    def __init__(self) -> None:
        super().__init__()
        self.first = parametrizations.weight_norm(nn.Conv1d(2, 8, 3, padding=2))
        self.norm = nn.BatchNorm1d(8)
        self.second = nn.Conv1d(8, 8, 4, padding="same")
        self.head = nn.Linear(8, 4)

    def forward(self, x: Tensor) -> Tensor:
        x = self.norm(F.relu(self.first(x)[:, :, :-2]))
        return self.head(F.relu(self.second(x))[:, :, -1])  # type: ignore[no-any-return]


class Volumetric(nn.Module):
    """A norm behind the activation, over volumes."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.norm = nn.Conv3d(2, 8, 3, padding=1), nn.BatchNorm3d(8)
        self.second, self.head = nn.Conv3d(8, 8, (2, 3, 3), padding="same"), nn.Linear(8, 4)

    def forward(self, x: Tensor) -> Tensor:
        x = F.relu(self.second(self.norm(F.relu(self.first(x)))))
        return self.head(x.mean((2, 3, 4)))  # type: ignore[no-any-return]


class Plain(nn.Module):
    """Two convolutions and a linear layer, for what stands around them."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = nn.Conv2d(3, 8, 3, padding=1), nn.Conv2d(8, 8, 3, padding=1)
        self.head = nn.Linear(8, 4)

    def before(self, x: Tensor) -> Tensor:
        return x

    def between(self, x: Tensor) -> Tensor:
        return x

    def forward(self, x: Tensor) -> Tensor:
        x = self.between(F.relu(self.first(self.before(x))))
        return self.head(F.relu(self.second(x)).mean((2, 3)))  # type: ignore[no-any-return]


class LengthOfBatch(Plain):
    def before(self, x: Tensor) -> Tensor:
        return x.reshape(len(x), 3, 64).view(int(x.shape[0]), 3, 8, 8)


class BatchInAShape(Plain):
    def between(self, x: Tensor) -> Tensor:
        batch, channels, height, width = x.size()
        return torch.cat([x, torch.zeros(batch, channels, height, 1)], 3).view(batch, 2, -1, height, width + 1).sum(1)

    def __init__(self) -> None:
        super().__init__()
        self.second = nn.Conv2d(4, 8, 3, padding=1)


class Normalized(Plain):
    """The images are normalised inside of the model, by what is no module."""

    def __init__(self) -> None:
        super().__init__()
        self.normalize = transforms.Compose([transforms.Normalize([0.4, 0.5, 0.6], [0.2, 0.2, 0.3])])

    def before(self, x: Tensor) -> Tensor:
        return self.normalize(x)  # type: ignore[no-any-return]


class Circular(Plain):
    def __init__(self) -> None:
        super().__init__()
        self.first.padding_mode = "circular"
        self.second.padding_mode = "reflect"

    def between(self, x: Tensor) -> Tensor:
        return F.pad(x, (1, 0, 2, 1), "circular")


class StandardizedConv(nn.Conv2d):
    def forward(self, x: Tensor) -> Tensor:
        mean, deviation = self.weight.mean((1, 2, 3), keepdim=True), self.weight.std((1, 2, 3), keepdim=True)
        return F.conv2d(x, (self.weight - mean) / (deviation + 1e-5), self.bias, self.stride, self.padding)


class ComputedWeights(Plain):
    """A weight of each kind that is computed from other parameters."""

    def __init__(self) -> None:
        super().__init__()
        self.first = parametrizations.weight_norm(self.first)
        self.second = nn.Sequential(
            weight_norm(self.second), nn.ReLU(), parametrizations.spectral_norm(nn.Conv2d(8, 8, 3)),
            spectral_norm(nn.Conv2d(8, 8, 1)), nn.ReLU(), StandardizedConv(8, 8, 3, padding=1),
        )  # type: ignore[assignment]  # fmt: skip
        self.head = parametrizations.weight_norm(self.head)


class Shifted(Plain):
    """Channels shifted along the width by assignment, as in a temporal shift module."""

    def between(self, x: Tensor) -> Tensor:
        out = torch.zeros_like(x)
        out[:, :2, :, :-1] = x[:, :2, :, 1:]
        out[:, 2:4, :, 1:] = x[:, 2:4, :, :-1]
        out[:, 4:] = x[:, 4:]
        return out


class Shuffled(nn.Module):
    """Pixels made of channels, by a pixel shuffle and by a transposed convolution with a norm behind it."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = nn.Conv2d(3, 8, 3, padding=1), nn.Conv2d(8, 16, 3, padding=1)
        self.third = nn.Conv2d(4, 8, 3, 2, 1)
        self.up, self.norm = nn.ConvTranspose2d(8, 6, 3, 2, 1, output_padding=1, bias=False), nn.BatchNorm2d(6)
        self.last, self.head = nn.Conv2d(6, 8, 3, 2, 1), nn.Linear(8, 4)

    def forward(self, x: Tensor) -> Tensor:
        x = F.relu(F.pixel_shuffle(self.second(F.relu(self.first(x))), 2))
        x = F.relu(self.norm(self.up(F.relu(self.third(x)))))
        return self.head(F.relu(self.last(x)).mean((2, 3)))  # type: ignore[no-any-return]


class ChannelShuffle(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 16, 3, padding=1)
        self.branch = nn.Sequential(
            nn.Conv2d(8, 8, 1), nn.ReLU(), nn.Conv2d(8, 8, 3, 1, 1, groups=8), nn.Conv2d(8, 8, 1)
        )
        self.last, self.head = nn.Conv2d(16, 8, 1), nn.Linear(8, 4)

    def forward(self, x: Tensor) -> Tensor:
        left, right = F.relu(self.stem(x)).chunk(2, dim=1)
        x = torch.cat((left, self.branch(right)), 1)
        batch, channels, height, width = x.size()
        x = x.view(batch, 2, channels // 2, height, width).transpose(1, 2).contiguous().view(batch, -1, height, width)
        return self.head(F.relu(self.last(x)).mean((2, 3)))  # type: ignore[no-any-return]


class Attending(nn.Module):
    """A vision transformer's block: q, k and v unbound from one linear layer, a class token, a count of images."""

    def __init__(self, width: int = 12) -> None:
        super().__init__()
        self.patch, self.token = nn.Conv2d(3, width, 4, 4), nn.Parameter(torch.randn(1, 1, width))
        self.norm, self.qkv, self.proj = nn.LayerNorm(width), nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.mlp = nn.Sequential(nn.Linear(width, 16), nn.GELU(), nn.Linear(16, width))
        self.head = nn.Linear(width, 4)

    def forward(self, x: Tensor) -> Tensor:
        x = self.patch(x).flatten(2).transpose(1, 2)
        x = torch.cat((self.token.expand(len(x), -1, -1), x), 1)
        batch, places, width = x.shape
        q, k, v = self.qkv(self.norm(x)).reshape(batch, places, 3, 2, width // 2).permute(2, 0, 3, 1, 4).unbind(0)
        attended = F.scaled_dot_product_attention(q, k, v).transpose(1, 2).reshape(batch, places, width)
        x = x + self.proj(attended)
        return self.head((x + self.mlp(x))[:, 0])  # type: ignore[no-any-return]


class DepthwiseMultiplier(nn.Module):
    """EEGNet's start: one input channel, a flat kernel, two outputs for each input channel."""

    def __init__(self) -> None:
        super().__init__()
        self.time = nn.Conv2d(1, 4, (1, 4), padding="same", bias=False)
        self.norm = nn.BatchNorm2d(4)
        self.space = nn.Conv2d(4, 8, (6, 1), groups=4, bias=False)
        self.point, self.head = nn.Conv2d(8, 8, 1), nn.Linear(8 * 4, 4)

    def forward(self, x: Tensor) -> Tensor:
        x = F.avg_pool2d(F.elu(self.space(self.norm(self.time(x)))), (1, 4))
        return self.head(F.elu(self.point(x)).flatten(1))  # type: ignore[no-any-return]


class GroupNormed(Plain):
    def __init__(self) -> None:
        super().__init__()
        self.norm = nn.GroupNorm(4, 8)

    def between(self, x: Tensor) -> Tensor:
        return F.relu(self.norm(x))


class Masked(Plain):
    """Features times a mask of one channel."""

    def __init__(self) -> None:
        super().__init__()
        self.mask, self.body = nn.Conv2d(8, 1, 1), nn.Conv2d(8, 8, 1)

    def between(self, x: Tensor) -> Tensor:
        return torch.sigmoid(self.mask(x)) * F.relu(self.body(x))


class Skipping(nn.Module):
    """A U-Net of one level: a transposed convolution and a concatenation over the skip."""

    def __init__(self) -> None:
        super().__init__()
        self.down, self.deep = nn.Conv2d(3, 8, 3, padding=1), nn.Conv2d(8, 12, 3, padding=1)
        self.up, self.join, self.out = (
            nn.ConvTranspose2d(12, 8, 2, 2),
            nn.Conv2d(16, 8, 3, padding=1),
            nn.Conv2d(8, 3, 1),
        )

    def forward(self, x: Tensor) -> Tensor:
        high = F.relu(self.down(x))
        low = F.relu(self.deep(F.max_pool2d(high, 2)))
        return self.out(F.relu(self.join(torch.cat([self.up(low), high], 1))))  # type: ignore[no-any-return]


IMAGE = (3, 8, 8)
STRUCTURES: dict[str, tuple[Callable[[], nn.Module], tuple[int, ...], set[str]]] = {
    "flat norms": (FlatNorms, IMAGE, {"conv", "head.2"}),
    "temporal": (Temporal, (2, 16), {"first", "second"}),
    "volumetric": (Volumetric, (2, 4, 6, 6), {"first", "second"}),
    "length of the batch": (LengthOfBatch, IMAGE, {"first", "second"}),
    "batch in a shape": (BatchInAShape, IMAGE, {"second"}),
    "normalized inside": (Normalized, IMAGE, {"first", "second"}),
    "circular padding": (Circular, IMAGE, {"first", "second"}),
    "computed weights": (ComputedWeights, IMAGE, {"first", "second.0", "second.2", "second.3", "second.5"}),
    "shift by assignment": (Shifted, IMAGE, {"second"}),
    "pixels of channels": (Shuffled, IMAGE, {"first", "last"}),
    "channel shuffle": (ChannelShuffle, IMAGE, {"branch.0", "last"}),
    "attention": (Attending, IMAGE, {"mlp.0"}),
    "depthwise multiplier": (DepthwiseMultiplier, (1, 6, 16), {"point"}),
    "group norm": (GroupNormed, IMAGE, {"second"}),
    "spatial mask": (Masked, IMAGE, {"first", "body", "second"}),
    "skip concatenation": (Skipping, IMAGE, {"down", "join"}),
    "data parallel": (lambda: nn.DataParallel(Plain()), IMAGE, {"first", "second"}),
}
"""Makes the network; the shape of an image; the first layer of each group of channels that can be pruned."""
