"""Quantisation, layer by layer: weights in 8, 4, 3, 2 or 1 bits, activations in 8 bits or in float."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Annotated, ClassVar, Literal

from pydantic import Field, field_validator
from torch import Tensor, fx, nn

from ...spaces.knob import EVERY_LAYER, Choice, Knob
from ...spaces.network.channels.flow import op_of
from ...spaces.network.channels.parts import layer_of
from ...spaces.network.graph import ModelGraph
from ...spaces.network.layers import WEIGHTED, SequenceLinear
from ...spaces.network.ops import Op
from ...spaces.network.rebuild import tidy
from ...spaces.policy import Policy
from ...spaces.tensors.batch import Tensors
from ..base import Compressor
from ..context import Context
from ..options import CompressorOptions, one_of
from ..plan import Plan
from ..repair.bias_correction import mean_error, mean_of
from ..stage import Stage
from ..statistics.calibration import Calibration
from ..statistics.sampling import module_of
from ..target import Target
from .codes import dequantize
from .equalize import equalize
from .placement import CLAMPS, MOVERS, Placement, place
from .quantized import BIAS_LIMIT, ChannelFloats, FakeQuantize, QuantizedLayer
from .ranges import RANGES, Observed, Observer, affine
from .rounding import reconstruct, second_moments
from .weight_only import weight_only
from .weight_quantizer import WeightQuantizer

FLOAT = 32
BITS: tuple[int | str, ...] = (FLOAT, "w8", 8, "w4", 4, "w3", 3, "w2", 2, "w1", 1)
"""All choices, mildest first: bits of the weights, with activations in 8 bits, or ("w…") left in float."""


class QuantizeOptions(CompressorOptions):
    """Options of ``quantize``.

    Attributes:
        bits: of the weights: 32 (float), 8, 4, 3, 2, 1, or ``w8``, ``w4``, ``w3``, ``w2``, ``w1``: of them only. Where
            32 is not among them, no layer stays in float.
        mixed_precision: whether each layer has bits of its own; ``false`` gives one choice for all layers together, as
            accelerators want it that run a network in integers or not at all.
        ranges: how the range of activations is taken from those of the calibration images.
        bias_correction: whether biases take out the mean error that rounding the weights makes.
    """

    bits: tuple[int | str, ...] = (FLOAT, 8)
    mixed_precision: bool = True
    granularity: Literal["channel", "tensor"] = Field(
        default="channel", description="what shares a scale of the weights: each output channel, or the layer"
    )
    rounding: Literal["nearest", "reconstruct"] = Field(
        default="nearest", description="reconstruct: so that the layer's output changes least (not for wN)"
    )
    equalize: bool = Field(default=False, description="cross-layer equalisation of the weights' ranges before it")
    ranges: Annotated[str, one_of(RANGES)] = "percentile"
    images: int = Field(default=64, gt=0, description="calibration images for activation ranges, for each candidate")
    bias_correction: bool = True

    @field_validator("bits")
    @classmethod
    def _bits(cls, value: tuple[int | str, ...]) -> tuple[int | str, ...]:
        if not value or any(bits not in BITS for bits in value):
            raise ValueError(
                "expected a list of 32 (float), 8, 4, 3, 2, 1 (bits), w8, w4, w3, w2, w1 (of the weights only)"
            )
        return tuple(bits for bits in BITS if bits in value)


class Quantize(Compressor):
    """Weights in few bits (symmetric, per output channel) and 8-bit activations (per tensor). A knob per layer, or one.

    A choice is the bits of the weights: 32 leaves the layer in float; 8, 4 and 3 are integers of that width, 2 is
    ternary and 1 binary (see ``codes.py``); "w8" to "w1" leave activations in float. Weights of 4 bits and fewer
    are packed in the file and unpacked to int8 when it is loaded, so that they run as fast as 8 bits do, not faster;
    those beside float activations become floats, but for linear layers, which the runtime reads in 8, 4 and 2 bits.

    Activation ranges come from a pass of the *compressed* network over calibration data, since pruning shifts them.
    Bias correction (Nagel et al. 2019, "Data-Free Quantization", section 4.2, with measured input means) takes out
    the mean error that rounding the weights makes; at the border, zero padding is not accounted for.
    """

    name = "quantize"
    stage = Stage.QUANTISE
    Options: ClassVar[type[CompressorOptions]] = QuantizeOptions
    options: QuantizeOptions

    def plan(self, graph: ModelGraph) -> Plan:
        left_out = self.options.left_out(graph)
        layers = {layer.name: layer.position for layer in graph.layers if layer.name not in left_out}
        together = frozenset(layers)

        def change(net: fx.GraphModule, choices: Mapping[str, Choice], context: Context) -> fx.GraphModule:
            of_all = choices.get(EVERY_LAYER)
            return self._quantize(net, choices if of_all is None else dict.fromkeys(together, of_all), context)

        if self.options.bits == (FLOAT,) or not layers:
            knobs = []
        elif self.options.mixed_precision:
            knobs = [self._knob(name, frozenset({name}), position) for name, position in layers.items()]
        else:
            knobs = [self._knob(EVERY_LAYER, together, min(layers.values()))]
        return Plan(self.name, self.stage, knobs, change, runs_as=self._runs_as)

    def _knob(self, target: str, layers: frozenset[str], position: int) -> Knob:
        return Knob(self.name, target, self.options.bits, FLOAT, layers, position)

    def _runs_as(self, choice: Choice) -> Choice:
        """Integers run as the widest of them does; a layer of which only the weights are integers runs in float."""
        integers = [bits for bits in self.options.bits if isinstance(bits, int) and bits != FLOAT]
        return integers[0] if choice in integers else FLOAT

    def _quantize(self, net: fx.GraphModule, choices: Mapping[str, Choice], context: Context) -> fx.GraphModule:
        calibration, target = context.calibration, context.target
        bits = _bits_of(net, choices)
        if self.options.equalize:
            equalize(net, bits)
        layers = {name: int(b) for name, b in bits.items() if not isinstance(b, str)}
        placement = place(net, layers)
        with calibration.forward():
            observed = Observer(net, placement.points, calibration).observe(self._images(calibration))
            moments = self._moments(net, layers, calibration)
        scales = self._insert(net, placement, observed, target.signed_activations)
        for name, width in layers.items():
            reads = [scales[n.all_input_nodes[0]] for n in net.graph.nodes if n.target == name]
            self._quantize_layer(net, name, reads, width, moments.get(name), target)
        _keep_float(net, scales.keys())
        for name in bits.keys() - layers.keys():
            layer, width = net.get_submodule(name), int(str(bits[name])[1:])
            net.set_submodule(name, weight_only(layer, width, self.options.granularity == "channel"))
        tidy(net)
        return net

    def _moments(self, net: fx.GraphModule, layers: Mapping[str, int], calibration: Calibration) -> dict[str, Tensor]:
        """What layers read, where rounding wants it; a binary weight has no choice but its sign."""
        if self.options.rounding == "nearest":
            return {}
        return second_moments(net, [name for name, bits in layers.items() if bits > 1], self._images(calibration))

    def _images(self, calibration: Calibration) -> Tensors:
        return calibration.inputs[: self.options.images]

    def _insert(
        self, net: fx.GraphModule, placement: Placement, observed: Mapping[fx.Node, Observed], signed: bool
    ) -> dict[fx.Node, tuple[FakeQuantize, Observed]]:
        """Add the quantisation points; returns, by the node of each point, the point and what it saw."""
        inserted: dict[fx.Node, tuple[FakeQuantize, Observed]] = {}
        for node, for_all in placement.points.items():
            seen = observed[node]
            source = _moved(net, node)
            if source in inserted and node in placement.integer:
                point = inserted[source][0]
            else:
                low, high = RANGES[self.options.ranges](seen)
                point = FakeQuantize(*affine(low, high, signed), signed)
            name = f"{node.name}_quantized"
            net.add_submodule(name, point)
            with net.graph.inserting_after(node):
                added = net.graph.call_module(name, (node,))
            readers = [r for r in node.users if r is not added and (for_all or r in placement.integer)]
            for reader in readers:
                reader.replace_input_with(node, added)
            inserted[added] = (point, seen)
            self._absorb_clamp(net, node, point)
        return inserted

    @staticmethod
    def _absorb_clamp(net: fx.GraphModule, node: fx.Node, point: FakeQuantize) -> None:
        """Take out a ReLU or clip that the quantisation point does by itself: integers cannot lie outside it."""
        if op_of(net, node) not in CLAMPS or len(node.users) != 1 or len(node.all_input_nodes) != 1:
            return
        clamp = net.get_submodule(str(node.target))
        assert isinstance(clamp, Op)
        bounds = (clamp.constant(1), clamp.constant(2)) if clamp.op_type == "Clip" else (0.0, None)
        low, high = point.range
        above = bounds[0] is None or low >= float(bounds[0]) - 1e-6
        below = bounds[1] is None or high <= float(bounds[1]) * (1 + 1e-6)
        if above and below and len(node.all_input_nodes[0].users) == 1:
            node.replace_all_uses_with(node.all_input_nodes[0])

    def _quantize_layer(
        self,
        net: fx.GraphModule,
        name: str,
        reads: Sequence[tuple[FakeQuantize, Observed]],
        bits: int,
        moments: Tensor | None,
        target: Target,
    ) -> None:
        """Put integers in the place of a layer's weight.

        Args:
            reads: the points that the layer's calls read, with what they saw.
        """
        step = min(point.scale for point, _ in reads)
        layer = net.get_submodule(name)
        assert isinstance(layer, WEIGHTED)
        weight = layer.weight.detach()
        bias = layer.get_parameter("bias").detach()
        quantizer = WeightQuantizer(
            bits,
            per_channel=self.options.granularity == "channel",
            full_range=target.full_range_weights,
            least=bias.abs() / (step * BIAS_LIMIT),
        )
        codes, scale = quantizer.codes(weight)
        if moments is not None:
            codes = reconstruct(weight, scale, quantizer.limit if bits < 8 else int(codes.abs().max()), moments)
            quantizer.decide(weight, codes)
        if self.options.bias_correction:
            linear = isinstance(layer, nn.Linear)
            means = [mean for _, seen in reads if (mean := seen.last_mean if linear else seen.mean) is not None]
            layer.bias = nn.Parameter(bias - mean_error(layer, dequantize(codes, scale) - weight, mean_of(means)))
        net.set_submodule(name, QuantizedLayer(layer, quantizer, step))


def fewest_bits(policy: Policy) -> int:
    """The fewest bits that a policy gives the weights of any layer; 32 where none is quantised."""
    choices = policy.of(Quantize.name).values()
    return min((int(str(choice).removeprefix("w")) for choice in choices), default=FLOAT)


def _bits_of(net: fx.GraphModule, choices: Mapping[str, Choice]) -> dict[str, Choice]:
    """The choice for each module that is called: a layer's own, or that of the layer it is a part of."""
    called = [node for node in net.graph.nodes if isinstance(module_of(net, node), WEIGHTED)]
    return {str(node.target): choices[layer_of(node)] for node in called if layer_of(node) in choices}


def _keep_float(net: fx.GraphModule, points: Collection[fx.Node]) -> None:
    """See to it that float layers that read integers, which ONNX Runtime may quantise by itself, are run in float."""
    for node in list(net.graph.nodes):
        layer = module_of(net, node)
        if not isinstance(layer, WEIGHTED) or isinstance(layer, SequenceLinear):
            continue
        source = node.all_input_nodes[0]
        if source in points:
            name = f"{node.name}_floats"
            channels = layer.in_features if isinstance(layer, nn.Linear) else layer.in_channels
            net.add_submodule(name, ChannelFloats(channels))
            with net.graph.inserting_before(node):
                node.replace_input_with(source, net.graph.call_module(name, (source,)))


def _moved(net: fx.GraphModule, node: fx.Node) -> fx.Node | None:
    """What an operator that only moves data reads, the split before it left out; None for any other operator."""
    if op_of(net, node) not in MOVERS:
        return None
    source = node.all_input_nodes[0]
    return source.all_input_nodes[0] if op_of(net, source) == "Split" else source
