"""MobileNetV2 of half width at 224 px, trained on enlarged images of Fashion-MNIST: a large input, and a real accuracy.

    python benchmarks/enlarged.py [--minutes 20]

Trains on the example's 15,000 images, first at 96 and 160 px, where a step takes a fifth and half of the time, and
keeps the weights in ``runs/enlarged.safetensors``. There the other benchmarks find them (``runtimes.py search
--network enlarged``).
"""

from __future__ import annotations

import argparse
import math
import sys
import time

import torch
import torch.nn.functional as F
from compare import REPOSITORY
from example import quickstart
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from torch.utils.data import Dataset, TensorDataset
from torchvision.models import mobilenet_v2

from parefront.spaces.task import Task

WEIGHTS = REPOSITORY / "runs" / "enlarged.safetensors"
SIDE = 224
STAGES = ((96, 0.45), (160, 0.75), (SIDE, 1.0))
"""Side of the images in pixels, and the share of the time until which they have it."""
BATCH = 64
RATE = 0.1
SEARCH_IMAGES, TEST_IMAGES, CALIBRATION_IMAGES = 1000, 2000, 128


class Enlarged(Dataset[tuple[Tensor, Tensor]]):
    """Grey images ``[1, 28, 28]`` as colour images ``[3, 224, 224]``, each enlarged when it is asked for."""

    def __init__(self, given: TensorDataset, count: int) -> None:
        self.images, self.labels = given.tensors[0][:count], given.tensors[1][:count]

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor]:
        return enlarged(self.images[index : index + 1], SIDE)[0], self.labels[index]


def enlarged(images: Tensor, side: int) -> Tensor:
    """``[n, 1, h, w]`` as ``[n, 3, side, side]``, bilinear."""
    return F.interpolate(images, size=(side, side), mode="bilinear", align_corners=False).expand(-1, 3, -1, -1)


def network() -> nn.Module:
    model: nn.Module = mobilenet_v2(weights=None, num_classes=10, width_mult=0.5)
    return model


def enlarged_task() -> Task:
    """The trained network with images of the example's splits, enlarged.

    Raises:
        SystemExit: the network was not trained yet.
    """
    if not WEIGHTS.is_file():
        sys.exit("the network is not trained yet; run python benchmarks/enlarged.py")
    given = quickstart()
    model = network()
    model.load_state_dict(load_file(WEIGHTS))
    return Task(
        model=model.eval(),
        calibration=Enlarged(_tensors(given.train), CALIBRATION_IMAGES),
        search=Enlarged(_tensors(given.search), SEARCH_IMAGES),
        test=Enlarged(_tensors(given.test), TEST_IMAGES),
    )


def _tensors(split: object) -> TensorDataset:
    assert isinstance(split, TensorDataset)
    return split


def trained(minutes: float) -> nn.Module:
    """The network after so many CPU minutes of SGD, whose rate rises for a tenth of them and falls to 0."""
    torch.manual_seed(0)
    images, labels = _tensors(quickstart().train).tensors
    model = network().to(memory_format=torch.channels_last).train()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.0, momentum=0.9, nesterov=True, weight_decay=1e-4)
    started, steps = time.process_time(), 0
    while (share := (time.process_time() - started) / (60 * minutes)) < 1:
        side = next(side for side, until in STAGES if share < until)
        optimizer.param_groups[0]["lr"] = RATE * min(share / 0.1, 0.5 * (1 + math.cos(math.pi * share)))
        loss = _step(model, optimizer, images, labels, torch.randint(len(images), (BATCH,)), side)
        steps += 1
        if steps % 100 == 0:
            print(f"{60 * minutes * share:4.0f} s, step {steps} at {side} px: loss {loss:.3f}", flush=True)
    return model.eval()


def _step(
    model: nn.Module, optimizer: torch.optim.Optimizer, images: Tensor, labels: Tensor, drawn: Tensor, side: int
) -> float:
    batch = enlarged(images[drawn], side)
    batch = batch.flip(3) if torch.rand(()) < 0.5 else batch
    with torch.autocast("cpu", torch.bfloat16):
        outputs = model(batch.contiguous(memory_format=torch.channels_last))
    loss = F.cross_entropy(outputs.float(), labels[drawn], label_smoothing=0.1)
    optimizer.zero_grad(set_to_none=True)
    loss.backward()  # type: ignore[no-untyped-call]
    optimizer.step()
    return float(loss.detach())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=20, help="of CPU time")
    model = trained(parser.parse_args().minutes)
    save_file({name: value.contiguous() for name, value in model.state_dict().items()}, WEIGHTS)
    right = count = 0
    with torch.inference_mode():
        for images, labels in torch.utils.data.DataLoader(enlarged_task().test, batch_size=64):  # type: ignore[arg-type]
            right, count = right + int((model(images).argmax(1) == labels).sum()), count + len(labels)
    print(f"{100 * right / count:.2f} % of {count} test images")


if __name__ == "__main__":
    main()
