"""The stream gives every student the same batches, and asks the teacher once."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor, fx

from parefront.compressors.recovery import stream as module
from parefront.compressors.recovery.batches.augment import Augmentation
from parefront.compressors.recovery.batches.sources import Samples
from parefront.compressors.recovery.stream import Stream
from parefront.spaces.network.rebuild import duplicate
from parefront.testing.specimen import specimen

MakeStream = Callable[..., Stream]


def parts(stream: Stream, number: int) -> tuple[Tensor, Tensor, Tensor]:
    """Inputs, the teacher's outputs and labels of a batch, of a network with one of each."""
    inputs, taught, labels = stream.batch(number)
    assert isinstance(inputs, Tensor)
    assert isinstance(taught.outputs, Tensor)
    assert labels is not None
    return inputs, taught.outputs, labels


@pytest.fixture
def make_stream() -> MakeStream:
    held = specimen("plain")

    def make(seed: int = 0, kinds: tuple[str, ...] = (), teacher: fx.GraphModule = held.net) -> Stream:
        labels = torch.arange(len(held.images))

        def read(rows: NDArray[np.intp]) -> tuple[Tensor, Tensor]:
            return held.images[torch.from_numpy(rows)], labels[torch.from_numpy(rows)]

        return Stream(Samples(read, len(held.images), 24, seed), teacher, Augmentation(kinds), seed)

    return make


def test_a_batch_is_the_same_whenever_it_is_asked_for(make_stream: MakeStream) -> None:
    one, other = make_stream(kinds=("crop", "flip")), make_stream(kinds=("crop", "flip"))
    other.batch(0)
    for inputs, again in ((parts(one, 3), parts(other, 3)), (parts(one, 3), parts(one, 3))):
        for a, b in zip(inputs, again, strict=True):
            assert torch.equal(a, b)
    assert not torch.equal(parts(one, 3)[0], parts(make_stream(seed=1, kinds=("crop", "flip")), 3)[0])


def test_an_epoch_shows_no_sample_twice_and_the_next_one_another_order(make_stream: MakeStream) -> None:
    stream = make_stream()
    assert stream.batches == 2
    first, second = (torch.cat([parts(stream, number)[2] for number in epoch]) for epoch in ((0, 1), (2, 3)))
    assert len(set(first.tolist())) == 48
    assert not torch.equal(first, second)


def test_the_teacher_is_asked_once_of_each_batch(make_stream: MakeStream, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[int] = []
    teacher = duplicate(specimen("plain").net)
    teacher.register_forward_pre_hook(lambda *_: asked.append(1))
    stream = make_stream(teacher=teacher)
    outputs = [parts(stream, number)[1] for number in (0, 1, 0, 1)]
    assert len(asked) == 2
    assert outputs[0] is outputs[2]
    monkeypatch.setattr(module, "HELD_BYTES", 0)
    forgetful = make_stream(teacher=teacher)
    assert torch.equal(parts(forgetful, 0)[1], parts(forgetful, 0)[1])
    assert len(asked) == 4


def test_of_a_split_that_is_random_itself_the_teacher_is_asked_anew(make_stream: MakeStream) -> None:
    held, asked = specimen("plain"), [0]

    def read(rows: NDArray[np.intp]) -> tuple[Tensor, None]:
        asked[0] += 1
        return held.images[torch.from_numpy(rows)] + asked[0], None

    stream = Stream(Samples(read, len(held.images), 24), held.net, Augmentation())
    for _ in range(2):
        inputs, taught, _ = stream.batch(0)
        with torch.no_grad():
            torch.testing.assert_close(taught.outputs, held.net(inputs))


def test_the_teacher_is_asked_on_mixed_images_and_labels_are_mixed(make_stream: MakeStream) -> None:
    held = specimen("plain")
    source = Samples(lambda rows: (held.images[rows], torch.from_numpy(rows) % 10), len(held.images), 24)
    inputs, taught, labels = Stream(source, held.net, Augmentation(("mixup",))).batch(0)
    with torch.no_grad():
        torch.testing.assert_close(taught.outputs, held.net(inputs))
    assert labels is not None
    assert labels.shape == (24, 10)
    torch.testing.assert_close(labels.sum(1), torch.ones(24))
    assert 0 < labels[labels > 0].min() < 1


def test_what_it_gives_is_what_the_teacher_says_of_the_changed_images(make_stream: MakeStream) -> None:
    inputs, outputs, _ = parts(make_stream(kinds=("crop", "flip")), 0)
    with torch.no_grad():
        torch.testing.assert_close(outputs, specimen("plain").net(inputs))
