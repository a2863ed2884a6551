"""Samples with several inputs, in any nesting, as arrays by name."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from parefront.evaluators.quality import split_samples
from parefront.evaluators.quality.accuracy import split_batch
from parefront.evaluators.quality.split_digest import digest_of, digest_of_value
from parefront.evaluators.quality.split_samples import SplitSamples
from parefront.evaluators.quality.stacks import NamedStack
from parefront.spaces.errors import TaskError
from parefront.spaces.tensors.batch import Batch
from parefront.spaces.tensors.signature import InputForm

from ...several import OneDataclass, OneDict, Sample, TwoInputs

COUNT = 20


class Lazy:
    """Images and whole numbers, nested by a function."""

    def __init__(self, nested: Callable[[int, Tensor, Tensor], Any]) -> None:
        self.images, self.nested = torch.rand(COUNT, 1, 2, 2, dtype=torch.float64), nested

    def __len__(self) -> int:
        return COUNT

    def __getitem__(self, index: int) -> tuple[Any, int]:
        return self.nested(index, self.images[index], torch.tensor(index)), index % 4


NESTED: dict[str, tuple[type[nn.Module], Callable[[int, Tensor, Tensor], Any]]] = {
    "tuple": (TwoInputs, lambda _, image, depth: (image, depth)),
    "dict": (OneDict, lambda i, image, depth: dict([("image", image), ("depth", depth)][:: 1 if i % 2 else -1])),
    "dataclass": (OneDataclass, lambda _, image, depth: Sample(image, depth)),
}


@pytest.mark.parametrize("nesting", NESTED)
@pytest.mark.parametrize("stacked", [True, False])
def test_each_input_is_an_array_of_its_own(nesting: str, stacked: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    kind, nested = NESTED[nesting]
    data = Lazy(nested)
    form = InputForm.of(kind(), data[0][0])
    monkeypatch.setattr(split_samples, "STACKED_BYTES", 2**30 if stacked else 0)
    monkeypatch.setattr(split_samples, "COPIED_BYTES", 2**26 if stacked else 0)
    order = np.arange(COUNT)[::-1].copy()
    samples = SplitSamples(data, order, "task.search", form)
    for _ in range(2):
        inputs, targets = samples.read(5, 15)
        assert isinstance(inputs, Batch)
        assert {name: part.dtype for name, part in inputs.parts.items()} == {"image": np.float32, "depth": np.int64}
        assert inputs["depth"].tolist() == order[5:15].tolist()
        np.testing.assert_allclose(inputs["image"], data.images.numpy()[order[5:15]], rtol=1e-6)
        assert np.asarray(targets).tolist() == (order[5:15] % 4).tolist()
    assert len(samples.part(5, 15)[2:4]) == 2


def test_a_limited_batch_holds_the_same_samples_of_each_input() -> None:
    data = Lazy(NESTED["tuple"][1])
    inputs, targets = split_batch(data, InputForm.of(TwoInputs(), data[0][0]), limit=7, seed=1)  # type: ignore[arg-type]
    assert isinstance(inputs, Batch)
    assert len(inputs) == 7
    assert (inputs["depth"] % 4 == np.asarray(targets)).all()


def test_a_sample_that_is_nested_otherwise_is_named() -> None:
    data = Lazy(lambda i, image, depth: {"image": image, "depth": depth} if i != 3 else {"image": image})
    form = InputForm.of(OneDict(), data[0][0])
    with pytest.raises(TaskError, match=r"inputs of sample 3: expected dict of image, depth.* without depth"):
        SplitSamples(data, np.arange(COUNT), "task.test", form)


def test_a_sample_with_nan_in_any_input_is_named() -> None:
    data = Lazy(lambda i, image, depth: (image, depth.float() if i != 4 else torch.tensor(torch.nan)))
    form = InputForm.of(TwoInputs(), data[0][0])
    with pytest.raises(TaskError, match=r"task\.test: sample 4 holds NaN"):
        SplitSamples(data, np.arange(COUNT), "task.test", form)


def test_the_one_array_is_no_batch() -> None:
    stack = NamedStack(3, single=True)
    stack.extend(np.ones((2, 4)), 0)
    stack.put({"input": np.zeros(4)}, 2)
    part = stack.part(1, 3)
    assert isinstance(part, np.ndarray)
    assert part.dtype == np.float32
    assert (part.sum(), stack.filled, len(stack)) == (4, 3, 3)


def test_a_dataclass_is_digested_as_what_is_in_it() -> None:
    data, same = Lazy(NESTED["dataclass"][1]), Lazy(NESTED["dict"][1])
    same.images = data.images
    assert digest_of(data) == digest_of(same)
    assert digest_of_value(Sample(torch.zeros(1), torch.ones(1))) != digest_of_value(
        Sample(torch.ones(1), torch.ones(1))
    )
