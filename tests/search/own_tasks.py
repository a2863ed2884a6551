"""Tiny networks, each trained in a second or two on data that are made up, for tasks that are no classification."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils.data import TensorDataset

from parefront.spaces.task import Dataset, Task

CELLS = 4
"""Of the detector's grid, along each side."""
SIDE = 16
"""Pixels of a detector's image, along each side."""

Images = tuple[Tensor, Tensor]
Loss = Callable[[Tensor, Tensor], Tensor]


def trained(net: nn.Module, data: Images, loss: Loss, steps: int = 120, batch: int = 64) -> nn.Module:
    """By Adam, in evaluation mode."""
    torch.manual_seed(0)
    optimiser = torch.optim.Adam(net.parameters(), lr=0.01)
    for step in range(steps):
        part = torch.arange(step * batch, (step + 1) * batch) % len(data[0])
        optimiser.zero_grad()
        loss(net(data[0][part]), data[1][part]).backward()  # type: ignore[no-untyped-call]
        optimiser.step()
    return net.eval()


def split(draw: Callable[[int, int], Images], seed: int, count: int = 192) -> Dataset:
    return TensorDataset(*draw(count, seed))


def task(net: nn.Module, draw: Callable[[int, int], Images], metric: Any, **more: Any) -> Task:
    return Task(net, split(draw, 1), split(draw, 2), split(draw, 3), metric=metric, **more)


def regression_data(count: int, seed: int) -> Images:
    """Three numbers of an image: its mean, its contrast and how much brighter it is on the left."""
    images = torch.rand(count, 2, 8, 8, generator=torch.Generator().manual_seed(seed))
    images = images * images.mean((2, 3), keepdim=True) ** 2 * 4
    left = images[..., :4].mean((1, 2, 3)) - images[..., 4:].mean((1, 2, 3))
    return images, torch.stack([images.mean((1, 2, 3)), images.std((1, 2, 3)), left], dim=1)


def regression() -> nn.Module:
    torch.manual_seed(0)
    net = nn.Sequential(
        nn.Conv2d(2, 16, 3, stride=2), nn.ReLU(), nn.Conv2d(16, 16, 3), nn.ReLU(), nn.Flatten(), nn.Linear(16, 3)
    )
    return trained(net, regression_data(512, 0), F.mse_loss)


def label_data(count: int, seed: int) -> Images:
    """Which of four quarters of an image are bright, in noise."""
    generator = torch.Generator().manual_seed(seed)
    labels = (torch.rand(count, 4, generator=generator) < 0.4).long()
    quarters = F.interpolate(labels.reshape(count, 1, 2, 2).float(), scale_factor=4)
    return quarters + 0.8 * torch.randn(count, 1, 8, 8, generator=generator), labels


def multi_label() -> nn.Module:
    torch.manual_seed(0)
    net = nn.Sequential(
        nn.Conv2d(1, 16, 3, stride=2, padding=1), nn.ReLU(), nn.Conv2d(16, 16, 3, stride=2, padding=1), nn.ReLU(),
        nn.Flatten(), nn.Linear(64, 4),
    )  # fmt: skip
    return trained(net, label_data(512, 0), lambda o, t: F.binary_cross_entropy_with_logits(o, t.float()))


def segment_data(count: int, seed: int) -> Images:
    """Each pixel's class is how bright its neighbourhood is, before noise came upon it."""
    generator = torch.Generator().manual_seed(seed)
    smooth = F.interpolate(torch.rand(count, 1, 4, 4, generator=generator), size=12, mode="bilinear")
    classes = (smooth[:, 0] * 3).long().clamp(max=2)
    return smooth + 0.1 * torch.randn(count, 1, 12, 12, generator=generator), classes


def segmentation() -> nn.Module:
    torch.manual_seed(0)
    net = nn.Sequential(
        nn.Conv2d(1, 16, 3, padding=1), nn.ReLU(), nn.Conv2d(16, 16, 3, padding=1), nn.ReLU(), nn.Conv2d(16, 3, 1)
    )
    return trained(net, segment_data(512, 0), F.cross_entropy)


class Detector(nn.Module):
    """For each cell of a grid x1, y1, x2, y2, a score, above 0 where a box has its centre there, and its class."""

    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(3, 16, 3, padding=1), nn.ReLU(), nn.Conv2d(16, 24, 3, stride=2, padding=1), nn.ReLU(),
            nn.Conv2d(24, 24, 3, stride=2, padding=1), nn.ReLU(),
        )  # fmt: skip
        self.head = nn.Conv2d(24, 6, 3, padding=1)

    def forward(self, images: Tensor) -> Tensor:
        cells: Tensor = self.head(self.body(images))
        return cells.flatten(2).transpose(1, 2)


def boxes_of(count: int, seed: int) -> tuple[Tensor, list[dict[str, Tensor]]]:
    """Images with up to three bright squares; those of class 1 are hollow. Two channels hold the coordinates."""
    generator = torch.Generator().manual_seed(seed)
    axis = torch.linspace(0, 1, SIDE)
    places = torch.stack([axis.expand(SIDE, SIDE), axis[:, None].expand(SIDE, SIDE)])
    images, targets = torch.empty(count, 3, SIDE, SIDE), []
    for index in range(count):
        canvas = 0.1 * torch.randn(SIDE, SIDE, generator=generator)
        boxes, labels = [], []
        number = int(torch.randint(0, 4, (1,), generator=generator))
        for cell in torch.randperm(4, generator=generator)[:number].tolist():
            size, dx, dy = (int(v) for v in torch.randint(4, 7, (3,), generator=generator))
            x, y, label = 8 * (cell % 2) + dx - 4, 8 * (cell // 2) + dy - 4, int(dx + dy + size) % 2
            canvas[y : y + size, x : x + size] += 1
            if label:
                canvas[y + 1 : y + size - 1, x + 1 : x + size - 1] -= 1
            boxes.append([float(v) for v in (x, y, x + size, y + size)])
            labels.append(label)
        images[index] = torch.cat([canvas[None], places])
        targets.append({"boxes": torch.tensor(boxes).reshape(-1, 4), "labels": torch.tensor(labels).long()})
    return images, targets


def grid_of(targets: list[dict[str, Tensor]]) -> Tensor:
    """What the detector is to give, shape ``(n, cells, 6)``; the score is 1 where a box has its centre, else 0."""
    grid = torch.zeros(len(targets), CELLS * CELLS, 6)
    for index, target in enumerate(targets):
        for box, label in zip(target["boxes"], target["labels"], strict=True):
            column, row = (int(v) for v in (box[:2] + box[2:]) / 2 // (SIDE // CELLS))
            grid[index, CELLS * row + column] = torch.cat([box, torch.tensor([1.0, float(label)])])
    return grid


def detection_loss(outputs: Tensor, grid: Tensor) -> Tensor:
    there = grid[..., 4] > 0
    wanted, given = grid[there][:, [0, 1, 2, 3, 5]], outputs[there][:, [0, 1, 2, 3, 5]]
    return F.smooth_l1_loss(given, wanted) + F.binary_cross_entropy_with_logits(outputs[..., 4], grid[..., 4])


def detector() -> nn.Module:
    torch.manual_seed(0)
    images, targets = boxes_of(512, 0)
    return trained(Detector(), (images, grid_of(targets)), detection_loss, steps=400)


class Boxes:
    """A dataset whose targets are as many boxes as there are in an image."""

    def __init__(self, seed: int, count: int = 128) -> None:
        self.images, self.targets = boxes_of(count, seed)

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, index: int) -> tuple[Tensor, dict[str, Tensor]]:
        return self.images[index], self.targets[index]
