"""Small networks of many kinds, as users write them: what of each is offered, and what is listed, is tested."""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils import parametrizations

from .tied import Siamese


class UNet(nn.Module):
    """Transposed convolutions, one with a batch norm behind it, whose outputs are set beside earlier ones."""

    def __init__(self) -> None:
        super().__init__()
        self.down, self.mid = nn.Conv2d(3, 16, 3, padding=1), nn.Conv2d(16, 24, 3, 2, 1)
        self.up, self.norm = nn.ConvTranspose2d(24, 16, 2, 2, bias=False), nn.BatchNorm2d(16)
        self.last = nn.Conv2d(32, 2, 1)

    def forward(self, x: Tensor) -> Tensor:
        wide = F.relu(self.down(x))
        up = F.relu(self.norm(self.up(F.relu(self.mid(wide)))))
        out: Tensor = self.last(torch.cat([up, wide], 1))
        return out


class SpatialMask(nn.Module):
    """One channel times many; and an attention over pixels from the mean and the maximum of the channels."""

    def __init__(self, attention: bool = False) -> None:
        super().__init__()
        self.stem, self.body = nn.Conv2d(3, 16, 3, 2, 1), nn.Conv2d(16, 16, 3, padding=1)
        self.inner, self.mask = nn.Conv2d(2 if attention else 16, 8, 3, padding=1), nn.Conv2d(8, 1, 1)
        self.last, self.head = nn.Conv2d(16, 16, 3, padding=1), nn.Linear(16, 4)
        self.attention = attention

    def forward(self, x: Tensor) -> Tensor:
        x = F.relu(self.stem(x))
        read = torch.cat([x.mean(1, keepdim=True), x.amax(1, keepdim=True)], 1) if self.attention else x
        x = torch.sigmoid(self.mask(F.relu(self.inner(read)))) * F.relu(self.body(x))
        out: Tensor = self.head(F.relu(self.last(x)).mean((2, 3)))
        return out


class Shuffled(nn.Module):
    """A sub-pixel convolution."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.up, self.out = nn.Conv2d(3, 16, 3, 1, 1), nn.Conv2d(16, 64, 3, 1, 1), nn.Conv2d(16, 1, 3, 1, 1)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.out(F.relu(F.pixel_shuffle(self.up(F.relu(self.first(x))), 2)))
        return out


class Recurrent(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv, self.lstm, self.head = nn.Conv2d(3, 16, 3, 2, 1), nn.LSTM(16, 16, batch_first=True), nn.Linear(16, 4)

    def forward(self, x: Tensor) -> Tensor:
        x = F.relu(self.conv(x)).mean(2).transpose(1, 2)
        out: Tensor = self.head(self.lstm(x)[0][:, -1])
        return out


class Attentive(nn.Module):
    """Attention, a layer norm, a parameter of the model itself, and a hidden width that can be pruned."""

    def __init__(self) -> None:
        super().__init__()
        self.patch, self.attention = nn.Conv2d(3, 16, 4, 4), nn.MultiheadAttention(16, 4, batch_first=True)
        self.norm, self.scale = nn.LayerNorm(16), nn.Parameter(torch.full((16,), 0.3))
        self.inner, self.outer, self.head = nn.Linear(16, 32), nn.Linear(32, 16), nn.Linear(16, 4)

    def forward(self, x: Tensor) -> Tensor:
        x = self.patch(x).flatten(2).transpose(1, 2)
        x = self.norm(x + self.scale * self.attention(x, x, x)[0])
        out: Tensor = self.head((x + self.outer(F.gelu(self.inner(x)))).mean(1))
        return out


class Embedded(nn.Module):
    """A table that the decoder uses again."""

    def __init__(self) -> None:
        super().__init__()
        self.table, self.inner = nn.Embedding(20, 16), nn.Linear(16, 16)
        self.decoder = nn.Linear(16, 20)
        self.decoder.weight = self.table.weight

    def forward(self, x: Tensor) -> Tensor:
        tokens = (x[:, 0, 0] * 5).abs().long().clamp(0, 19)
        out: Tensor = self.decoder(F.relu(self.inner(self.table(tokens)))).mean(1)
        return out


def normed(norm: nn.Module) -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(3, 16, 3, 2, 1), norm, nn.PReLU(16), nn.Conv2d(16, 16, 3, 1, 1, groups=16), nn.Conv2d(16, 24, 1),
        nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(24, 4),
    )  # fmt: skip


def weight_normed() -> nn.Module:
    net = nn.Sequential(nn.Conv2d(3, 16, 3), nn.ReLU(), nn.Conv2d(16, 8, 3), nn.Flatten(), nn.Linear(6272, 4))
    parametrizations.weight_norm(net[0])
    parametrizations.spectral_norm(net[2])
    return net


ZOO: dict[str, Callable[[], nn.Module]] = {
    "attention": Attentive,
    "batch norm": lambda: normed(nn.BatchNorm2d(16)),
    "embedding": Embedded,
    "group norm": lambda: normed(nn.GroupNorm(4, 16)),
    "lstm": Recurrent,
    "pixel shuffle": Shuffled,
    "spatial attention": lambda: SpatialMask(attention=True),
    "spatial mask": SpatialMask,
    "tied": Siamese,
    "u-net": UNet,
    "weight norm": weight_normed,
}
