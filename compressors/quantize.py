"""Static int8, layer by layer: each convolution and linear layer is in 8 bits or stays in float."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Annotated, ClassVar

from pydantic import Field, field_validator
from torch import fx, nn

from ..spaces import WEIGHTED, Choice, Knob, ModelGraph, Op, SequenceLinear, op_of, tidy
from .base import Compressor, CompressorOptions, Stage, one_of
from .bias_correction import mean_error
from .calibration import Calibration
from .placement import CLAMPS, MOVERS, Placement, place
from .quantized import ChannelFloats, FakeQuantize, QuantizedLayer, dequantize, quantize_weight
from .ranges import RANGES, Observed, Observer, affine
from .sampling import module_of

FLOAT, INT8 = 32, 8
BIAS_LIMIT = 2**30
"""A bias is held in int32, in steps of the input's scale times the weight's."""


class QuantizeOptions(CompressorOptions):
    """Options of ``quantize``."""

    bits: tuple[int, ...] = (FLOAT, INT8)
    ranges: Annotated[str, one_of(RANGES)] = "percentile"
    images: int = Field(default=64, gt=0, description="calibration images for activation ranges, for each candidate")
    bias_correction: bool = True

    @field_validator("bits")
    @classmethod
    def _bits(cls, value: tuple[int, ...]) -> tuple[int, ...]:
        if not value or any(bits not in (FLOAT, INT8) for bits in value):
            raise ValueError("expected a list of 32 (float) and 8 (int8)")
        return tuple(sorted({FLOAT, *value}, reverse=True))


class Quantize(Compressor):
    """8-bit weights (symmetric, per output channel) and activations (per tensor). A knob per layer: 32 or 8 bits.

    Activation ranges come from a pass of the *compressed* network over calibration data, since pruning shifts them.
    Bias correction (Nagel et al. 2019, "Data-Free Quantization", section 4.2, with measured input means) takes out
    the mean error that rounding the weights makes; at the border, zero padding is not accounted for.
    """

    name = "quantize"
    stage = Stage.QUANTISE
    Options: ClassVar[type[CompressorOptions]] = QuantizeOptions
    options: QuantizeOptions

    def knobs(self, graph: ModelGraph) -> list[Knob]:
        if len(self.options.bits) < 2:
            return []
        return [
            Knob(self.name, layer.name, self.options.bits, FLOAT, frozenset({layer.name}), layer.position)
            for layer in graph.layers
        ]

    def apply(self, net: fx.GraphModule, choices: Mapping[str, Choice], calibration: Calibration) -> fx.GraphModule:
        present = {str(node.target) for node in net.graph.nodes if node.op == "call_module"}
        layers = {name for name, bits in choices.items() if bits == INT8 and name in present}
        placement = place(net, layers)
        with calibration.forward():
            observed = Observer(net, placement.points).observe(calibration.inputs[: self.options.images])
        scales = self._insert(net, placement, observed)
        for node in [n for n in net.graph.nodes if n.op == "call_module" and n.target in layers]:
            self._quantize_layer(net, node, scales)
        _keep_float(net, scales.keys())
        tidy(net)
        return net

    def _insert(
        self, net: fx.GraphModule, placement: Placement, observed: Mapping[fx.Node, Observed]
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
                point = FakeQuantize(*affine(low, high, self.target.signed_activations), self.target.signed_activations)
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
        self, net: fx.GraphModule, node: fx.Node, scales: Mapping[fx.Node, tuple[FakeQuantize, Observed]]
    ) -> None:
        point, seen = scales[node.all_input_nodes[0]]
        layer = net.get_submodule(str(node.target))
        assert isinstance(layer, WEIGHTED)
        weight = layer.weight.detach().clone()
        bias = layer.get_parameter("bias").detach()
        limit = 127 if self.target.full_range_weights else 63
        codes, scale = quantize_weight(weight, limit, least=bias.abs() / (point.scale * BIAS_LIMIT))
        if self.options.bias_correction:
            means = seen.last_mean if isinstance(layer, nn.Linear) else seen.mean
            layer.bias = nn.Parameter(bias - mean_error(layer, dequantize(codes, scale) - weight, means))
        net.set_submodule(str(node.target), QuantizedLayer(layer, codes, scale, point.scale))


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
