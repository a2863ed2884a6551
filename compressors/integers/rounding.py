"""Rounding weights so that a layer's *output* is kept, not each weight: reconstruction, layer by layer."""

from __future__ import annotations

from collections.abc import Collection

import torch
from torch import Tensor, fx, nn

from ...spaces.tensors.batch import Tensors
from ..statistics.gram import gram
from ..statistics.sampling import reads_of

DAMPING = 1e-2
"""Added to the second moments, relative to their mean."""
LIMIT = 2400
"""Most weights to an output for which rounding is reconstructed; beyond it they are rounded to the nearest."""


def second_moments(net: fx.GraphModule, names: Collection[str], inputs: Tensors) -> dict[str, Tensor]:
    """``XᵀX / n`` of what dense layers read, shape ``(p, p)`` in the order of ``weight.flatten(1)``, by module name."""

    def moments(_: nn.Module, read: Tensor) -> Tensor:
        flat = read.transpose(1, 2).flatten(1)
        return gram(flat) / len(flat)

    small = [name for name in names if net.get_submodule(name).get_parameter("weight")[0].numel() <= LIMIT]
    return reads_of(net, inputs, None, moments, small)


def reconstruct(weight: Tensor, scale: Tensor, limit: int, moments: Tensor) -> Tensor:
    """Integer codes that keep ``X · weightᵀ``, with the scales given.

    Minimises what AdaRound does (Nagel et al. 2020, "Up or Down? Adaptive Rounding", eq. 13) in closed form, column by
    column, each column's error taken up by those still to be rounded: Frantar et al. 2023, "OPTQ", algorithm 1,
    without its blocks and with columns in order of falling second moment.

    Args:
        weight: ``(out, …)``.
        scale: ``(out,)``.
        limit: the largest code, and the least without its sign.
        moments: of the inputs, ``(p, p)``, p weights to an output.

    Returns:
        int8, the weight's shape; never worse than rounding to the nearest on these moments.
    """
    rows = (weight.detach().flatten(1) / scale.unsqueeze(1)).double()
    order = moments.diagonal().argsort(descending=True)
    damped = moments.double()[order][:, order]
    damped.diagonal().add_(DAMPING * float(damped.diagonal().mean()) + 1e-12)
    inverse = torch.linalg.cholesky(torch.cholesky_inverse(torch.linalg.cholesky(damped)), upper=True)
    left, codes = rows[:, order].clone(), torch.empty_like(rows)
    for column in range(rows.shape[1]):
        code = left[:, column].round().clamp(-limit, limit)
        error = (left[:, column] - code) / inverse[column, column]
        left[:, column:] -= error.unsqueeze(1) * inverse[column, column:]
        codes[:, column] = code
    codes = codes[:, order.argsort()]
    nearest = rows.round().clamp(-limit, limit)
    better = _error(codes - rows, moments) <= _error(nearest - rows, moments)
    return torch.where(better.unsqueeze(1), codes, nearest).view(weight.shape).to(torch.int8)


def _error(gap: Tensor, moments: Tensor) -> Tensor:
    return ((gap @ moments.double()) * gap).sum(1)
