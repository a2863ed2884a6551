"""Trains what policies have left of one task's network, with the uncompressed one as the teacher."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, fx, nn
from torch.utils.data import DataLoader

from ....compressors.exits.exit import exits_of, leaving_at
from ....compressors.integers.quantize import fewest_bits
from ....compressors.recovery.batches.augment import Augmentation, fitting
from ....compressors.recovery.batches.policies import Span
from ....compressors.recovery.losses.outputs import squared_error
from ....compressors.recovery.places import Resolution, stage_ends
from ....compressors.recovery.precision import FLOAT32
from ....compressors.recovery.recipe import AFTER, Recipe
from ....compressors.recovery.sparsity import Sparsity
from ....compressors.recovery.steps import is_finished, learn_steps, widen_steps
from ....compressors.recovery.stream import Stream
from ....compressors.recovery.teachers import Teachers
from ....compressors.recovery.training import Training
from ....compressors.recovery.weights import Weights, set_weights, weights_of
from ....spaces.errors import ConfigError
from ....spaces.network.trace import trace
from ....spaces.policy import Policy
from ....spaces.task import Dataset
from ....spaces.tensors.batch import Tensors, floats
from ..builder import Builder
from .other_teachers import other_teachers
from .training_data import source_of

JUDGED_ON = 256
"""Calibration inputs that the divergence, and what images may be changed by, are judged on."""
SAME = 1e-6
"""A divergence below which two networks are one, but for rounding."""


class Trainer:
    """Begins the training of policies' networks, all on one stream of batches.

    Args:
        builder: of the task; its calibration inputs are what statistics are taken on.
        recipe: how to train.
        data: the training split; the calibration inputs where None. A loader has batches, and by default augmentation,
            of its own.
        seed: of the order of batches and of augmentation.
        teachers: further ones beside the uncompressed network, in eval mode, called as the recipe has it.
        teacher: what is learned from in place of the task's own network, in eval mode, of the same inputs and outputs:
            the original, where the task's network is what earlier stages have left of it.
        repeats: whether all epochs are the first one, see :class:`Stream`.

    Raises:
        TaskError: where the training split is empty, or has other inputs than the calibration split.
        ConfigError: where the recipe asks for what the network or its inputs do not have.
    """

    def __init__(
        self,
        builder: Builder,
        recipe: Recipe,
        data: Dataset | DataLoader[Any] | None,
        seed: int = 0,
        teachers: Sequence[nn.Module] = (),
        teacher: nn.Module | None = None,
        repeats: bool = False,
    ) -> None:
        self._builder = builder
        self._teacher = builder.context.teacher if teacher is None else _traced(teacher, builder)
        self._begun: tuple[Policy, Weights] | None = None
        self._judged = builder.calibration.inputs[:JUDGED_ON]
        source = source_of(builder, data, recipe.batch, seed)
        self._loads = isinstance(data, DataLoader)
        if self._loads:
            recipe = replace(recipe, batch=len(source.batch(0, 0)[0]))
        ends = stage_ends(self._teacher, self._judged)
        self.recipe = recipe = recipe.of_network(has_stages=bool(ends))
        others = other_teachers(builder.traced, recipe, teachers)
        joined = Teachers(self._teacher, others, recipe.teacher_weights == "confidence", self._places(ends))
        self.stream = Stream(source, joined, self._augmentation(), seed, repeats)

    def begin(
        self,
        policy: Policy,
        steps: int,
        rate: float,
        precision: str = FLOAT32,
        weights: Weights | None = None,
        first: int = 0,
    ) -> Training:
        """The training of a policy's network, from its repaired weights or from those it was trained to before.

        With no steps it ends with the weights that it begins with. Where early exits are all that differs from the
        teacher, their heads alone are trained.

        Raises:
            Infeasible: where the policy has no network.
        """
        net, inputs = self._network(policy, weights), self._builder.calibration.inputs
        recipe = self.recipe if steps else replace(self.recipe, norms=False, ema=None, penalties={})
        heads_only = bool(exits_of(net)) and self._ends_as_the_teacher(net)
        groups = self._builder.traced.graph.groups
        begun = weights is not None and first > 0
        sparsity = self._sparsity(net, policy, steps, begun) if steps and not heads_only else None
        left_out = self._builder.context.left_out
        return Training(
            net, self.stream, recipe, steps, rate, inputs, precision, first, heads_only, groups, sparsity, left_out
        )

    def divergence(self, policy: Policy, weights: Weights | None = None) -> float:
        """Mean squared difference of the outputs from the teacher's, in units of the teacher's variance."""
        with torch.no_grad():
            ours = self._network(policy, weights)(self._judged)
            theirs = self._teacher(self._judged)
        return _mean_error(ours, theirs)

    def _sparsity(self, net: fx.GraphModule, policy: Policy, steps: int, begun: bool) -> Sparsity | None:
        """What makes weights zero while they are trained; in integers those that are zero stay so by themselves."""
        masks = self._builder.pipeline.masks_of(policy)
        if masks is None or self.recipe.sparsity == AFTER or self.trains_integers(policy):
            return None
        return Sparsity(masks, net, steps, self.recipe.sparsity, begun)

    def taken_over(self, policy: Policy, weights: Weights) -> dict[str, Tensor]:
        """What a policy's training begins with, where it goes on from what another policy's network was trained to.

        Args:
            policy: to be trained.
            weights: of floats; of layers that have other shapes here, or are not there, the repaired ones are taken.
        """
        own = self._repaired(policy)
        alike = {name for name, tensor in own.items() if name in weights and weights[name].shape == tensor.shape}
        others = {name.rpartition(".")[0] for name in own if name not in alike}
        return {
            name: tensor if name.rpartition(".")[0] in others else weights[name] for name, tensor in own.items()
        }  # fmt: skip

    def _ends_as_the_teacher(self, net: fx.GraphModule) -> bool:
        """Whether inputs that leave at no exit have the teacher's outputs."""
        with torch.no_grad(), leaving_at(net, len(exits_of(net))):
            return _mean_error(net(self._judged), self._teacher(self._judged)) < SAME

    def _augmentation(self) -> Augmentation:
        if self.recipe.augment is None and self._loads:
            return Augmentation()
        if self.recipe.augment is None:
            return fitting(self._teacher, self._judged)
        return Augmentation(self.recipe.augment, Span.of(self._judged))

    def _places(self, ends: Mapping[Resolution, str]) -> Mapping[Resolution, str]:
        """Of the ends of the uncompressed network's stages those where students are compared with it, if they are."""
        if not self.recipe.compares_features:
            return {}
        if not ends:
            raise ConfigError(
                "recover.losses: losses of features compare convolutional networks where the resolution changes, and "
                "that of the task does not; use mse"
            )
        return ends if self.recipe.places == "stages" else dict(list(ends.items())[-1:])

    def trains_integers(self, policy: Policy) -> bool:
        """Whether a policy's network is trained as its file holds it, its steps included, rather than in floats."""
        return fewest_bits(policy) <= self.recipe.integers_up_to

    def _network(self, policy: Policy, weights: Weights | None) -> fx.GraphModule:
        builder = self._builder
        begun = self._repaired(policy) if weights is None else weights
        if self.trains_integers(policy):
            net = builder.network(policy, begun)
            if not is_finished(begun):
                learn_steps(net)
                widen_steps(net)
            return net
        net = builder.unrepaired.structured(builder.traced.net, policy, builder.context)
        set_weights(net, begun)
        return net

    def _repaired(self, policy: Policy) -> Weights:
        """What training begins with; kept for the policy that was asked for last, since a repair may take a minute."""
        if self._begun is None or self._begun[0] != policy:
            builder, repair = self._builder, self.recipe.repair
            pipeline = builder.pipeline if repair is None else builder.pipeline.repaired_by(lambda _: repair)
            self._begun = policy, weights_of(pipeline.structured(builder.traced.net, policy, builder.context))
        return self._begun[1]


def _traced(teacher: nn.Module, builder: Builder) -> fx.GraphModule:
    """The network of a module that takes what the task's model takes."""
    return trace(teacher, builder.form.restore(builder.traced.example)).net


def _mean_error(ours: Tensors, theirs: Tensors) -> float:
    """Of several outputs the mean of their squared errors."""
    pairs = zip(floats(ours), floats(theirs), strict=True)
    return float(torch.stack([squared_error(s, t) for s, t in pairs]).mean())
