"""ResNet-20 and ResNet-56 on CIFAR-10: a search against uniform, random and plain int8 at equal evaluations.

    python benchmarks/cifar10.py --depth 56 --trials 150
    python benchmarks/cifar10.py --depth 56 --trials 150 --space everything --samplers auto --owner-candidates 0

Reads the weights and images from ``PAREFRONT_DATA`` (or ``../shared/data``). The checkpoints were trained on all 50,000
training images, so 2,000 of the test images are the search split and the other 8,000 the test split.
"""

from __future__ import annotations

import argparse
import importlib.util
import os
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import torch
from compare import REPOSITORY, Job, compare, save, table
from owner_script import time_against
from safetensors.torch import load_file
from torch import Tensor
from torch.utils.data import TensorDataset

from parefront.spaces.task import Task

SEARCH_IMAGES = 2000
SPACE: dict[str, dict[str, Any]] = {
    "prune_channels": {"criterion": "l1", "ratios": [0, 0.25, 0.5, 0.75], "compensate": "least_squares"},
    "drop_blocks": {},
    "quantize": {"bits": [32, 8]},
}
SPACES: dict[str, dict[str, dict[str, Any]]] = {
    "spine": SPACE,
    "prune_int8": {name: SPACE[name] for name in ("prune_channels", "quantize")},
    "everything": {
        "drop_blocks": {},
        "merge": {},
        "prune_channels": SPACE["prune_channels"],
        "separable": {},
        "low_rank": {"schemes": ["svd", "spatial"], "ranks": [0.75, 0.5, 0.375, 0.25]},
        "prune_weights": {},
        "share_weights": {},
        "quantize": {"bits": [32, 8, 4, 2]},
    },
}
"""What may be chosen: as the tables have it; without blocks; every method at once."""


def data_folder() -> Path:
    folder = Path(os.environ.get("PAREFRONT_DATA", REPOSITORY.parent / "shared" / "data"))
    if not (folder / "cifar10-test.npz").is_file():
        sys.exit(f"no CIFAR-10 in {folder}; set PAREFRONT_DATA to the folder that holds cifar10-test.npz")
    return folder


def task(depth: int, trains: bool = False) -> Task:
    """ResNet-``depth`` with its trained weights; calibration on training images, search and test on test images.

    With all training images as the training split where it ``trains``.
    """
    folder = data_folder()
    model = _module(folder / "models.py").CifarResNet(depth)
    model.load_state_dict(load_file(folder / f"cifar10-resnet{depth}.safetensors"), strict=False)
    images, labels = _split(folder, "test", 10_000)
    train, train_labels = _split(folder, "train", 512)
    return Task(
        model=model.eval(),
        calibration=TensorDataset(train, train_labels),
        search=TensorDataset(images[:SEARCH_IMAGES], labels[:SEARCH_IMAGES]),
        test=TensorDataset(images[SEARCH_IMAGES:], labels[SEARCH_IMAGES:]),
        train=TensorDataset(*_split(folder, "train", 50_000)) if trains else None,
    )


def tensors(split: object) -> tuple[Tensor, Tensor]:
    """The images ``(n, 3, 32, 32)`` and the labels ``(n,)`` of one of the task's splits."""
    assert isinstance(split, TensorDataset)
    images, labels = split.tensors
    return images, labels


def _split(folder: Path, name: str, count: int) -> tuple[Tensor, Tensor]:
    """The first ``count`` images of a pack, normalised, float32 ``(n, 3, 32, 32)``, decoded once into runs/."""
    cache = REPOSITORY / "runs" / f"cifar10-{name}-{count}.npz"
    if not cache.is_file():
        images, labels, _ = _module(folder / "loaders.py").load_cifar(folder / f"cifar10-{name}.npz")
        np.savez(cache, images=images[:count], labels=labels[:count])
    held = np.load(cache)
    pixels = torch.from_numpy(held["images"]).permute(0, 3, 1, 2).float() / 255
    mean = torch.tensor([0.485, 0.456, 0.406]).view(1, 3, 1, 1)
    deviation = torch.tensor([0.229, 0.224, 0.225]).view(1, 3, 1, 1)
    return ((pixels - mean) / deviation).contiguous(), torch.from_numpy(held["labels"].astype(np.int64))


def _module(path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(f"data_{path.stem}", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--depth", type=int, nargs="+", default=[20, 56], choices=[20, 32, 44, 56])
    parser.add_argument("--trials", type=int, default=150)
    parser.add_argument("--samplers", nargs="+", default=["auto", "random", "uniform"])
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    parser.add_argument("--space", default="spine", choices=SPACES)
    parser.add_argument("--owner-candidates", type=int, default=4, help="candidates timed beside a user's own script")
    arguments = parser.parse_args()
    for depth in arguments.depth:
        space = SPACES[arguments.space]
        suffix = "" if arguments.space == "spine" else f"-{arguments.space}"
        name = f"cifar10-resnet{depth}{suffix}"
        job = Job(name, task(depth), space, arguments.trials, None, arguments.samplers, arguments.seeds)
        results = compare(job)
        if arguments.owner_candidates:
            results["owner"] = time_against(job.task, space, arguments.owner_candidates)
            save(job.name, results)
            print(results["owner"])
        print(f"\n## ResNet-{depth} on CIFAR-10\n\n{table(results)}")


if __name__ == "__main__":
    main()
