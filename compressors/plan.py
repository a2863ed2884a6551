"""What a method offers on one network: its knobs, and the function that carries out their choices."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace

import torch
from torch import Tensor, fx

from ..spaces.errors import Infeasible
from ..spaces.knob import Choice, Knob
from ..spaces.network.outputs import output_problem
from .context import Context

Masks = Callable[[fx.GraphModule, Mapping[str, Choice], float], Mapping[str, Tensor]]
"""Which weights are kept, bool of the weight's shape by the name of the module, once a share of the zeros that choices
ask for is there; the share is between 0 and 1."""
Change = Callable[[fx.GraphModule, Mapping[str, Choice], Context], fx.GraphModule]
"""Carries out choices (by the target of the knob, none of them neutral) on a network, which it may change in place."""


def _itself(choice: Choice) -> Choice:
    return choice


def _of_knob(knob: Knob) -> frozenset[str]:
    return knob.layers | knob.readers | {knob.target}


@dataclass(frozen=True)
class Preparation:
    """What a method has trained before the first candidate, once a run; all candidates get the same weights.

    Attributes:
        choices: by the target of the knob, of the network that is trained.
        steps: of training, on the training split.
    """

    choices: Mapping[str, Choice]
    steps: int

    def only(self, targets: Collection[str]) -> Preparation | None:
        """The same for some of the targets; None where none of them is left."""
        left = {target: choice for target, choice in self.choices.items() if target in targets}
        return Preparation(left, self.steps) if left else None


@dataclass(frozen=True, eq=False)
class Plan:
    """A method on one network. Whatever :attr:`change` needs to know of the network it holds itself.

    Attributes:
        method: the name of the compressor.
        stage: when it is applied, see :class:`~parefront.compressors.Stage`.
        knobs: the decisions it offers.
        change: carries out choices; called through :meth:`apply` only.
        removes: by the target of a knob, the layers that vanish when it leaves its neutral choice.
        runs_as: the plainest choice that runs in the same arithmetic: what runs alike is timed against each other.
        repair: how layers behind a change are repaired once all structure is decided: the name of a repair.
        quick_repair: one nearly as good that needs no forward pass, for probes; None where there is none.
        grows: whether choices may add weights: what they save is computation.
        prepares: what is trained before the first candidate and found in ``Context.prepared`` then; None for nothing.
        masks: of a method that sets weights to zero, which ones, so that they can become so in the course of training.
        changes: the layers whose shape or arithmetic a knob may change; those that read fewer channels are among them.
    """

    method: str
    stage: int
    knobs: Sequence[Knob]
    change: Change
    removes: Mapping[str, frozenset[str]] = field(default_factory=dict)
    runs_as: Callable[[Choice], Choice] = _itself
    repair: str = "none"
    quick_repair: str | None = None
    grows: bool = False
    prepares: Preparation | None = None
    masks: Masks | None = None
    changes: Callable[[Knob], frozenset[str]] = _of_knob

    def without(self, layers: frozenset[str]) -> Plan:
        """The plan without the knobs that may change any of these layers."""
        if not layers:
            return self
        knobs = [knob for knob in self.knobs if not self.changes(knob) & layers]
        prepares = self.prepares.only({knob.target for knob in knobs}) if self.prepares is not None else None
        return replace(self, knobs=knobs, prepares=prepares)

    def apply(self, net: fx.GraphModule, choices: Mapping[str, Choice], context: Context) -> fx.GraphModule:
        """``net`` compressed, perhaps in place, with what every method owes checked.

        The output's shape is equal and its values are finite, no choices leave the network alone, and the number of
        weights does not grow unless :attr:`grows` says so.

        Args:
            net: a copy of the uncompressed network, to which earlier stages may have been applied.
            choices: by the target of the knob, none of them neutral.
            context: of the run.

        Raises:
            Infeasible: where the choices leave no working network.
        """
        if not choices:
            return net
        before = weights(net)
        changed = self.change(net, choices, context)
        with torch.no_grad(), context.calibration.forward():
            got = changed(context.calibration.example[:1])
        problem = output_problem(net, got)
        if problem is not None:
            raise Infeasible(f"{self.method} {problem}")
        if weights(changed) > before and not self.grows:
            raise Infeasible(f"{self.method} grew the network from {before} to {weights(changed)} weights")
        changed.meta = {**net.meta, **changed.meta}
        return changed


def weights(net: fx.GraphModule) -> int:
    """Number of weights and biases in a network."""
    return sum(p.numel() for p in net.parameters())
