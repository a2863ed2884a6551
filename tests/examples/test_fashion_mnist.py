"""The Fashion-MNIST example: its splits, its pack and its trained network."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import torch
from torch.fx import symbolic_trace

EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "fashion_mnist"
sys.path.insert(0, str(EXAMPLE))

from fashion_data import FULL_SET, PACK, SEARCH_IMAGES, Split, calibration, dataset, read_full, read_pack  # noqa: E402
from fashion_model import FashionNet, load_trained  # noqa: E402

needs_full_set = pytest.mark.skipif(not FULL_SET.is_dir(), reason="the full Fashion-MNIST is not installed")


@pytest.fixture(autouse=True)
def one_thread(on_threads: Callable[[int], None]) -> None:
    """Torch's threads wait for each other at every layer, which is slow where tests run side by side."""
    on_threads(1)


def test_pack_stays_below_12_megabytes() -> None:
    assert sum(file.stat().st_size for file in PACK.rglob("*") if file.is_file()) < 12_000_000


@pytest.mark.parametrize(("split", "count"), [("train", 15_000), ("search", 5_000), ("test", 10_000)])
def test_packed_split_has_its_images_and_all_classes_evenly(split: Split, count: int) -> None:
    images, labels = read_pack(split)
    assert images.shape == (count, 28, 28)
    assert images.dtype == np.uint8
    assert np.bincount(labels, minlength=10).min() >= 0.09 * count


def test_packed_training_rows_come_before_the_search_split() -> None:
    labels = np.tile(np.arange(10, dtype=np.uint8), 6_000)[:-SEARCH_IMAGES]
    rows = _pack_script().balanced_rows(labels, 1_500)
    assert len(np.unique(rows)) == 15_000
    assert rows.max() < 60_000 - SEARCH_IMAGES


@needs_full_set
def test_search_and_test_splits_are_those_of_the_full_set() -> None:
    splits: tuple[Split, ...] = ("search", "test")
    for split in splits:
        for packed, full in zip(read_pack(split), read_full(split), strict=True):
            np.testing.assert_array_equal(packed, full)


@needs_full_set
def test_packed_training_images_are_rows_of_the_full_training_split() -> None:
    full_images, full_labels = read_full("train")
    rows = _pack_script().balanced_rows(full_labels, 1_500)
    images, labels = read_pack("train")
    np.testing.assert_array_equal(images, full_images[rows])
    np.testing.assert_array_equal(labels, full_labels[rows])


def test_items_are_float_images_and_integer_classes() -> None:
    image, label = dataset("search")[0]
    assert (image.shape, image.dtype) == ((1, 28, 28), torch.float32)
    assert (label.shape, label.dtype) == ((), torch.int64)


def test_calibration_images_are_the_first_of_the_pack() -> None:
    _, labels = calibration().tensors
    np.testing.assert_array_equal(labels.numpy(), read_pack("train")[1][:512])


def test_network_has_between_one_and_two_million_parameters() -> None:
    assert 1e6 < sum(parameter.numel() for parameter in FashionNet().parameters()) < 2e6


def test_stochastic_depth_is_absent_in_eval_mode() -> None:
    images = dataset("test").tensors[0][:4]
    model, without = FashionNet(max_drop=0.9).eval(), FashionNet(max_drop=0.0).eval()
    without.load_state_dict(model.state_dict())
    torch.testing.assert_close(model(images), without(images), rtol=0, atol=0)
    assert not [node for node in symbolic_trace(model).graph.nodes if "rand" in str(node.target)]


def test_trained_network_is_right_on_93_percent_of_1000_test_images() -> None:
    images, labels = (tensor[:1_000] for tensor in dataset("test").tensors)
    with torch.inference_mode():
        model = load_trained()
        predicted = torch.cat([model(batch).argmax(1) for batch in images.chunk(20)])
    assert (predicted == labels).float().mean().item() >= 0.93


def _pack_script() -> ModuleType:
    spec = importlib.util.spec_from_file_location("fashion_mnist_pack", PACK / "pack.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
