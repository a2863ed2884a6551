"""The stream gives every student the same batches, and asks the teacher once."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import Tensor, fx

from parefront.compressors.recovery import stream as module
from parefront.compressors.recovery.augment import Augmentation, fitting
from parefront.compressors.recovery.stream import Stream
from parefront.spaces.network.rebuild import duplicate
from parefront.testing.specimen import specimen

MakeStream = Callable[..., Stream]


def parts(stream: Stream, number: int) -> tuple[Tensor, Tensor, Tensor]:
    """Inputs, the teacher's outputs and labels of a batch, of a network with one of each."""
    inputs, outputs, labels = stream.batch(number)
    assert isinstance(inputs, Tensor)
    assert isinstance(outputs, Tensor)
    assert labels is not None
    return inputs, outputs, labels


@pytest.fixture
def make_stream() -> MakeStream:
    held = specimen("plain")

    def make(seed: int = 0, kinds: tuple[str, ...] = (), teacher: fx.GraphModule = held.net) -> Stream:
        labels = torch.arange(len(held.images))
        return Stream(
            lambda rows: (held.images[torch.from_numpy(rows)], labels[torch.from_numpy(rows)]),
            len(held.images), teacher, 24, Augmentation(kinds), seed,
        )  # fmt: skip

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


def test_what_it_gives_is_what_the_teacher_says_of_the_changed_images(make_stream: MakeStream) -> None:
    inputs, outputs, _ = parts(make_stream(kinds=("crop", "flip")), 0)
    with torch.no_grad():
        torch.testing.assert_close(outputs, specimen("plain").net(inputs))


def test_a_crop_moves_an_image_by_whole_pixels_and_mirrors_the_edge() -> None:
    images = torch.arange(2 * 16 * 16, dtype=torch.float32).view(2, 1, 16, 16)
    moved = Augmentation(("crop",))(images, np.random.default_rng(0))
    assert isinstance(moved, Tensor)
    assert moved.shape == images.shape
    for image, source in zip(moved, images, strict=True):
        middle = image[0, 4:12, 4:12]
        assert any(
            torch.equal(middle, source[0, 4 + y : 12 + y, 4 + x : 12 + x]) for y in range(-2, 3) for x in range(-2, 3)
        )


def test_only_what_leaves_the_teachers_answers_alone_is_done() -> None:
    class Left(torch.nn.Module):
        """Says on which side an image is brighter: shifts do not matter to it, flips do."""

        def forward(self, images: Tensor) -> Tensor:
            sides = images.mean((1, 2)).chunk(2, dim=1)
            return torch.stack([sides[0].mean(1), sides[1].mean(1)], 1)

    images = torch.zeros(32, 1, 16, 16)
    images[::2, :, :, 2:5] = 1
    images[1::2, :, :, 11:14] = 1
    assert fitting(fx.symbolic_trace(Left()), images).kinds == ("crop",)
    assert fitting(fx.symbolic_trace(Left()), torch.zeros(4, 3)).kinds == ()
