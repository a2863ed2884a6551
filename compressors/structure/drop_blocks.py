"""Depth: residual blocks are kept or dropped; on small images it is depth, not width, that costs latency."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from torch import fx

from ...spaces.knob import Choice, Knob
from ...spaces.network.channels.flow import labels_of
from ...spaces.network.graph import ModelGraph
from ...spaces.network.ops import Op
from ...spaces.network.rebuild import tidy
from ..base import Compressor
from ..context import Context
from ..options import CompressorOptions
from ..plan import Plan
from ..repaired import CompensatedOptions
from ..stage import Stage
from ..statistics.sampling import module_of
from .blocks import find_blocks

IDEMPOTENT = frozenset({"Relu", "Clip"})
"""Activations that change nothing when applied twice."""


class DropOptions(CompensatedOptions):
    """Options of ``drop_blocks``."""


class DropBlocks(Compressor):
    """Drops whole residual branches. A knob per block: False keeps it, True leaves only the identity."""

    name = "drop_blocks"
    stage = Stage.MERGE
    Options: ClassVar[type[CompressorOptions]] = DropOptions
    options: DropOptions

    def plan(self, graph: ModelGraph) -> Plan:
        blocks = {block.name: block for block in find_blocks(graph)}

        def change(net: fx.GraphModule, choices: Mapping[str, Choice], context: Context) -> fx.GraphModule:
            nodes = {label: node for node, label in labels_of(net).items()}
            for name, dropped in choices.items():
                if dropped:
                    for addition in (blocks[name].addition, *blocks[name].again):
                        _bypass(net, nodes[addition])
            tidy(net)
            return net

        removes = {name: frozenset(block.layers) for name, block in blocks.items()}
        first = {name: graph.by_name[block.layers[0]].position for name, block in blocks.items()}
        knobs = [Knob(self.name, name, (False, True), False, removes[name], first[name]) for name in blocks]
        return Plan(self.name, self.stage, knobs, change, removes, repair=self.options.compensate)


def _bypass(net: fx.GraphModule, addition: fx.Node) -> None:
    """Let whatever reads the addition read its identity operand: the one that is computed first."""
    order = {node: index for index, node in enumerate(net.graph.nodes)}
    identity = min(addition.all_input_nodes, key=lambda node: order[node])
    for reader in list(addition.users):
        if _repeats(net, reader, identity):
            reader.replace_all_uses_with(identity)
    addition.replace_all_uses_with(identity)


def _repeats(net: fx.GraphModule, reader: fx.Node, source: fx.Node) -> bool:
    """Whether ``reader`` is the activation that ``source`` already is."""
    first, second = module_of(net, reader), module_of(net, source)
    if not (isinstance(first, Op) and isinstance(second, Op)):
        return False
    if first.op_type != second.op_type or first.op_type not in IDEMPOTENT:
        return False
    return all(first.constant(i) == second.constant(i) for i in (1, 2))
