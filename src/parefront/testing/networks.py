"""Four small networks with what a compressor meets: chains, residual sums, depthwise layers, concatenations."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

CLASSES = 10
SHAPE = (3, 16, 16)

Built = tuple[nn.Module, tuple[int, ...]]
"""A network in eval mode and the shape of one input, without the batch axis."""


def plain(seed: int = 0) -> Built:
    """Convolutions one after the other with batch norms and a max pool, pooled into a linear head."""
    net = nn.Sequential(
        _conv_bn(3, 16, 3),
        nn.ReLU(),
        _conv_bn(16, 32, 3),
        nn.ReLU(),
        nn.MaxPool2d(2),
        _conv_bn(32, 32, 3, stride=2),
        nn.ReLU(),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(32, CLASSES),
    )
    return _trained(net, seed), SHAPE


def residual(seed: int = 0) -> Built:
    """Two stages of basic blocks: identity shortcuts, and one through a strided 1 × 1 convolution."""
    net = nn.Sequential(
        _conv_bn(3, 16, 3),
        nn.ReLU(),
        _BasicBlock(16, 16),
        _BasicBlock(16, 16),
        _BasicBlock(16, 32, stride=2),
        _BasicBlock(32, 32),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(32, CLASSES),
    )
    return _trained(net, seed), SHAPE


def depthwise(seed: int = 0) -> Built:
    """Inverted residuals with ReLU6 and squeeze-and-excitation, one with an identity shortcut."""
    net = nn.Sequential(
        _conv_bn(3, 16, 3, stride=2),
        nn.ReLU6(),
        _InvertedResidual(16, 16),
        _InvertedResidual(16, 32, stride=2),
        _conv_bn(32, 64, 1),
        nn.ReLU6(),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(64, CLASSES),
    )
    return _trained(net, seed), SHAPE


def concat(seed: int = 0) -> Built:
    """Two inception-like blocks, and a linear head that reads every pixel of every channel."""
    net = nn.Sequential(
        _conv_bn(3, 16, 3, stride=2),
        nn.ReLU(),
        _Inception(16, 16),
        _Inception(48, 16),
        nn.MaxPool2d(2),
        _conv_bn(48, 16, 1),
        nn.ReLU(),
        nn.Flatten(),
        nn.Linear(16 * 4 * 4, CLASSES),
    )
    return _trained(net, seed), SHAPE


NETWORKS: dict[str, Callable[[], Built]] = {
    "plain": plain,
    "residual": residual,
    "depthwise": depthwise,
    "concat": concat,
}


class _BasicBlock(nn.Module):
    def __init__(self, before: int, after: int, stride: int = 1) -> None:
        super().__init__()
        self.conv1 = _conv_bn(before, after, 3, stride)
        self.conv2 = _conv_bn(after, after, 3)
        same = stride == 1 and before == after
        self.shortcut = nn.Identity() if same else _conv_bn(before, after, 1, stride)

    def forward(self, x: Tensor) -> Tensor:
        return torch.relu(self.shortcut(x) + self.conv2(torch.relu(self.conv1(x))))


class _InvertedResidual(nn.Module):
    def __init__(self, before: int, after: int, stride: int = 1) -> None:
        super().__init__()
        hidden = 2 * before
        self.expand = _conv_bn(before, hidden, 1)
        self.depthwise = _conv_bn(hidden, hidden, 3, stride, groups=hidden)
        self.squeeze = nn.Sequential(
            nn.AdaptiveAvgPool2d(1),
            nn.Conv2d(hidden, hidden // 4, 1),
            nn.ReLU(),
            nn.Conv2d(hidden // 4, hidden, 1),
            nn.Sigmoid(),
        )
        self.project = _conv_bn(hidden, after, 1)
        self.joins = stride == 1 and before == after

    def forward(self, x: Tensor) -> Tensor:
        inner: Tensor = nn.functional.relu6(self.depthwise(nn.functional.relu6(self.expand(x))))
        out: Tensor = self.project(inner * self.squeeze(inner))
        return x + out if self.joins else out


class _Inception(nn.Module):
    def __init__(self, before: int, each: int) -> None:
        super().__init__()
        self.point = _conv_bn(before, each, 1)
        self.reduce = _conv_bn(before, each // 2, 1)
        self.wide = _conv_bn(each // 2, each, 3)
        self.pooled = _conv_bn(before, each, 1)

    def forward(self, x: Tensor) -> Tensor:
        wide = self.wide(torch.relu(self.reduce(x)))
        pooled = self.pooled(nn.functional.avg_pool2d(x, 3, stride=1, padding=1))
        return torch.relu(torch.cat([self.point(x), wide, pooled], 1))


def _conv_bn(before: int, after: int, kernel: int, stride: int = 1, groups: int = 1) -> nn.Sequential:
    conv = nn.Conv2d(before, after, kernel, stride, kernel // 2, groups=groups, bias=False)
    return nn.Sequential(conv, nn.BatchNorm2d(after))


def random_images(count: int, seed: int = 0) -> Tensor:
    """Images ``(count, 3, 16, 16)`` that can be told apart: each has a colour, shapes and a contrast of its own."""
    generator = torch.Generator().manual_seed(seed)
    colour = torch.randn(count, 3, 1, 1, generator=generator)
    shapes = nn.functional.interpolate(torch.randn(count, 3, 4, 4, generator=generator), size=SHAPE[1:])
    contrast = torch.rand(count, 1, 1, 1, generator=generator)
    return colour + shapes + contrast * torch.randn(count, *SHAPE, generator=generator)


def _trained(net: nn.Module, seed: int) -> nn.Module:
    """Weights, batch norms and outputs as training leaves them: all different, and different from image to image."""
    generator = torch.Generator().manual_seed(seed)
    for module in net.modules():
        if isinstance(module, nn.Conv2d | nn.Linear):
            fan_in = module.weight[0].numel()
            module.weight.data = torch.randn(module.weight.shape, generator=generator) * (2 / fan_in) ** 0.5
            if module.bias is not None:
                module.bias.data = torch.randn(module.bias.shape, generator=generator) * 0.1
        elif isinstance(module, nn.BatchNorm2d):
            module.weight.data = 0.5 + torch.rand(module.num_features, generator=generator)
            module.bias.data = torch.randn(module.num_features, generator=generator) * 0.2
            module.momentum = None
    images = random_images(128, seed)
    with torch.no_grad():
        net.train()(images)
        outputs = net.eval()(images)
        head = [module for module in net.modules() if isinstance(module, nn.Linear)][-1]
        head.weight /= outputs.std(0).unsqueeze(1)
        head.bias.copy_((head.bias - outputs.mean(0)) / outputs.std(0))
    return net


class OverNetworks:
    """Runs every test that takes a ``network`` on each of ``networks``, names in :data:`NETWORKS`."""

    networks: ClassVar[tuple[str, ...]] = tuple(NETWORKS)

    def pytest_generate_tests(self, metafunc: Any) -> None:
        if "network" in metafunc.fixturenames:
            metafunc.parametrize("network", self.networks)
