"""Weights that become zero in the course of training, layer by layer as many as the policy says at its end."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import torch
from torch import Tensor, fx

from ...spaces.network.rebuild import duplicate
from .normalisation import fold_norms
from .recipe import ONCE

GROWS = 0.6
"""The share of the steps in which the zeros become more; in the rest of them they stay as they are."""
UPDATES = 20
"""How often they become more; fewer times in trainings of fewer steps."""

Masks = Callable[[fx.GraphModule, float], Mapping[str, Tensor]]
"""Which weights are kept, bool of the weight's shape, by the name of the layer.

Of a network as the file would hold it, whose layers have a share, from 0 to 1, of the zeros of the policy.
"""


def cubic_sparsity(step: float, initial: float, final: float, begin: float, length: float) -> float:
    """The sparsity s_t = s_f + (s_i − s_f)(1 − (t − t₀) / (nΔt))³, from ``initial`` to ``final``.

    Zhu, Gupta 2017, "To prune, or not to prune: exploring the efficacy of pruning for model compression", eq. 1.

    Args:
        step: t; before ``begin`` the sparsity is the initial one, after the end the final one.
        initial: s_i.
        final: s_f.
        begin: t₀.
        length: nΔt, steps from the first to the last change.
    """
    place = min(1.0, max(0.0, (step - begin) / length))
    return final + (initial - final) * (1 - place) ** 3


class Sparsity:
    """Holds weights of a network under training at zero, in place; ever more of them, the smallest first.

    With ``cubic`` the policy's sparsity is reached after :data:`GROWS` of the steps, in up to :data:`UPDATES` equal
    intervals (:func:`cubic_sparsity` from 0). Magnitudes are those of the network with its norms folded, as in the
    file. What is zero gets no gradient, so it stays zero. Deviation: the interval follows from the number of steps.

    Args:
        masks: of the policy.
        net: with norms or without.
        steps: of the training.
        when: ``once`` or ``cubic``.
        begun: whether the network has the policy's zeros already, as in a second round.
    """

    def __init__(self, masks: Masks, net: fx.GraphModule, steps: int, when: str, begun: bool = False) -> None:
        self._masks, self._net = masks, net
        self._initial = 1.0 if begun or when == ONCE else 0.0
        self._every = max(1, round(GROWS * steps / UPDATES))
        self._length = self._every * max(1, round(GROWS * steps / self._every))
        self._kept: dict[str, Tensor] = {}

    @torch.no_grad()
    def before(self, step: int) -> None:
        """Set to zero what becomes zero before a step, counted from 0."""
        settled = self._kept and self._initial == 1.0
        if settled or step > self._length or step % self._every:
            return
        share = cubic_sparsity(step, self._initial, 1.0, 0.0, self._length)
        folded = duplicate(self._net)
        fold_norms(folded)
        self._kept = dict(self._masks(folded, share))
        self.hold()

    @torch.no_grad()
    def mask_gradients(self) -> None:
        """Nothing of the gradient is of weights that are zero."""
        for name, kept in self._kept.items():
            gradient = self._net.get_submodule(name).get_parameter("weight").grad
            if gradient is not None:
                gradient.mul_(kept)

    @torch.no_grad()
    def hold(self) -> None:
        """Set to zero again what momentum has moved, or an average has mixed in."""
        for name, kept in self._kept.items():
            self._net.get_submodule(name).get_parameter("weight").mul_(kept)

    def finish(self) -> None:
        """Have all zeros of the policy, however few steps there were."""
        self.hold()
        self._initial, self._kept = 1.0, {}
        self.before(0)

    def state(self) -> Mapping[str, Tensor]:
        """Which weights are kept, by the layer."""
        return dict(self._kept)

    def resume(self, state: Mapping[str, Tensor]) -> None:
        """Take up what :meth:`state` gave."""
        self._kept = {name: kept.bool() for name, kept in state.items()}
