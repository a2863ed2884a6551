"""The splits of Fashion-MNIST: training, search and test images as torch datasets.

Read from the pack in ``data/``; the training images come from the full data set instead where that is installed.
"""

from __future__ import annotations

import gzip
import lzma
from functools import cache
from pathlib import Path
from typing import Literal

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.utils.data import TensorDataset

Split = Literal["train", "search", "test"]
Bytes = npt.NDArray[np.uint8]

FULL_SET = Path("/usr/share/datasets/fashion-mnist")
"""Where the Debian package ``dataset-fashion-mnist`` puts the four IDX files."""
PACK = Path(__file__).with_name("data")
SEARCH_IMAGES = 5_000
"""So many images at the end of the original training set are held out for the search."""
CLASSES = ("T-shirt", "trousers", "pullover", "dress", "coat", "sandal", "shirt", "sneaker", "bag", "ankle boot")
"""By label."""
SIDE = 28
MEAN, STD = 0.2860, 0.3530
BACKGROUND = -MEAN / STD
"""Grey level 0, normalised."""


@cache
def dataset(split: Split) -> TensorDataset:
    """All images of a split as (float32 ``[1, 28, 28]``, int64 class) pairs."""
    full = split == "train" and FULL_SET.is_dir()
    images, labels = read_full(split) if full else read_pack(split)
    return TensorDataset(normalise(torch.tensor(images)), torch.tensor(labels, dtype=torch.int64))


def calibration(count: int = 512) -> TensorDataset:
    """The first ``count`` training images, un-augmented: the same ones whether the full set is installed or not."""
    return TensorDataset(*dataset("train")[:count])


def normalise(images: Tensor) -> Tensor:
    """Turn uint8 ``[N, 28, 28]`` into the network's float32 input ``[N, 1, 28, 28]``."""
    return ((images.float() / 255.0 - MEAN) / STD).unsqueeze(1)


def read_pack(split: Split, root: Path = PACK) -> tuple[Bytes, Bytes]:
    """Images ``[N, 28, 28]`` and labels ``[N]`` of one packed split.

    A packed file is one xz stream: N bytes of labels, then N x 784 bytes of pixels.
    """
    content = np.frombuffer(lzma.decompress((root / f"{split}.xz").read_bytes()), np.uint8)
    count = len(content) // (1 + SIDE * SIDE)
    return content[count:].reshape(count, SIDE, SIDE), content[:count]


def read_full(split: Split, root: Path = FULL_SET) -> tuple[Bytes, Bytes]:
    """Images ``[N, 28, 28]`` and labels ``[N]`` of one split of the full data set.

    Args:
        root: folder of the four IDX files, gzipped, under their original names.

    Raises:
        FileNotFoundError: they are not there.
    """
    stem = "t10k" if split == "test" else "train"
    images = _read_idx(root / f"{stem}-images-idx3-ubyte.gz", header_bytes=16).reshape(-1, SIDE, SIDE)
    labels = _read_idx(root / f"{stem}-labels-idx1-ubyte.gz", header_bytes=8)
    part = {"train": slice(-SEARCH_IMAGES), "search": slice(-SEARCH_IMAGES, None), "test": slice(None)}[split]
    return images[part], labels[part]


def _read_idx(path: Path, header_bytes: int) -> Bytes:
    if not path.is_file():
        raise FileNotFoundError(f"no {path}; install the full data set with: apt-get install dataset-fashion-mnist")
    with gzip.open(path) as file:
        return np.frombuffer(file.read(), np.uint8, offset=header_bytes)
