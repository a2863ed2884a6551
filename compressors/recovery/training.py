"""The training of one network: steps of an optimiser over a stream, of which the state can be kept and taken up."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import torch
from torch import Tensor, fx, nn

from ...spaces.errors import Infeasible
from ...spaces.tensors.batch import Tensors
from .losses import loss_of
from .normalisation import estimate_statistics, fold_norms, insert_norms
from .precision import FLOAT32, in_precision
from .recipe import Recipe
from .stream import Stream


class Training:
    """Trains a network that a policy has left, in place.

    Args:
        net: of floats, as :meth:`Pipeline.structured` gives it; it is changed, and :meth:`finish` gives it back.
        stream: the batches.
        recipe: how.
        steps: how many there will be; the learning rate goes through one cycle in them.
        rate: the greatest learning rate.
        inputs: on which statistics of norms are taken, shape ``(n, …)``.
        precision: of the forward and backward passes, ``float32`` or ``bfloat16``; weights are kept in float32.
        first: number of the stream's batch that it begins with; what was trained before has seen the ones before.
    """

    def __init__(
        self,
        net: fx.GraphModule,
        stream: Stream,
        recipe: Recipe,
        steps: int,
        rate: float,
        inputs: Tensors,
        precision: str = FLOAT32,
        first: int = 0,
    ) -> None:
        self.net, self.stream, self.recipe, self.steps, self.rate = net, stream, recipe, steps, rate
        self.precision, self.first, self._inputs = precision, first, inputs
        self.done = 0
        if recipe.norms:
            insert_norms(net, inputs)
        for module in net.modules():
            module.to(memory_format=torch.channels_last)
        self._loss = loss_of(recipe.losses)
        self._optimiser = _optimiser(net, recipe)

    def step(self) -> float:
        """One step; returns the loss before it.

        Raises:
            Infeasible: where the loss is not finite.
        """
        rate = self.rate * one_cycle(self.done, self.steps)
        for group in self._optimiser.param_groups:
            group["lr"] = rate
        inputs, teacher, labels = self.stream.batch(self.first + self.done, self.precision)
        with _training(self.net), torch.enable_grad():
            with in_precision(self.precision):
                outputs = self.net(inputs)
            loss = self._loss(outputs, teacher, labels)
            self._optimiser.zero_grad(set_to_none=True)
            torch.autograd.backward(loss)
            nn.utils.clip_grad_norm_(self._parameters, self.recipe.clip)
            self._optimiser.step()
        self.done += 1
        value = loss.item()
        if not math.isfinite(value):
            raise Infeasible(f"recovery diverged in step {self.done} (learning rate {rate:.2g})")
        return value

    def finish(self) -> fx.GraphModule:
        """The network as it was given, with the weights that it was trained to."""
        if self.recipe.norms:
            estimate_statistics(self.net, self._inputs)
            fold_norms(self.net)
        for parameter in self.net.parameters():
            parameter.grad = None
        return self.net.eval()

    @property
    def _parameters(self) -> list[nn.Parameter]:
        return [parameter for parameter in self.net.parameters() if parameter.requires_grad]

    def state(self) -> dict[str, Tensor]:
        """All that :meth:`resume` needs to go on as if nothing had happened."""
        held = {f"net.{name}": tensor for name, tensor in self.net.state_dict().items()}
        for index, state in self._optimiser.state_dict()["state"].items():
            held |= {f"optimiser.{index}.{k}": v for k, v in state.items() if isinstance(v, Tensor)}
        held["done"] = torch.tensor(self.done)
        return {name: tensor.detach().contiguous() for name, tensor in held.items()}

    def resume(self, state: Mapping[str, Tensor]) -> None:
        """Take up what :meth:`state` gave."""
        self.net.load_state_dict({k.removeprefix("net."): v for k, v in state.items() if k.startswith("net.")})
        self.done = int(state["done"])
        kept: dict[int, dict[str, Tensor]] = {}
        for name, tensor in state.items():
            if name.startswith("optimiser."):
                _, number, key = name.split(".", 2)
                kept.setdefault(int(number), {})[key] = tensor
        for index, parameter in enumerate(p for group in self._optimiser.param_groups for p in group["params"]):
            self._optimiser.state[parameter] = {k: _laid_out_as(parameter, v) for k, v in kept.get(index, {}).items()}


def _laid_out_as(parameter: Tensor, state: Tensor) -> Tensor:
    """Fused optimisers take a state of the parameter's shape to lie in memory as the parameter does."""
    return torch.empty_like(parameter).copy_(state) if state.shape == parameter.shape else state


def one_cycle(done: int, steps: int, warm_up: float = 0.15) -> float:
    """The share of the greatest learning rate: straight up during the warm-up, then straight down to zero.

    Smith, Topin 2018, "Super-Convergence", section 3, with one slope down instead of two, and without a cycle of the
    momentum.
    """
    place = (done + 0.5) / steps
    return place / warm_up if place < warm_up else (1 - place) / (1 - warm_up)


def _optimiser(net: fx.GraphModule, recipe: Recipe) -> torch.optim.Optimizer:
    decayed = [p for p in net.parameters() if p.requires_grad and p.dim() > 1]
    others = [p for p in net.parameters() if p.requires_grad and p.dim() <= 1]
    groups = [{"params": decayed, "weight_decay": recipe.weight_decay}, {"params": others, "weight_decay": 0.0}]
    if recipe.optimiser == "adamw":
        return torch.optim.AdamW(groups, lr=1.0, fused=True)
    return torch.optim.SGD(groups, lr=1.0, momentum=recipe.momentum, nesterov=True, fused=True)


@contextmanager
def _training(net: fx.GraphModule) -> Iterator[None]:
    """Norms take the statistics of the batch inside."""
    net.train()
    try:
        yield
    finally:
        net.eval()
