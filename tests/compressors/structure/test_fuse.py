"""Two layers in one: equal to the two in a row, everywhere or wherever the second reads no padding."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from parefront.compressors.structure.fuse import fuse
from parefront.spaces.network.layers import PaddedConv2d, SequenceLinear, onnx_pads

from ...flat import conv, images

Kernel = int | tuple[int, int]


def first(kernel: Kernel, stride: Kernel = 1, padding: Kernel = 0) -> nn.Conv2d:
    return nn.Conv2d(3, 6, kernel, stride, padding)


def second(kernel: Kernel, stride: Kernel = 1, padding: Kernel = 0) -> nn.Conv2d:
    return nn.Conv2d(6, 4, kernel, stride, padding)


def padded(before: int, after: int, *pads: int, stride: int = 1) -> PaddedConv2d:
    made = PaddedConv2d(before, after, 3, stride=stride)
    made.pads = (pads[0], pads[1], pads[2], pads[3])
    return made


UNPADDED = {
    "3x3 then 1x1": (first(3, padding=1), second(1)),
    "strided 3x3 then 1x1": (first(3, 2, 1), second(1)),
    "3x3 then strided 1x1": (first(3, padding=1), second(1, 2)),
    "1x1 then 3x3": (first(1), second(3)),
    "1x1 then strided 3x3": (first(1), second(3, 2)),
    "strided 1x1 then 3x3": (first(1, 2), second(3)),
    "3x3 then 3x3": (first(3, padding=1), second(3)),
    "strided 3x3 then strided 3x3": (first(3, 2, 1), second(3, 2)),
    "oblong": (first((1, 5), (2, 1), (0, 2)), second((3, 1), (1, 2))),
    "unevenly padded, then 3x3": (padded(3, 6, 0, 1, 0, 1, stride=2), second(3)),
}
PADDED = {
    "1x1 then 3x3": (first(1), second(3, padding=1)),
    "3x3 then 3x3": (first(3, padding=1), second(3, padding=1)),
    "strided 3x3 then strided 3x3": (first(3, 2, 1), second(3, 2, 1)),
    "3x3 then 5x5": (first(3, padding=1), second(5, padding=2)),
    "3x3, then unevenly padded": (first(3, padding=1), padded(6, 4, 0, 1, 0, 2, stride=2)),
    "oblong": (first((1, 5), (2, 1), (0, 2)), second((3, 1), (1, 2), (1, 0))),
}


def both(one: nn.Module, two: nn.Module, x: Tensor) -> tuple[Tensor, Tensor]:
    """What the two layers give in a row, and what the fused one gives."""
    with torch.no_grad():
        return two(one(x)), fuse(one, two)(x)


@pytest.mark.parametrize(("one", "two"), UNPADDED.values(), ids=UNPADDED)
def test_a_second_convolution_without_padding_fuses_exactly(one: nn.Module, two: nn.Module) -> None:
    expected, got = both(one, two, images(2, 3, 13, 12))
    torch.testing.assert_close(got, expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(("one", "two"), PADDED.values(), ids=PADDED)
def test_one_with_padding_fuses_exactly_where_it_reads_none(one: nn.Module, two: nn.Conv2d) -> None:
    x = images(2, 3, 13, 12)
    expected, got = both(one, two, x)
    assert got.shape == expected.shape
    top, left, bottom, right = onnx_pads(two)
    present = F.pad(torch.ones_like(one(x)[:1, :1]), (left, right, top, bottom))
    inside = F.conv2d(present, torch.ones(1, 1, *two.kernel_size), stride=two.stride)[0, 0] == two.weight[0, 0].numel()
    assert 0 < int(inside.sum()) < inside.numel()
    torch.testing.assert_close(got[..., inside], expected[..., inside], rtol=1e-5, atol=1e-5)
    assert not torch.allclose(got[..., ~inside], expected[..., ~inside], atol=1e-3)


def test_a_pointwise_convolution_without_bias_fuses_exactly_at_the_border_too() -> None:
    """It gives zero for zeros, so that padding before it and behind it are the same."""
    one, two = conv(3, 6, 1), conv(6, 4)
    one.bias = nn.Parameter(torch.zeros(6))
    expected, got = both(one, two, images(2, 3, 9, 8))
    torch.testing.assert_close(got, expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(("one", "two"), [*UNPADDED.values(), *PADDED.values()], ids=[*UNPADDED, *PADDED])
def test_height_and_width_are_those_of_the_two_for_every_image(one: nn.Module, two: nn.Module) -> None:
    for height in range(8, 14):
        expected, got = both(one, two, images(1, 3, height, 17 - height % 4))
        assert got.shape == expected.shape


@pytest.mark.parametrize("kind", [nn.Linear, SequenceLinear])
@pytest.mark.parametrize("shape", [(5, 6), (5, 7, 6), (5, 3, 2, 6)])
def test_linear_layers_fuse_exactly(kind: type[nn.Linear], shape: tuple[int, ...]) -> None:
    one, two = kind(6, 8), kind(8, 4)
    expected, got = both(one, two, images(*shape))
    torch.testing.assert_close(got, expected, rtol=1e-5, atol=1e-5)
    assert type(fuse(one, two)) is kind


def test_no_random_numbers_are_drawn() -> None:
    one, two = UNPADDED["3x3 then 1x1"]
    state = torch.get_rng_state()
    fuse(one, two)
    assert torch.equal(torch.get_rng_state(), state)
