"""A dense layer's weights factorised into the layers of a chain, by the scheme that is asked for."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from ...spaces.network.layers import conv_like
from ..statistics.spectrum import Spectrum
from .decompose import cp, energy_rank, truncated, tucker2


@dataclass(frozen=True, eq=False)
class Dense:
    """A layer to be factorised, and what is known of its data.

    Attributes:
        layer: an ungrouped Conv2d, or a Linear.
        covariance: of its input channels, ``(in, in)``; the identity weighs all alike.
        outputs: covariance of its outputs, ``(out, out)``, or None to take it from the weights and the inputs.
    """

    layer: nn.Conv2d | nn.Linear
    covariance: Spectrum
    outputs: Spectrum | None = None

    @property
    def kernel(self) -> Tensor:
        """The weight, ``(out, in, height, width)``; 1 × 1 for a linear layer."""
        weight = self.layer.weight.detach()
        return weight if weight.dim() == 4 else weight[:, :, None, None]

    @property
    def of_outputs(self) -> Spectrum:
        """What the output's covariance is, or is where inputs at different places do not depend on each other."""
        if self.outputs is not None:
            return self.outputs
        weighted = torch.einsum("oihw,ij->ojhw", self.kernel, self.covariance.matrix)
        return Spectrum(torch.einsum("ojhw,pjhw->op", weighted, self.kernel))


Ranks = tuple[int, ...]
Chain = list[nn.Module]


@dataclass(frozen=True)
class Scheme:
    """A way to factorise.

    Attributes:
        ranks: for a kernel's shape ``(out, in, height, width)`` and a share of the full rank, the ranks.
        energy: for a layer and a share of its energy, the ranks that keep it; None where energies do not add up.
        multiplies: MACs for one output place, for a shape, ranks, and how many input places there are to an output.
        build: the parts.
    """

    ranks: Callable[[torch.Size, float, int], Ranks]
    energy: Callable[[Dense, float, int], Ranks] | None
    multiplies: Callable[[torch.Size, Ranks, float, float], float]
    build: Callable[[Dense, Ranks], Chain]


def weights_of(chain: Chain) -> int:
    return sum(p.numel() for part in chain for p in part.parameters())


def _svd(dense: Dense, ranks: Ranks) -> Chain:
    """k × k to ``rank`` channels, then 1 × 1: principal components of the outputs.

    Zhang et al. 2016, "Accelerating Very Deep Convolutional Networks for Classification and Detection", eq. 5.
    """
    vectors = dense.of_outputs.vectors[:, : ranks[0]]
    first = torch.einsum("or,oihw->rihw", vectors, dense.kernel)
    return [spread(dense.layer, first, "hw"), point(dense.layer, vectors, last=True)]


def _spatial(dense: Dense, ranks: Ranks) -> Chain:
    """k × 1 to ``rank`` channels, then 1 × k. Jaderberg et al. 2014, "Speeding up CNNs with Low Rank Expansions"."""
    kernel = dense.kernel
    out, channels, height, width = kernel.shape
    root, inverse = dense.covariance.root
    matrix = torch.einsum("oihw,ij->jhow", kernel, root).reshape(channels * height, out * width)
    left, right = truncated(matrix, ranks[0])
    vertical = torch.einsum("jhr,ij->rih", left.view(channels, height, -1), inverse)
    horizontal = right.view(-1, out, width).transpose(0, 1)
    parts = [spread(dense.layer, vertical.unsqueeze(3), "h"), spread(dense.layer, horizontal.unsqueeze(2), "w")]
    return _with_bias(parts, dense.layer)


def _tucker(dense: Dense, ranks: Ranks) -> Chain:
    """1 × 1 to ``ranks[0]`` channels, k × k to ``ranks[1]``, 1 × 1. Kim et al. 2016."""
    root, inverse = dense.covariance.root
    outputs, core, inputs = tucker2(torch.einsum("oihw,ij->ojhw", dense.kernel, root), ranks[1], ranks[0])
    before = (inverse @ inputs).T
    return [point(dense.layer, before), spread(dense.layer, core, "hw"), point(dense.layer, outputs, last=True)]


def _cp(dense: Dense, ranks: Ranks) -> Chain:
    """1 × 1, depthwise k × 1, depthwise 1 × k, 1 × 1, all of ``rank`` channels between. Lebedev et al. 2015."""
    root, inverse = dense.covariance.root
    outputs, inputs, rows, columns = cp(torch.einsum("oihw,ij->ojhw", dense.kernel, root), ranks[0])
    return [
        point(dense.layer, (inverse @ inputs).T),
        spread(dense.layer, rows.T[:, None, :, None], "h", groups=ranks[0]),
        spread(dense.layer, columns.T[:, None, None, :], "w", groups=ranks[0]),
        point(dense.layer, outputs, last=True),
    ]


