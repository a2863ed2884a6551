"""The training of one network: steps of an optimiser over a stream, of which the state can be kept and taken up."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager

import torch
from torch import Tensor, fx, nn

from ...spaces.errors import Infeasible
from ...spaces.network.graph import ChannelGroup
from ...spaces.network.rebuild import giving
from ...spaces.tensors.batch import Tensors
from ..exits.exit import answers_of
from .average import Average
from .losses.hints import Hints
from .losses.outputs import loss_of
from .losses.penalties import Penalties
from .normalisation import estimate_statistics, fold_norms, insert_norms
from .precision import FLOAT32, in_precision
from .recipe import Recipe
from .sparsity import Sparsity
from .steps import narrow_steps, settle_steps
from .stream import Stream
from .teachers import Taught

WIDE = 0.5
"""The share of the steps in which binary weights are ternary, where they begin so."""


class Training:
    """Trains a network that a policy has left, in place.

    Early exits are trained with it: every one, and the last layer, is pulled towards the same outputs of the teacher,
    and the losses are averaged (Teerapittayanon et al. 2016, "BranchyNet", section III-B, with equal weights, and with
    the teacher in place of the labels). With ``heads_only`` the rest of the network stays as it is (Kaya et al. 2019,
    "Shallow-Deep Networks", "IC-only" training): it loses nothing, and only what leads to the exits is computed of it.

    Args:
        net: of floats, as :meth:`Pipeline.structured` gives it, or in integers with trained steps, see :mod:`.steps`;
            it is changed, and :meth:`finish` gives it back.
        stream: the batches.
        recipe: how.
        steps: how many there will be; the learning rate goes through one cycle in them.
        rate: the greatest learning rate.
        inputs: on which statistics of norms are taken, shape ``(n, …)``.
        precision: of the forward and backward passes, ``float32`` or ``bfloat16``; weights are kept in float32.
        first: number of the stream's batch that it begins with; what was trained before has seen the ones before.
        heads_only: whether only what early exits alone need is trained.
        groups: the channels that go together, for penalties.
        sparsity: of ``net``, where weights become zero while it is trained.
        left_out: the layers that stay as they are.
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
        heads_only: bool = False,
        groups: Sequence[ChannelGroup] = (),
        sparsity: Sparsity | None = None,
        left_out: Collection[str] = (),
    ) -> None:
        self.net, self.stream, self.recipe, self.steps, self.rate = net, stream, recipe, steps, rate
        self.precision, self.first, self._inputs = precision, first, inputs
        self.done, self._narrows_at = 0, round(WIDE * steps)
        self._sparsity = sparsity
        self._held = [*_held(net, left_out), *(_hold_trunk(net) if heads_only else [])]
        if recipe.norms:
            insert_norms(net, inputs)
        penalised = recipe.penalties and not heads_only
        self._penalties = Penalties(recipe.penalties, net, groups) if penalised else None
        for module in net.modules():
            module.to(memory_format=torch.channels_last)
        self._loss = loss_of(recipe.losses)
        answers = answers_of(net)
        self._student = giving(net, answers[:-1] if heads_only else answers) if answers else None
        hinted = recipe.compares_features and not heads_only
        self._hints = Hints(net, stream.teachers, recipe.losses, inputs, answers) if hinted else None
        self._average = None if recipe.ema is None else Average(_trained(net), recipe.ema)
        self._optimiser = _optimiser(self._parameters, recipe)

    def step(self) -> float:
        """One step; returns the loss before it.

        Raises:
            Infeasible: where the loss is not finite.
        """
        if self.done == self._narrows_at:
            narrow_steps(self.net)
        if self._sparsity is not None:
            self._sparsity.before(self.done)
        rate = self.rate * one_cycle(self.done, self.steps)
        for group in self._optimiser.param_groups:
            group["lr"] = rate
        inputs, taught, labels = self.stream.batch(self.first + self.done, self.precision)
        with _training(self.net), torch.enable_grad():
            loss = self._loss_on(inputs, taught, labels)
            self._optimiser.zero_grad(set_to_none=True)
            torch.autograd.backward(loss)
            if self._sparsity is not None:
                self._sparsity.mask_gradients()
            nn.utils.clip_grad_norm_(self._parameters, self.recipe.clip)
            self._optimiser.step()
            if self._sparsity is not None:
                self._sparsity.hold()
        self.done += 1
        if self._average is not None:
            self._average.update(self.done)
        value = loss.item()
        if not math.isfinite(value):
            raise Infeasible(f"recovery diverged in step {self.done} (learning rate {rate:.2g})")
        return value

    @property
    def can_be_shortened(self) -> bool:
        """Whether it may have fewer steps than it began with; when weights become zero is settled by then."""
        return self._sparsity is None

    def shorten(self, steps: int) -> None:
        """Have fewer steps in all: the learning rate goes on from where the cycle is after so many of them.

        Args:
            steps: in all, more than are done.
        """
        self.steps, self._narrows_at = steps, round(WIDE * steps)
        if self.done > self._narrows_at:
            narrow_steps(self.net)

    def finish(self) -> fx.GraphModule:
        """The network as it was given, with the weights that it was trained to, or their average."""
        narrow_steps(self.net)
        if self._average is not None:
            self._average.put()
        if self._sparsity is not None:
            self._sparsity.finish()
        if self.recipe.norms:
            estimate_statistics(self.net, self._inputs)
            fold_norms(self.net)
        settle_steps(self.net)
        for parameter in self._held:
            parameter.requires_grad_(True)
        for parameter in self.net.parameters():
            parameter.grad = None
        return self.net.eval()

    def _loss_on(self, inputs: Tensors, taught: Taught, labels: Tensor | None) -> Tensor:
        features: tuple[Tensor, ...] = ()
        with in_precision(self.precision):
            if self._hints is not None:
                answers, features = self._hints.run(inputs)
            elif self._student is not None:
                answers = self._student(inputs)
            else:
                answers = (self.net(inputs),)
        losses = [self._loss(answer, taught.outputs, labels) for answer in answers]
        loss = losses[0] if len(losses) == 1 else torch.stack(losses).mean()
        if self._hints is not None:
            loss = loss + self._hints.loss(features, taught.features)
        return loss if self._penalties is None else loss + self._penalties.loss(self.done / self.steps)

    @property
    def _parameters(self) -> list[nn.Parameter]:
        """Those of the network, then those of projections that are thrown away."""
        projections = () if self._hints is None else self._hints.projections.parameters()
        return [parameter for _, parameter in _trained(self.net)] + list(projections)

    def state(self) -> dict[str, Tensor]:
        """All that :meth:`resume` needs to go on as if nothing had happened."""
        held = {f"net.{name}": tensor for name, tensor in self.net.state_dict().items()}
        for index, state in self._optimiser.state_dict()["state"].items():
            held |= {f"optimiser.{index}.{k}": v for k, v in state.items() if isinstance(v, Tensor)}
        if self._hints is not None:
            held |= {f"hints.{name}": tensor for name, tensor in self._hints.projections.state_dict().items()}
        if self._average is not None:
            held |= {f"average.{name}": tensor for name, tensor in self._average.state().items()}
        if self._sparsity is not None:
            held |= {f"sparsity.{name}": kept for name, kept in self._sparsity.state().items()}
        held["done"] = torch.tensor(self.done)
        return {name: tensor.detach().clone(memory_format=torch.contiguous_format) for name, tensor in held.items()}

    def resume(self, state: Mapping[str, Tensor]) -> None:
        """Take up what :meth:`state` gave."""
        self.done = int(state["done"])
        if self.done > self._narrows_at:
            narrow_steps(self.net)
        self.net.load_state_dict(_part(state, "net."))
        if self._hints is not None:
            self._hints.projections.load_state_dict(_part(state, "hints."))
        if self._average is not None:
            self._average.resume(_part(state, "average."))
        if self._sparsity is not None:
            self._sparsity.resume(_part(state, "sparsity."))
        kept: dict[int, dict[str, Tensor]] = {}
        for name, tensor in state.items():
            if name.startswith("optimiser."):
                _, number, key = name.split(".", 2)
                kept.setdefault(int(number), {})[key] = tensor
        for index, parameter in enumerate(p for group in self._optimiser.param_groups for p in group["params"]):
            self._optimiser.state[parameter] = {k: _laid_out_as(parameter, v) for k, v in kept.get(index, {}).items()}


def _hold_trunk(net: fx.GraphModule) -> list[nn.Parameter]:
    """Let all parameters but those of the heads of exits stay as they are; returns the ones that would be trained."""
    held = [parameter for _, parameter in _trained(giving(net, answers_of(net)[-1:]))]
    for parameter in held:
        parameter.requires_grad_(False)
    return held


def _held(net: fx.GraphModule, layers: Collection[str]) -> list[nn.Parameter]:
    """Let the parameters of some layers stay as they are; returns those that would be trained."""
    held = [parameter for name, parameter in _trained(net) if name.rpartition(".")[0] in layers]
    for parameter in held:
        parameter.requires_grad_(False)
    return held


def _trained(net: fx.GraphModule) -> list[tuple[str, nn.Parameter]]:
    return [(name, parameter) for name, parameter in net.named_parameters() if parameter.requires_grad]


def _part(state: Mapping[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {name.removeprefix(prefix): tensor for name, tensor in state.items() if name.startswith(prefix)}


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


def _optimiser(parameters: Sequence[nn.Parameter], recipe: Recipe) -> torch.optim.Optimizer:
    decayed = [p for p in parameters if p.dim() > 1]
    others = [p for p in parameters if p.dim() <= 1]
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
