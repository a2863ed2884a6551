"""Which channels matter least: a score for every channel of a coupled group, higher is more important."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor, fx, nn

from ...spaces.network.graph import ChannelGroup
from ...spaces.network.layers import WEIGHTED, is_grouped, norm_of, weight_matrix
from ..statistics.calibration import Calibration
from .hessian import hessian_sensitivity
from .lasso import entry_penalties, group_gram

Score = Callable[[fx.GraphModule, ChannelGroup, Calibration, int], np.ndarray]
"""Importance of each channel of a group, shape ``(channels,)``; the last argument is the run's seed."""
LayerScore = Callable[[str, nn.Module, Calibration], Tensor]
"""Importance of each output channel of one layer, shape ``(out,)``."""


def importance(
    criterion: str, net: fx.GraphModule, group: ChannelGroup, calibration: Calibration, seed: int = 0
) -> np.ndarray:
    """The score of every channel of ``group``, shape ``(channels,)``, by a name in :data:`CRITERIA`."""
    return CRITERIA[criterion](net, group, calibration, seed)


def by_layer(score: LayerScore) -> Score:
    """A group's score from its layers': each layer that writes the group is scored and scaled to mean one.

    The layers' scores are averaged, so that no layer of a residual stage drowns the others.
    """

    def of_group(net: fx.GraphModule, group: ChannelGroup, calibration: Calibration, _: int) -> np.ndarray:
        total, count = np.zeros(group.channels), np.zeros(group.channels)
        for part in group.writers:
            layer = net.get_submodule(part.layer)
            if not isinstance(layer, WEIGHTED):
                continue
            scores = score(part.layer, layer, calibration).detach().numpy().astype(np.float64)
            np.add.at(total, part.roots, _to_mean_one(scores)[part.locals])
            np.add.at(count, part.roots, 1.0)
        return np.asarray(total / np.maximum(count, 1.0))

    return of_group


def l1(_: str, layer: nn.Module, __: Calibration) -> Tensor:
    """Li et al. 2017, "Pruning Filters for Efficient ConvNets": the sum of absolute weights."""
    return weight_matrix(layer).abs().sum(1)


def l2(_: str, layer: nn.Module, __: Calibration) -> Tensor:
    """He et al. 2018, "Soft Filter Pruning": the Euclidean norm of the weights."""
    norms: Tensor = torch.linalg.vector_norm(weight_matrix(layer), dim=1)
    return norms


def bn_scale(name: str, layer: nn.Module, calibration: Calibration) -> Tensor:
    """Liu et al. 2017, "Network Slimming": the batch norm's |γ|; the L2 norm where no batch norm followed."""
    norm = norm_of(layer)
    return l2(name, layer, calibration) if norm is None else norm[0].abs()


def fpgm(_: str, layer: nn.Module, __: Calibration) -> Tensor:
    """He et al. 2019, "Filter Pruning via Geometric Median", eq. 6: the sum of distances to the layer's other filters.

    A filter near the geometric median can be made up for by the others.
    """
    filters = weight_matrix(layer)
    return torch.cdist(filters, filters, compute_mode="donot_use_mm_for_euclid_dist").sum(1)


def taylor(name: str, _: nn.Module, calibration: Calibration) -> Tensor:
    """Molchanov et al. 2019; see :attr:`Calibration.taylor`."""
    return calibration.taylor[name]


def activation(name: str, _: nn.Module, calibration: Calibration) -> Tensor:
    """The mean absolute output on calibration data."""
    return calibration.activation_magnitude[name]


def apoz(name: str, _: nn.Module, calibration: Calibration) -> Tensor:
    """Hu et al. 2016, "Network Trimming", eq. 1: 1 − the average percentage of zeros behind the ReLU.

    Outputs are counted before the ReLU, where those above zero are the same. Deviation: so are those of layers that no
    ReLU follows.
    """
    return calibration.positive_share[name]


def hessian(name: str, _: nn.Module, calibration: Calibration) -> Tensor:
    """Yu et al. 2022, "Hessian-Aware Pruning"; see :func:`hessian_sensitivity`."""
    return calibration.once("hessian", lambda: hessian_sensitivity(calibration))[name]


def group_l2(net: fx.GraphModule, group: ChannelGroup, _: Calibration, __: int) -> np.ndarray:
    """Fang et al. 2023, "DepGraph", eq. 4: the norm of all weights that go with a channel, of writers and of readers.

    Weights are those of the artefact, so a batch norm's scale counts with them. Scaled to mean one.
    """
    total = np.zeros(group.channels)
    for part in group.slices:
        layer = net.get_submodule(part.layer)
        if isinstance(layer, WEIGHTED) and not (part.side == "in" and is_grouped(layer)):
            squares = layer.weight.detach().double().square().transpose(0, 0 if part.side == "out" else 1)
            np.add.at(total, part.roots, squares.flatten(1).sum(1).numpy()[part.locals])
    return _to_mean_one(np.sqrt(total))


def lasso(net: fx.GraphModule, group: ChannelGroup, calibration: Calibration, seed: int) -> np.ndarray:
    """He, Zhang, Sun 2017, "Channel Pruning for Accelerating Very Deep Neural Networks", eq. 2.

    Over the dense layers that read the group, the mean of :func:`entry_penalties`, each scaled to mean one; what none
    of them reads gets one. The L2 norm where no dense layer reads it.
    """
    total, count = np.zeros(group.channels), np.zeros(group.channels)
    for part in group.readers:
        gram = group_gram(net, part, group.channels, calibration)
        if gram is not None:
            read = np.unique(part.roots)
            total[read] += _to_mean_one(entry_penalties(gram[np.ix_(read, read)]))
            count[read] += 1
    if not count.any():
        return by_layer(l2)(net, group, calibration, seed)
    return np.where(count > 0, total / np.maximum(count, 1), 1.0)


def random(_: fx.GraphModule, group: ChannelGroup, __: Calibration, seed: int) -> np.ndarray:
    """The control: scores drawn from a generator seeded by the group's name and the run's seed."""
    salt = int.from_bytes(group.name.encode()[-8:].rjust(8, b"\0"))
    return np.random.default_rng((seed, salt)).random(group.channels)


BY_LAYER: dict[str, LayerScore] = {
    "l1": l1,
    "l2": l2,
    "bn_scale": bn_scale,
    "fpgm": fpgm,
    "taylor": taylor,
    "activation": activation,
    "apoz": apoz,
    "hessian": hessian,
}
CRITERIA: dict[str, Score] = {
    **{name: by_layer(score) for name, score in BY_LAYER.items()},
    "group_l2": group_l2,
    "lasso": lasso,
    "random": random,
}
"""All criteria, those that judge a layer's filters and those that judge a group as a whole."""


def most_important(scores: np.ndarray, keep: int, unit: int = 1) -> list[int]:
    """The indices of the ``keep`` highest scores, ascending; whole units of neighbours go or stay together."""
    by_unit = scores.reshape(-1, unit).sum(1)
    order = np.lexsort((np.arange(len(by_unit)), -by_unit))[: keep // unit]
    return [int(u) * unit + i for u in sorted(order.tolist()) for i in range(unit)]


def _to_mean_one(scores: np.ndarray) -> np.ndarray:
    """Scaled to a mean absolute score of one, so that scores below zero keep their order."""
    return np.asarray(scores / (float(np.abs(scores).mean()) or 1.0))
