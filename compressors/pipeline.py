"""A policy carried out: every method in its stage, then one repair of what the structural ones left."""

from __future__ import annotations

from collections.abc import Sequence

from torch import fx

from ..spaces.knob import Knob
from ..spaces.network.graph import ModelGraph
from ..spaces.network.rebuild import duplicate
from ..spaces.policy import Policy
from ..spaces.space import SearchSpace
from .base import Compressor, Stage, in_stages
from .repair.compensate import METHODS, compensate
from .statistics.calibration import Calibration


def space_of(compressors: Sequence[Compressor], graph: ModelGraph) -> SearchSpace:
    """All knobs that these methods offer on a network."""
    knobs = [(c, knob) for c in in_stages(compressors) for knob in c.knobs(graph)]
    removes = {knob.name: c.removes(knob.target, graph) for c, knob in knobs}
    return SearchSpace.of(
        [knob for _, knob in knobs], {name: layers for name, layers in removes.items() if layers}, _overrules(knobs)
    )


def _overrules(knobs: Sequence[tuple[Compressor, Knob]]) -> dict[str, frozenset[str]]:
    """A layer is factorised by one method: the first that wants to."""
    found: dict[str, frozenset[str]] = {}
    ways = [(c.name, knob) for c, knob in knobs if c.stage == Stage.FACTORISE]
    for index, (method, knob) in enumerate(ways):
        later = {o.name for name, o in ways[index + 1 :] if name != method and o.target == knob.target}
        if later:
            found[knob.name] = frozenset(later)
    return found


def compress(
    net: fx.GraphModule, policy: Policy, compressors: Sequence[Compressor], calibration: Calibration
) -> fx.GraphModule:
    """A copy of ``net`` with ``policy`` carried out; ``net`` itself is untouched.

    Structure first (merge, prune, factorise), then one compensation pass over all of it, then sparsity and
    quantisation, which see the weights that stay. What is factorised is compensated before it, too.

    Raises:
        Infeasible: where the policy leaves no working network.
    """
    result, pending = duplicate(net), "none"
    for compressor in in_stages(compressors):
        choices = policy.of(compressor.name)
        begins = compressor.stage > Stage.FACTORISE or (compressor.stage == Stage.FACTORISE and choices)
        if begins and pending != "none":
            compensate(pending, result, calibration)
            pending = "none"
        result = compressor.carry_out(result, choices, calibration)
        if choices and order(compressor.compensation) > order(pending):
            pending = compressor.compensation
    if pending != "none":
        compensate(pending, result, calibration)
    return result


def order(method: str) -> int:
    """Strength of a compensation method; -1 for one that is not known."""
    return list(reversed(METHODS)).index(method) if method in METHODS else -1
