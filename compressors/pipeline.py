"""A policy carried out: every method in its stage, then one repair of what the structural ones left."""

from __future__ import annotations

import copy
from collections.abc import Sequence

from torch import fx

from ..spaces import ModelGraph, Policy, SearchSpace
from .base import Compressor, Stage, in_stages
from .calibration import Calibration
from .compensate import METHODS, compensate


def space_of(compressors: Sequence[Compressor], graph: ModelGraph) -> SearchSpace:
    """All knobs that these methods offer on a network."""
    knobs = [(c, knob) for c in in_stages(compressors) for knob in c.knobs(graph)]
    removes = {knob.name: c.removes(knob.target, graph) for c, knob in knobs}
    return SearchSpace.of([knob for _, knob in knobs], {name: layers for name, layers in removes.items() if layers})


def compress(
    net: fx.GraphModule, policy: Policy, compressors: Sequence[Compressor], calibration: Calibration
) -> fx.GraphModule:
    """A copy of ``net`` with ``policy`` carried out; ``net`` itself is untouched.

    Structure first (merge, prune, factorise), then one compensation pass over all of it, then sparsity and
    quantisation, which see the weights that stay.

    Raises:
        Infeasible: where the policy leaves no working network.
    """
    result, pending = copy.deepcopy(net), "none"
    for compressor in in_stages(compressors):
        choices = policy.of(compressor.name)
        if compressor.stage > Stage.FACTORISE and pending != "none":
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
