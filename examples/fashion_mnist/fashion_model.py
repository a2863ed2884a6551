"""The network of the example: a residual CNN for 28 x 28 grey images.

Plain PyTorch; nothing here knows about compression.
"""

from __future__ import annotations

from pathlib import Path

import torch
from safetensors.torch import load_file
from torch import Tensor, nn

CLASSES = 10
WEIGHTS = Path(__file__).with_name("weights.safetensors")


def load_trained(weights: Path = WEIGHTS) -> FashionNet:
    """The network with its trained weights, in eval mode."""
    model = FashionNet()
    model.load_state_dict(load_file(weights))
    return model.eval()


class FashionNet(nn.Module):
    """A residual network with one stage per entry of ``blocks``; each stage after the first halves the resolution.

    Args:
        widths: channels of each stage; the stem has the first stage's.
        blocks: residual blocks in each stage.
        max_drop: stochastic-depth probability of the last block. It rises linearly from 0 at the first.
    """

    def __init__(
        self,
        widths: tuple[int, ...] = (32, 64, 128),
        blocks: tuple[int, ...] = (2, 3, 4),
        max_drop: float = 0.2,
    ) -> None:
        super().__init__()
        self.stem = nn.Sequential(*conv_bn(1, widths[0], kernel=3), nn.ReLU())
        last = sum(blocks) - 1
        stages: list[nn.Module] = []
        channels, index = widths[0], 0
        for stage, (width, count) in enumerate(zip(widths, blocks, strict=True)):
            row: list[nn.Module] = []
            for position in range(count):
                stride = 2 if stage > 0 and position == 0 else 1
                row.append(ResidualBlock(channels, width, stride, drop=max_drop * index / last))
                channels, index = width, index + 1
            stages.append(nn.Sequential(*row))
        self.stages = nn.Sequential(*stages)
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.head = nn.Linear(channels, CLASSES)

    def forward(self, images: Tensor) -> Tensor:
        """Map ``[N, 1, 28, 28]`` normalised images to ``[N, 10]`` logits."""
        features: Tensor = self.pool(self.stages(self.stem(images)))
        logits: Tensor = self.head(torch.flatten(features, 1))
        return logits


class ResidualBlock(nn.Module):
    """``relu(shortcut(x) + body(x))`` with two 3 x 3 convolutions in the body (He et al., 2016).

    While training, an identity-shortcut block skips its body for a random share ``drop`` of the images, so that the
    network learns to do without any single block (stochastic depth: Huang et al., 2016). Like torchvision's version and
    unlike the paper, the kept bodies are scaled up by ``1 / (1 - drop)`` in training, so nothing is scaled in eval.
    """

    def __init__(self, channels_in: int, channels_out: int, stride: int, drop: float) -> None:
        super().__init__()
        self.body = nn.Sequential(
            *conv_bn(channels_in, channels_out, kernel=3, stride=stride),
            nn.ReLU(),
            *conv_bn(channels_out, channels_out, kernel=3),
        )
        identity = stride == 1 and channels_in == channels_out
        self.shortcut = nn.Identity() if identity else nn.Sequential(*conv_bn(channels_in, channels_out, 1, stride))
        self.drop = drop if identity else 0.0
        self.relu = nn.ReLU()

    def forward(self, features: Tensor) -> Tensor:
        body: Tensor = self.body(features)
        if self.training and self.drop > 0.0:
            body = body * _keep_mask(body, self.drop)
        out: Tensor = self.relu(self.shortcut(features) + body)
        return out


def conv_bn(channels_in: int, channels_out: int, kernel: int, stride: int = 1) -> tuple[nn.Conv2d, nn.BatchNorm2d]:
    """A padded convolution without bias, and the batch normalisation that follows it."""
    conv = nn.Conv2d(channels_in, channels_out, kernel, stride, padding=kernel // 2, bias=False)
    return conv, nn.BatchNorm2d(channels_out)


def _keep_mask(features: Tensor, drop: float) -> Tensor:
    """``[N, 1, 1, 1]``: 0 for a share ``drop`` of the images, ``1 / (1 - drop)`` for the others."""
    keep = torch.rand(features.shape[0], 1, 1, 1, device=features.device) >= drop
    return keep.to(features.dtype) / (1.0 - drop)
