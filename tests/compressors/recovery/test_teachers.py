"""Several teachers give one answer: the mean of theirs, or each by how sure it is of a sample."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, fx, nn

from parefront.compressors.recovery.places import stage_ends
from parefront.compressors.recovery.teachers import Teachers
from parefront.spaces.tensors.batch import Tensors
from parefront.testing.specimen import Specimen, specimen


def held() -> Specimen:
    return specimen("residual")


def outputs(teachers: Teachers) -> Tensor:
    given = teachers(held().images).outputs
    assert isinstance(given, Tensor)
    return given


def doubled(inputs: Tensors) -> Tensor:
    result: Tensor = 2 * held().net(inputs)
    return result


def undecided(inputs: Tensors) -> Tensor:
    return torch.full((len(inputs), 10), 3.0)


def test_one_alone_is_asked_as_it_is() -> None:
    with torch.no_grad():
        torch.testing.assert_close(outputs(Teachers(held().net)), held().net(held().images))


def test_the_mean_is_that_of_all_of_them() -> None:
    with torch.no_grad():
        wanted = (3 * held().net(held().images) + 3.0) / 3
    torch.testing.assert_close(outputs(Teachers(held().net, [doubled, undecided])), wanted)


def test_who_is_surer_of_a_sample_counts_for_more() -> None:
    given = outputs(Teachers(held().net, [undecided], by_confidence=True))
    with torch.no_grad():
        own = held().net(held().images)
    sure = own.softmax(1).amax(1, keepdim=True)
    torch.testing.assert_close(given, (sure * own + 0.1 * 3.0) / (sure + 0.1))


def test_what_is_inside_of_the_uncompressed_network_is_told_with_it() -> None:
    places = stage_ends(held().net, held().images)
    taught = Teachers(held().net, [doubled], places=places)(held().images)
    assert [part.shape for part in taught.features.values()] == [(64, 16, 16, 16), (64, 32, 8, 8)]
    assert taught.bytes == 4 * 64 * (16 * 16 * 16 + 32 * 8 * 8 + 10)
    assert not any(part.requires_grad for part in taught.features.values())


class Two(nn.Module):
    """Gives scores that are floating point numbers and an index that is none."""

    def forward(self, inputs: Tensor) -> dict[str, Tensor]:
        return {"scores": inputs.mean((2, 3)), "index": inputs.flatten(1).argmax(1)}


def test_several_outputs_keep_their_names_and_whole_numbers_are_the_first_teachers() -> None:
    net = fx.symbolic_trace(Two())
    given = Teachers(net, [lambda _: net(-held().images)])(held().images).outputs
    assert isinstance(given, dict)
    torch.testing.assert_close(given["scores"], torch.zeros(64, 3))
    assert torch.equal(given["index"], held().images.flatten(1).argmax(1))


@pytest.mark.parametrize("by_confidence", [False, True])
def test_teachers_that_agree_are_one(by_confidence: bool) -> None:
    with torch.no_grad():
        wanted = held().net(held().images)
    torch.testing.assert_close(outputs(Teachers(held().net, [held().net], by_confidence)), wanted)
