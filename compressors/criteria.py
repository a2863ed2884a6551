"""Which channels matter least: a score for every channel of a coupled group, higher is more important."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor, fx, nn

from ..spaces import WEIGHTED, ChannelGroup, norm_of, weight_matrix
from .calibration import Calibration

Score = Callable[[str, nn.Module, Calibration], Tensor]
"""Importance of each output channel of one layer, shape ``(out,)``."""


def _l1(_: str, layer: nn.Module, __: Calibration) -> Tensor:
    """Li et al. 2017, "Pruning Filters for Efficient ConvNets": the sum of absolute weights."""
    return weight_matrix(layer).abs().sum(1)


def _l2(_: str, layer: nn.Module, __: Calibration) -> Tensor:
    """He et al. 2018, "Soft Filter Pruning": the Euclidean norm of the weights."""
    return _norm(layer)


def _norm_scale(_: str, layer: nn.Module, __: Calibration) -> Tensor:
    """Liu et al. 2017, "Network Slimming": the batch norm's |γ|; the L2 norm where no batch norm followed."""
    norm = norm_of(layer)
    return _norm(layer) if norm is None else norm[0].abs()


def _norm(layer: nn.Module) -> Tensor:
    norms: Tensor = torch.linalg.vector_norm(weight_matrix(layer), dim=1)
    return norms


def _taylor(name: str, _: nn.Module, calibration: Calibration) -> Tensor:
    """Molchanov et al. 2019; see :attr:`Calibration.taylor`."""
    return calibration.taylor[name]


def _activation(name: str, _: nn.Module, calibration: Calibration) -> Tensor:
    """The mean absolute output on calibration data."""
    return calibration.activation_magnitude[name]


CRITERIA: dict[str, Score] = {
    "l1": _l1,
    "l2": _l2,
    "bn_scale": _norm_scale,
    "taylor": _taylor,
    "activation": _activation,
}
RANDOM = "random"
"""The control: scores drawn from a generator seeded by the group's name and the run's seed."""


def importance(
    criterion: str, net: fx.GraphModule, group: ChannelGroup, calibration: Calibration, seed: int = 0
) -> np.ndarray:
    """The score of every channel of ``group``, shape ``(channels,)``.

    Each layer that writes the group is scored by ``criterion`` and scaled to mean one, and the layers' scores are
    averaged, so that no layer of a residual stage drowns the others.
    """
    if criterion == RANDOM:
        salt = int.from_bytes(group.name.encode()[-8:].rjust(8, b"\0"))
        return np.random.default_rng((seed, salt)).random(group.channels)
    total, count = np.zeros(group.channels), np.zeros(group.channels)
    for part in group.writers:
        layer = net.get_submodule(part.layer)
        if not isinstance(layer, WEIGHTED):
            continue
        scores = CRITERIA[criterion](part.layer, layer, calibration).detach().numpy().astype(np.float64)
        mean = float(scores.mean()) or 1.0
        np.add.at(total, part.roots, scores[part.locals] / mean)
        np.add.at(count, part.roots, 1.0)
    return np.asarray(total / np.maximum(count, 1.0))


def most_important(scores: np.ndarray, keep: int, unit: int = 1) -> list[int]:
    """The indices of the ``keep`` highest scores, ascending; whole units of neighbours go or stay together."""
    by_unit = scores.reshape(-1, unit).sum(1)
    order = np.lexsort((np.arange(len(by_unit)), -by_unit))[: keep // unit]
    return [int(u) * unit + i for u in sorted(order.tolist()) for i in range(unit)]


def is_known(criterion: str) -> bool:
    return criterion in CRITERIA or criterion == RANDOM
