"""A model gives an image the same output in any batch and at any time, else it is refused."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from parefront.spaces.errors import TaskError
from parefront.task_check.probe import probe


class Calls(nn.Module):
    """A function as a module."""

    def __init__(self, function: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.function = function

    def forward(self, x: Tensor) -> Tensor:
        return self.function(x)


@pytest.fixture
def images() -> Tensor:
    return torch.rand(4, 3, 8, 8, generator=torch.Generator().manual_seed(0))


def net(*layers: nn.Module) -> nn.Module:
    return nn.Sequential(nn.Conv2d(3, 8, 3), *layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, 4)).eval()


def shape_of(model: nn.Module, name: str, images: Tensor) -> tuple[int, ...]:
    _, outputs = probe(model, name, images)
    assert isinstance(outputs, Tensor)
    return tuple(outputs.shape)


def test_a_model_that_sees_each_image_by_itself_passes(images: Tensor) -> None:
    assert shape_of(net(nn.BatchNorm2d(8), nn.InstanceNorm2d(8)), "search", images) == (4, 4)


def test_a_batch_norm_without_statistics_of_its_own_is_named(images: Tensor) -> None:
    with pytest.raises(TaskError, match=r"depends on the other images.*batch norm '1'.*track_running_stats=True.*eval"):
        probe(net(nn.BatchNorm2d(8, track_running_stats=False)), "search", images)


def test_a_batch_norm_that_fails_on_one_image_is_named(images: Tensor) -> None:
    model = nn.Sequential(nn.Flatten(), nn.BatchNorm1d(192, track_running_stats=False)).eval()

    with pytest.raises(TaskError, match=r"depends on the other images.*batch norm '1'"):
        probe(model, "search", images)


DEPENDENT: dict[str, Callable[[Tensor], Tensor]] = {
    "centred over the batch": lambda x: x - x.mean(0),
    "scaled by the batch's largest": lambda x: x / x.amax(),
    "ranked in the batch": lambda x: x.flatten(1).sum(1).argsort().argsort(),
    "a threshold of the batch": lambda x: x * (x > x.median()),
}


@pytest.mark.parametrize("kind", DEPENDENT)
def test_an_output_that_depends_on_the_other_images_is_refused(images: Tensor, kind: str) -> None:
    with pytest.raises(
        TaskError, match="its output for an image of the test split depends on the other images"
    ) as told:
        probe(Calls(DEPENDENT[kind]), "test", images)

    assert "eval()" in str(told.value)


def test_equal_images_hide_no_dependence(images: Tensor) -> None:
    with pytest.raises(TaskError, match="depends on the other images"):
        probe(
            Calls(lambda x: x / x.std(0, keepdim=True, correction=0).add(1).mean()),
            "search",
            images[:1].expand(4, -1, -1, -1),
        )


def test_one_image_is_probed_beside_others_made_of_it(images: Tensor) -> None:
    with pytest.raises(TaskError, match="depends on the other images"):
        probe(Calls(lambda x: x - x.mean(0) / 2), "search", images[:1])


def test_whole_numbers_have_to_be_equal(images: Tensor) -> None:
    assert shape_of(Calls(lambda x: x.flatten(1).argmax(1)), "search", images) == (4,)

    with pytest.raises(TaskError, match="depends on the other images"):
        probe(Calls(lambda x: torch.full((len(x),), 10_000) + len(x)), "search", images)


def test_a_random_output_is_told_apart_from_one_that_depends_on_the_batch(images: Tensor) -> None:
    with pytest.raises(TaskError, match=r"two runs on one input of the search split give two outputs.*F.dropout"):
        probe(Calls(lambda x: nn.functional.dropout(x, 0.5)), "search", images)