def _svd_energy(dense: Dense, share: float, step: int) -> Ranks:
    energies = dense.of_outputs.values
    return (_up(energy_rank(energies, share), step, len(energies)),)


def _spatial_energy(dense: Dense, share: float, step: int) -> Ranks:
    root, _ = dense.covariance.root
    matrix = torch.einsum("oihw,ij->jhow", dense.kernel, root).flatten(2).flatten(0, 1)
    energies = torch.linalg.svdvals(matrix).square()
    return (_up(energy_rank(energies, share), step, len(energies)),)


def _tucker_energy(dense: Dense, share: float, step: int) -> Ranks:
    weighted = torch.einsum("oihw,ij->ojhw", dense.kernel, dense.covariance.root[0])
    modes = (weighted.transpose(0, 1).flatten(1), weighted.flatten(1))
    energies = [torch.linalg.eigvalsh(matrix @ matrix.T) for matrix in modes]
    return tuple(_up(energy_rank(of_mode, share), step, len(of_mode)) for of_mode in energies)


def _share(share: float, step: int, *full: int) -> Ranks:
    """A share of each full rank."""
    return tuple(_round(share * most, step, most) for most in full)


def _round(wanted: float, step: int, most: int) -> int:
    """The nearest multiple of ``step``, at least one of it, but never above ``most``: the full rank."""
    return min(most, max(step, math.floor(wanted / step + 0.5) * step))


def _up(rank: int, step: int, most: int) -> int:
    return min(most, -(-rank // step) * step)


SCHEMES: dict[str, Scheme] = {
    "svd": Scheme(
        lambda shape, share, step: _share(share, step, min(shape[0], math.prod(shape[1:]))),
        _svd_energy,
        lambda shape, r, tall, wide: r[0] * (math.prod(shape[1:]) + shape[0]),
        _svd,
    ),
    "spatial": Scheme(
        lambda shape, share, step: _share(share, step, min(shape[1] * shape[2], shape[0] * shape[3])),
        _spatial_energy,
        lambda shape, r, tall, wide: r[0] * (shape[1] * shape[2] * wide + shape[0] * shape[3]),
        _spatial,
    ),
    "tucker2": Scheme(
        lambda shape, share, step: _share(share, step, shape[1], shape[0]),
        _tucker_energy,
        lambda shape, r, tall, wide: (
            shape[1] * r[0] * tall * wide + r[0] * r[1] * math.prod(shape[2:]) + r[1] * shape[0]
        ),
        _tucker,
    ),
    "cp": Scheme(
        lambda shape, share, step: _share(share, step, max(shape[:2])),
        None,
        lambda shape, r, tall, wide: r[0] * (shape[1] * tall * wide + shape[2] * wide + shape[3] + shape[0]),
        _cp,
    ),
}  # fmt: skip
"""By name; what is 1 × 1, linear layers too, is factorised by ``svd`` whatever the scheme."""


def scheme_for(name: str, shape: torch.Size) -> Scheme:
    return SCHEMES[name if math.prod(shape[2:]) > 1 else "svd"]


def point(layer: nn.Module, matrix: Tensor, last: bool = False) -> nn.Module:
    """A 1 × 1 convolution, or a linear layer in place of one, with weight ``(out, in)``; with the bias where last."""
    out, channels = matrix.shape
    made = type(layer)(channels, out) if isinstance(layer, nn.Linear) else nn.Conv2d(channels, out, 1)
    weight = matrix if isinstance(layer, nn.Linear) else matrix[:, :, None, None]
    made.weight = nn.Parameter(weight.contiguous())
    made.bias = nn.Parameter(layer.get_parameter("bias").detach().clone() if last else torch.zeros(out))
    return made


def spread(layer: nn.Module, kernel: Tensor, axes: str, groups: int = 1) -> nn.Module:
    """A part like ``layer`` along ``axes`` (see ``conv_like``), with no bias yet."""
    if isinstance(layer, nn.Linear):
        return point(layer, kernel.flatten(1))
    assert isinstance(layer, nn.Conv2d)
    return conv_like(layer, kernel, torch.zeros(kernel.shape[0]), groups, axes)


def _with_bias(parts: Chain, layer: nn.Module) -> Chain:
    parts[-1].bias = nn.Parameter(layer.get_parameter("bias").detach().clone())
    return parts
