"""Trains the network of this example on the full data set and writes ``weights.safetensors``.

    python examples/fashion_mnist/train.py

Needs the full set (Debian: ``apt-get install dataset-fashion-mnist``). The search split is never trained on.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import torch
from fashion_data import BACKGROUND, FULL_SET, Split, normalise, read_full
from fashion_model import WEIGHTS, FashionNet
from safetensors.torch import save_file
from torch import Tensor, nn
from torch.nn import functional

Labelled = tuple[Tensor, Tensor]
"""uint8 images ``[N, 28, 28]`` and int64 labels ``[N]``."""

PADDING = 2
ERASED_SIDE = 8
ERASE_PROBABILITY = 0.25


def main() -> None:
    arguments = _arguments()
    torch.manual_seed(arguments.seed)
    if arguments.threads:
        torch.set_num_threads(arguments.threads)
    model = FashionNet().to(memory_format=torch.channels_last)
    fit(model, _split("train", arguments.data), _split("search", arguments.data), arguments)
    save_file({name: value.contiguous() for name, value in model.state_dict().items()}, arguments.output)
    print(f"test accuracy {accuracy(model, *_split('test', arguments.data)):.4f}")


def fit(model: nn.Module, train: Labelled, held_out: Labelled, arguments: argparse.Namespace) -> None:
    """Train in place with SGD under a one-cycle schedule; print a line an epoch. ``held_out`` is only watched."""
    images, labels = train
    steps = len(images) // arguments.batch
    optimizer = torch.optim.SGD(
        model.parameters(), lr=arguments.lr, momentum=0.9, weight_decay=arguments.weight_decay, nesterov=True
    )
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, max_lr=arguments.lr, total_steps=arguments.epochs * steps, pct_start=0.2
    )
    criterion = nn.CrossEntropyLoss(label_smoothing=arguments.label_smoothing)
    start = time.perf_counter()
    for epoch in range(1, arguments.epochs + 1):
        model.train()
        total_loss = 0.0
        for rows in torch.randperm(len(images))[: steps * arguments.batch].view(steps, arguments.batch):
            batch = augment(normalise(images[rows])).contiguous(memory_format=torch.channels_last)
            with torch.autocast("cpu", torch.bfloat16, enabled=arguments.bfloat16):
                logits = model(batch)
            loss = criterion(logits.float(), labels[rows])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
            total_loss += loss.item()
        score, seconds = accuracy(model, *held_out), time.perf_counter() - start
        print(
            f"epoch {epoch:2d}/{arguments.epochs}  loss {total_loss / steps:.4f}"
            f"  search accuracy {score:.4f}  {seconds:.0f} s",
            flush=True,
        )


def augment(batch: Tensor) -> Tensor:
    """Flip, shift by up to ``PADDING`` pixels and partly erase each of the normalised images ``[N, 1, 28, 28]``."""
    count, _, height, width = batch.shape
    flipped = torch.where(torch.rand(count, 1, 1, 1) < 0.5, batch.flip(3), batch)
    padded = functional.pad(flipped, (PADDING,) * 4, value=BACKGROUND)
    corner = torch.randint(0, 2 * PADDING + 1, (2, count, 1))
    rows = (corner[0] + torch.arange(height))[:, :, None]
    columns = (corner[1] + torch.arange(width))[:, None, :]
    shifted = padded[torch.arange(count)[:, None, None], 0, rows, columns]
    return torch.where(_erased(count, height, width), BACKGROUND, shifted).unsqueeze(1)


def accuracy(model: nn.Module, images: Tensor, labels: Tensor) -> float:
    """Share of images whose largest logit is their class; the model is left in eval mode."""
    model.eval()
    right = 0
    with torch.inference_mode():
        for rows in torch.arange(len(images)).chunk(len(images) // 500):
            right += int((model(normalise(images[rows])).argmax(1) == labels[rows]).sum())
    return right / len(images)


def _erased(count: int, height: int, width: int) -> Tensor:
    """``[N, H, W]``: True on a square of ``ERASED_SIDE`` pixels in a share ``ERASE_PROBABILITY`` of the images."""
    top = torch.randint(0, height - ERASED_SIDE + 1, (count, 1, 1))
    left = torch.randint(0, width - ERASED_SIDE + 1, (count, 1, 1))
    row, column = torch.arange(height)[:, None], torch.arange(width)
    square = (row >= top) & (row < top + ERASED_SIDE) & (column >= left) & (column < left + ERASED_SIDE)
    return square & (torch.rand(count, 1, 1) < ERASE_PROBABILITY)


def _split(split: Split, root: Path) -> Labelled:
    images, labels = read_full(split, root)
    return torch.tensor(images), torch.tensor(labels, dtype=torch.int64)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=FULL_SET, help="folder of the IDX files (default: %(default)s)")
    parser.add_argument("--epochs", type=int, default=10)
    parser.add_argument("--batch", type=int, default=128)
    parser.add_argument("--lr", type=float, default=0.15, help="peak of the one-cycle schedule")
    parser.add_argument("--weight-decay", type=float, default=5e-4)
    parser.add_argument("--label-smoothing", type=float, default=0.05)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--bfloat16", action=argparse.BooleanOptionalAction, default=True, help="compute in bfloat16")
    parser.add_argument("--threads", type=int, help="as many as there are cores, unless given")
    parser.add_argument("--output", type=Path, default=WEIGHTS)
    return parser.parse_args()


if __name__ == "__main__":
    main()
