"""The running average of the weights, which is what is kept of a training instead of its last step."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import torch
from torch import Tensor, nn


class Average:
    """An exponential moving average of parameters.

    Polyak, Juditsky 1992, "Acceleration of Stochastic Approximation by Averaging", with weights that decay as in
    Tarvainen, Valpola 2017, "Mean Teachers are Better Role Models", eq. 1: θ' ← αθ' + (1 − α)θ after every step.
    Deviation: α is no more than (1 + t) / (10 + t) in step t, so that a short training is not held where it began.

    Args:
        parameters: by name; read after every step, and written by :meth:`put`.
        decay: α, between 0 and 1.
    """

    def __init__(self, parameters: Iterable[tuple[str, nn.Parameter]], decay: float) -> None:
        self._parameters, self._decay = dict(parameters), decay
        self._held = {name: p.detach().clone() for name, p in self._parameters.items()}

    @torch.no_grad()
    def update(self, step: int) -> None:
        """Take in the parameters as they stand after a step; they are counted from 1."""
        decay = min(self._decay, (1 + step) / (10 + step))
        for name, parameter in self._parameters.items():
            self._held[name].lerp_(parameter, 1 - decay)

    @torch.no_grad()
    def put(self) -> None:
        """Give the parameters their averages."""
        for name, parameter in self._parameters.items():
            parameter.copy_(self._held[name])

    def state(self) -> Mapping[str, Tensor]:
        """The averages by the names of the parameters."""
        return dict(self._held)

    @torch.no_grad()
    def resume(self, state: Mapping[str, Tensor]) -> None:
        """Take up what :meth:`state` gave."""
        for name, held in self._held.items():
            held.copy_(state[name])
