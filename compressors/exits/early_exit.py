"""Early exits: inputs that a head inside the network is sure of leave there, and the rest of it does not run."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, ClassVar, Literal

import torch
from pydantic import Field, field_validator
from torch import Tensor, fx, nn

from ...spaces.errors import Infeasible
from ...spaces.knob import Choice, Knob
from ...spaces.network.graph import ModelGraph
from ...spaces.network.ops import Op
from ...spaces.network.outputs import output_nodes
from ...spaces.network.rebuild import duplicate, giving
from ...spaces.network.trace import Shapes
from ..base import Compressor
from ..context import Context
from ..options import CompressorOptions
from ..plan import Plan, Preparation
from ..repair.segments import Segment
from ..stage import Stage
from .body import bodies_of, copy_behind
from .exit import Exit
from .heads import pool_of, solved
from .places import place_behind, places_of
from .trained import TrainedHead, set_trained

NO_EXIT = 1.0
"""The choice of no exit: nothing is surer than that."""
BATCH = 64


class EarlyExitOptions(CompressorOptions):
    """Options of ``early_exit``.

    Attributes:
        places: how many exits there may be, at even shares of the MACs.
        confidences: the probabilities of the first class from which on inputs leave, to choose from for each exit.
        head: ``pool`` is an average pool of 2 × 2 cells and a linear layer; with ``blocks``, copies of those blocks
            behind the exit that change the shape, and of the last one, stand before them.
        depth: with ``head: blocks``, how many blocks of each shape that the network comes to behind the exit are
            copied. A deeper head is right more often, and takes more of every input.
        images: calibration images that the heads are fitted on.
        steps: of training of the heads, before the first candidate, on the training split; 0 leaves them as fitted.
    """

    places: int = Field(default=3, gt=0)
    confidences: tuple[float, ...] = (0.9999, 0.999, 0.99, 0.97, 0.9, 0.7)
    head: Literal["pool", "blocks"] = "pool"
    depth: int = Field(default=1, gt=0)
    images: int = Field(default=512, gt=1)
    steps: int = Field(default=0, ge=0)

    @field_validator("confidences")
    @classmethod
    def _confidences(cls, value: tuple[float, ...]) -> tuple[float, ...]:
        if not value or not all(0 < confidence < NO_EXIT for confidence in value):
            raise ValueError("expected a list of probabilities above 0 and below 1")
        return tuple(sorted(set(value), reverse=True))


class EarlyExit(Compressor):
    """Heads behind blocks, by which inputs leave that are easy to tell. A knob per place.

    A choice is the probability that the head must give its first class for an input to leave there; 1.0 is no exit.
    Heads are average pools of 2 × 2 cells and a linear layer, which is fitted to the uncompressed network's outputs in
    closed form, without labels; copies of blocks may stand before the pool. Training the candidate trains its exits and
    the network together (Teerapittayanon et al. 2016, "BranchyNet", with the maximum of the softmax in place of its
    entropy; Kaya et al. 2019, "Shallow-Deep Networks").

    The network has to give one row of class scores before the softmax; others offer no knobs. Where a search minimises
    latency, it is the mean over the search split, so that thresholds are chosen there, as all choices are. MACs and
    parameters are those of all exits and the whole network.
    """

    name = "early_exit"
    stage = Stage.RECOVER - 5
    Options: ClassVar[type[CompressorOptions]] = EarlyExitOptions
    options: EarlyExitOptions

    def plan(self, graph: ModelGraph) -> Plan:
        layers = places_of(graph, self.options.places) if _fits(graph) else []
        positions = {layer.name: layer.position for layer in graph}

        def change(net: fx.GraphModule, choices: Mapping[str, Choice], context: Context) -> fx.GraphModule:
            trained = self._trained(layers, positions, context)
            shapes = _shapes(net, context)
            places = _places(net, sorted(choices, key=positions.__getitem__), positions, shapes)
            outputs = self._heads(net, places, shapes, context, trained)
            (rest,) = output_nodes(net).values()
            for layer, node in reversed(outputs.items()):
                rest = _exit(net, _name(layer), node, float(choices[layer]), rest)
            net.recompile()
            return net

        knobs = [self._knob(graph, layer) for layer in layers]
        surest = dict.fromkeys(layers, self.options.confidences[0])
        prepares = Preparation(surest, self.options.steps) if self.options.steps and knobs else None
        return Plan(
            self.name,
            self.stage,
            knobs,
            change,
            runs_as=lambda _: NO_EXIT,
            grows=True,
            prepares=prepares,
            changes=lambda knob: frozenset({knob.target}),
        )

    def _knob(self, graph: ModelGraph, layer: str) -> Knob:
        first = graph.by_name[layer].position + 1
        behind = frozenset(other.name for other in graph if other.position >= first)
        return Knob(self.name, layer, (NO_EXIT, *self.options.confidences), NO_EXIT, behind, first)

    def _heads(
        self,
        net: fx.GraphModule,
        places: Mapping[str, fx.Node],
        shapes: Mapping[str, tuple[int, ...]],
        context: Context,
        trained: Mapping[str, TrainedHead],
    ) -> dict[str, fx.Node]:
        """Put heads behind ``places``, in place: by layer, in execution order, the node that gives the outputs.

        They are those that were trained, where there are any that read activations of this shape.
        """
        kept = {
            layer for layer, node in places.items() if layer in trained and trained[layer].shape == shapes[node.name]
        }
        fitted = self._fitted(net, {layer: n for layer, n in places.items() if layer not in kept}, shapes, context)
        copied = {layer: trained[layer].behind(net, places[layer]) for layer in places if layer in kept}
        return {layer: {**fitted, **copied}[layer] for layer in places}

    def _fitted(
        self,
        net: fx.GraphModule,
        places: Mapping[str, fx.Node],
        shapes: Mapping[str, tuple[int, ...]],
        context: Context,
    ) -> dict[str, fx.Node]:
        """As :meth:`_heads`, with heads that are solved for."""
        if not places:
            return {}
        nodes = list(places.values())
        has_blocks = self.options.head == "blocks"
        bodies = bodies_of(net, nodes, shapes, self.options.depth) if has_blocks else [[] for _ in nodes]
        features = [
            _features(net, node, body, shapes, _name(layer))
            for (layer, node), body in zip(places.items(), bodies, strict=True)
        ]
        outputs = self._outputs(context)
        found = {}
        for layer, feature, rows in zip(places, features, self._values(net, features, context), strict=True):
            with net.graph.inserting_after(feature):
                found[layer] = _call(net, _name(layer), solved(rows, outputs), feature)
        return found

    def _trained(
        self, layers: Sequence[str], positions: Mapping[str, int], context: Context
    ) -> Mapping[str, TrainedHead]:
        """By layer the heads that were trained before the first candidate; none before that."""
        weights = context.prepared.get(self.name)
        if weights is None:
            return {}

        def make() -> dict[str, TrainedHead]:
            net = duplicate(context.teacher)
            shapes = _shapes(net, context)
            places = _places(net, layers, positions, shapes)
            outputs = self._heads(net, places, shapes, context, {})
            set_trained(net, weights)
            return {
                layer: TrainedHead(net, places[layer], outputs[layer], shapes[places[layer].name]) for layer in places
            }

        options = self.options
        return context.calibration.once(("early_exit", "trained", options.places, options.head, options.depth), make)

    def _values(self, net: fx.GraphModule, nodes: Sequence[fx.Node], context: Context) -> list[Tensor]:
        """What nodes of ``net`` give for the calibration images; what they do not read is not computed."""
        short = giving(net, [node.name for node in nodes])
        return [torch.cat(parts) for parts in zip(*self._passes(short, context), strict=True)]

    def _outputs(self, context: Context) -> Tensor:
        """What the uncompressed network gives for the same images; computed once a run."""

        def compute() -> Tensor:
            return torch.cat(list(self._passes(context.teacher, context)))

        return context.calibration.once(("early_exit", self.options.images), compute)

    def _passes(self, net: fx.GraphModule, context: Context) -> Iterator[Any]:
        inputs = context.calibration.inputs[: self.options.images]
        for start in range(0, len(inputs), BATCH):
            with torch.no_grad(), context.calibration.forward():
                given = net(inputs[start : start + BATCH])
            yield given


def _places(
    net: fx.GraphModule, layers: Sequence[str], positions: Mapping[str, int], shapes: Mapping[str, tuple[int, ...]]
) -> dict[str, fx.Node]:
    """What exits behind layers read, by layer; of several layers that have come to one place, the first.

    Raises:
        Infeasible: where nothing is left before one of them.
    """
    found: dict[str, fx.Node] = {}
    for layer in layers:
        place = place_behind(net, layer, positions, shapes)
        if place is None:
            raise Infeasible(f"nothing is left before the exit behind {layer}")
        if place not in found.values():
            found[layer] = place
    return found


def _name(layer: str) -> str:
    """What the modules of the exit behind a layer are called."""
    return f"{layer.replace('.', '_')}_exit"


def _fits(graph: ModelGraph) -> bool:
    """Whether a network takes one tensor and gives one row of class scores, of which no softmax is taken."""
    given = [node for node in graph.nodes if node.op == "output"]
    if len(graph.inputs) != 1 or len(graph.outputs) != 1 or len(given) != 1:
        return False
    softened = any(graph.node[name].op in ("Softmax", "LogSoftmax", "Sigmoid") for name in given[0].inputs)
    port = graph.outputs[0]
    return len(port.shape) == 1 and port.shape[0] > 1 and port.dtype == "float32" and not softened


def _shapes(net: fx.GraphModule, context: Context) -> Mapping[str, tuple[int, ...]]:
    """What each node gives for one sample, by its name."""
    shapes = Shapes(net)
    with torch.no_grad(), context.calibration.forward():
        shapes.run(context.calibration.example)
    return shapes.of


def _features(
    net: fx.GraphModule, place: fx.Node, body: Sequence[Segment], shapes: Mapping[str, tuple[int, ...]], name: str
) -> fx.Node:
    """The features of an exit behind ``place``, ``(n, features)``."""
    height, width = shapes[(body[-1].end if body else place).name][1:]
    source = copy_behind(net, place, body, name)
    with net.graph.inserting_after(source):
        pooled = _call(net, f"{name}_pool", pool_of(height, width), source)
    with net.graph.inserting_after(pooled):
        return _call(net, f"{name}_features", Op("Flatten", {"axis": 1}), pooled)


def _exit(net: fx.GraphModule, name: str, outputs: fx.Node, confidence: float, rest: fx.Node) -> fx.Node:
    """The node that gives the exit's outputs or those of ``rest``, and which all read that have read ``rest``."""
    with net.graph.inserting_after(outputs):
        shares = _call(net, f"{name}_shares", Op("Softmax", {"axis": 1}), outputs)
    largest = Op("ReduceMax", {"keepdims": 1}, {1: torch.tensor([1])}, arity=2)
    with net.graph.inserting_after(shares):
        sure = _call(net, f"{name}_confidence", largest, shares)
    with net.graph.inserting_after(rest):
        chosen = _call(net, f"{name}_or_rest", Exit(confidence), sure, outputs, rest)
    rest.replace_all_uses_with(chosen, delete_user_cb=lambda user: user is not chosen)
    return chosen


def _call(net: fx.GraphModule, name: str, module: nn.Module, *arguments: fx.Node) -> fx.Node:
    net.add_submodule(name, module.eval())
    return net.graph.call_module(name, arguments)
