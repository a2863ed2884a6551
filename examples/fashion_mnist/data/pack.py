"""Makes the pack in this folder from the full data set: ``python examples/fashion_mnist/data/pack.py``."""

from __future__ import annotations

import argparse
import lzma
import sys
from pathlib import Path

import numpy as np
import numpy.typing as npt

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from fashion_data import FULL_SET, PACK, Bytes, Split, read_full

TRAIN_IMAGES_PER_CLASS = 1_500
XZ_FILTERS = [{"id": lzma.FILTER_LZMA2, "preset": 9 | lzma.PRESET_EXTREME, "lc": 4, "lp": 0, "pb": 0}]
"""Bytes without alignment (pb = 0). On this data it beats xz of the residuals of the usual pixel predictors."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=FULL_SET, help="folder of the IDX files (default: %(default)s)")
    root = parser.parse_args().data
    splits: tuple[Split, ...] = ("train", "search", "test")
    for split in splits:
        images, labels = read_full(split, root)
        if split == "train":
            rows = balanced_rows(labels, TRAIN_IMAGES_PER_CLASS)
            images, labels = images[rows], labels[rows]
        path = PACK / f"{split}.xz"
        path.write_bytes(compress(images, labels))
        print(f"{path.name:10}  {len(labels):6,} images  {path.stat().st_size:9,} bytes")


def balanced_rows(labels: Bytes, per_class: int) -> npt.NDArray[np.intp]:
    """Row numbers, ascending, of the first ``per_class`` images of every class."""
    firsts = [np.flatnonzero(labels == label)[:per_class] for label in np.unique(labels)]
    return np.sort(np.concatenate(firsts))


def compress(images: Bytes, labels: Bytes) -> bytes:
    """One xz stream, as :func:`fashion_data.read_pack` expects it."""
    return lzma.compress(labels.tobytes() + images.tobytes(), filters=XZ_FILTERS)


if __name__ == "__main__":
    main()
