"""A policy carried out: every method in its stage, and one repair of what the structural ones left."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

from torch import Tensor, fx

from ..spaces.knob import Knob
from ..spaces.network.graph import ModelGraph
from ..spaces.network.rebuild import duplicate
from ..spaces.policy import Policy
from ..spaces.space import SearchSpace
from ..spaces.tensors.one_thread import one_thread
from .base import Compressor
from .context import Context
from .latent import keep_patterns
from .plan import Plan
from .repair.registry import repair_of
from .repair.repair import Repair
from .stage import Stage


@dataclass(frozen=True, eq=False)
class Pipeline:
    """The plans of several methods for one network.

    Attributes:
        plans: in the order they are applied.
    """

    plans: tuple[Plan, ...]

    @classmethod
    def of(cls, compressors: Sequence[Compressor], graph: ModelGraph) -> Pipeline:
        """The plans of ``compressors`` in order of stage; those of one stage stay in the order given.

        Raises:
            ConfigError: where one of them asks for a repair that does not exist, or excludes layers that do not.
        """
        plans = sorted(
            (c.plan(graph).without(c.options.left_out(graph)) for c in compressors), key=lambda plan: plan.stage
        )
        for plan in plans:
            repair_of(plan.repair)
        return cls(tuple(plans))

    @cached_property
    def space(self) -> SearchSpace:
        """All knobs that these methods offer on the network."""
        removes = {
            knob.name: plan.removes[knob.target]
            for plan in self.plans
            for knob in plan.knobs
            if plan.removes.get(knob.target)
        }
        return SearchSpace.of([knob for plan in self.plans for knob in plan.knobs], removes, self._overrules())

    def _overrules(self) -> dict[str, frozenset[str]]:
        """A layer is factorised by one method: the first that wants to."""
        found: dict[str, frozenset[str]] = {}
        ways: list[Knob] = [knob for plan in self.plans if plan.stage == Stage.FACTORISE for knob in plan.knobs]
        for index, knob in enumerate(ways):
            others = [o for o in ways[index + 1 :] if o.compressor != knob.compressor and o.target == knob.target]
            if others:
                found[knob.name] = frozenset(other.name for other in others)
        return found

    @one_thread()
    def apply(self, net: fx.GraphModule, policy: Policy, context: Context) -> fx.GraphModule:
        """A copy of ``net`` with ``policy`` carried out; ``net`` itself is untouched.

        Equal policies give equal networks, to the last bit, in all processes on one kind of CPU and with one version of
        PyTorch. All of it is therefore computed on one thread: what solves, sums or convolves on several gives other
        last bits with another number of them. Against two threads on two cores it takes 24 to 66 % less of CPU time,
        and up to 1.6 times as long; what makes use of many cores is many workers.

        Structure first (merge, prune, factorise), then one compensation pass over all of it, then sparsity and
        quantisation, which see the weights that stay. What is factorised is compensated before it, too.

        Args:
            net: the uncompressed network that the plans were made for.
            policy: choices of the knobs in :attr:`space`.
            context: of the run.

        Raises:
            Infeasible: where the policy leaves no working network.
        """
        return self.finished(self.structured(net, policy, context), policy, context)

    @one_thread()
    def structured(self, net: fx.GraphModule, policy: Policy, context: Context) -> fx.GraphModule:
        """The first half of :meth:`apply`: all structure is decided and repaired, all weights are floats.

        This is the network that is trained where a candidate is recovered. ``net`` itself is untouched.
        """
        plans = [plan for plan in self.plans if plan.stage < Stage.RECOVER]
        return _carried_out(duplicate(net), plans, policy, context)

    @one_thread()
    def finished(self, net: fx.GraphModule, policy: Policy, context: Context) -> fx.GraphModule:
        """The second half of :meth:`apply`: sparsity and quantisation, perhaps in place.

        Args:
            net: as :meth:`structured` gave it for the same policy, with other values of its weights where it was
                trained.
            policy: the same.
            context: of the run.
        """
        result = _carried_out(net, [plan for plan in self.plans if plan.stage >= Stage.RECOVER], policy, context)
        keep_patterns(result)
        return result

    def masks_of(self, policy: Policy) -> Callable[[fx.GraphModule, float], dict[str, Tensor]] | None:
        """Makes the masks of all weights that a policy sets to zero after training; None where it sets none.

        Of a network as :meth:`structured` gives it, and of a share of the policy's zeros, it gives the weights that are
        kept, bool by the name of the module.
        """
        pruning = [
            (plan.masks, policy.of(plan.method))
            for plan in self.plans
            if plan.masks is not None and plan.stage >= Stage.RECOVER and policy.of(plan.method)
        ]

        def masks(net: fx.GraphModule, share: float) -> dict[str, Tensor]:
            return {name: kept for make, choices in pruning for name, kept in make(net, choices, share).items()}

        return masks if pruning else None

    def repaired_by(self, choose: Callable[[Plan], str]) -> Pipeline:
        """The same methods, where what they leave is repaired in another way; what is not repaired stays so.

        Args:
            choose: the name of the repair for a plan.
        """
        return Pipeline(
            tuple(plan if plan.repair == "none" else replace(plan, repair=choose(plan)) for plan in self.plans)
        )


def _carried_out(net: fx.GraphModule, plans: Sequence[Plan], policy: Policy, context: Context) -> fx.GraphModule:
    """``net`` after some of the plans, perhaps in place, with what they leave repaired."""
    pending: Repair | None = None
    for plan in plans:
        choices = policy.of(plan.method)
        begins = plan.stage > Stage.FACTORISE or (plan.stage == Stage.FACTORISE and choices)
        if begins and pending is not None:
            pending.repair(net, context)
            pending = None
        net = plan.apply(net, choices, context)
        wanted = repair_of(plan.repair)
        if choices and wanted.strength > (pending.strength if pending is not None else 0):
            pending = wanted
    if pending is not None:
        pending.repair(net, context)
    return net
