"""Depth: residual blocks are kept or dropped; on small images it is depth, not width, that costs latency."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from torch import fx

from ...spaces.knob import Choice, Knob
from ...spaces.network.flow import labels_of
from ...spaces.network.graph import ModelGraph
from ...spaces.network.ops import Op
from ...spaces.network.rebuild import tidy
from ..base import CompressorOptions, Stage
from ..repaired import CompensatedOptions, Repaired
from ..statistics.calibration import Calibration
from ..statistics.sampling import module_of
from .blocks import Block, find_blocks

IDEMPOTENT = frozenset({"Relu", "Clip"})
"""Activations that change nothing when applied twice."""


class DropOptions(CompensatedOptions):
    """Options of ``drop_blocks``."""


class DropBlocks(Repaired):
    """Drops whole residual branches. A knob per block: False keeps it, True leaves only the identity."""

    name = "drop_blocks"
    stage = Stage.MERGE
    Options: ClassVar[type[CompressorOptions]] = DropOptions
    options: DropOptions
    _blocks: dict[str, Block]

    def knobs(self, graph: ModelGraph) -> list[Knob]:
        self._blocks = {block.name: block for block in find_blocks(graph)}
        return [
            Knob(
                self.name, name, (False, True), False, frozenset(block.layers), graph.by_name[block.layers[0]].position
            )
            for name, block in self._blocks.items()
        ]

    def removes(self, target: str, graph: ModelGraph) -> frozenset[str]:
        return frozenset(self._blocks[target].layers)

    def apply(self, net: fx.GraphModule, choices: Mapping[str, Choice], calibration: Calibration) -> fx.GraphModule:
        nodes = {label: node for node, label in labels_of(net).items()}
        for name, dropped in choices.items():
            if dropped:
                block = self._blocks[name]
                for addition in (block.addition, *block.again):
                    _bypass(net, nodes[addition])
        tidy(net)
        return net


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
