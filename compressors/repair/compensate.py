"""Repair of what lies behind a pruned or dropped part, in closed form and without training."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from typing import Any

import torch
from torch import Tensor, fx, nn

from ...spaces.network.channels.flow import op_of
from ...spaces.network.cuts import kept_cuts, start_before
from ...spaces.network.digests import digests
from ...spaces.network.layers import WEIGHTED, norm_of, origin_of
from ...spaces.tensors.sharing import copy_on_write
from ..context import Context
from ..statistics.calibration import Calibration
from ..statistics.gram import gram
from ..statistics.sampling import aim_of, at_rows, closing, module_of, output_width, patches
from .covariance import from_covariances
from .repair import Repair

RIDGE = 3e-2
"""Weight of the pull towards the weights as they stand, relative to the mean input variance. On ResNet-56 at 25 %
and 50 % of the channels and with 2, 3 or 5 blocks dropped, 3e-2 kept 0.1 to 1.1 pt more accuracy than 1e-3."""
REACH = 6
"""How many layers behind a change those that close a residual branch are re-solved. On ResNet-56 with two to seventeen
blocks dropped the outputs diverge by 0.399 with 4 or 6 layers, 0.409 with one, 0.58 with none; with twice the samples
0.353 with 4, 0.349 with 8 and with all, which takes 1.6 times as long."""
DENSE_LIMIT = 2400
"""Most unknowns for each output that are solved for in full; beyond it, one scale for each input channel."""
SCALE_LIMIT = 4096
"""Most input channels that scales are solved for; beyond it, only the bias is."""


class LeastSquares(Repair):
    """Re-solve the layers behind a change so that they give what they gave in the uncompressed network.

    These are the layers that read fewer channels or another layer's, and those that close a residual branch up to six
    layers behind; others read inputs that are repaired already, and gain nothing.

    He, Zhang, Sun 2017, "Channel Pruning for Accelerating Very Deep Neural Networks", eq. 4, with the inputs that the
    compressed network really sees (its "asymmetric" reconstruction). A layer whose output goes only into a residual
    addition is solved for the uncompressed *sum* minus the identity as it is (section 3.3), so what a dropped block
    no longer adds is added by the next one. A convolution that has taken over a pool's stride is solved for what the
    pool makes of its uncompressed outputs. Deviations: the solution is pulled towards the present weights (ridge,
    3 % of the mean input variance), inputs and outputs are sampled at random places, and for layers with more than
    2,400 inputs to each output only a scale for each input channel is solved for (eq. 5's β with no penalty), with more
    than 4,096 channels only the bias. A dense layer that has become a grouped one is solved group by group. A layer
    that is called more than once is solved for all its calls together, before the first.
    """

    name = "least_squares"
    strength = 30
    by_least_squares = True

    def apply(self, net: fx.GraphModule, context: Context) -> None:
        _Mending(net, context, _can_be_solved, _solve).mend_all()


class Covariance(Repair):
    """Least squares without a forward pass, for pruned channels only; see :func:`from_covariances`."""

    name = "covariance"
    strength = 20

    def apply(self, net: fx.GraphModule, context: Context) -> None:
        from_covariances(net, context.calibration, RIDGE)


class BatchNorm(Repair):
    """Re-estimate batch-norm statistics: outputs behind a folded batch norm get mean β and deviation |γ| again."""

    name = "batch_norm"
    strength = 10

    def apply(self, net: fx.GraphModule, context: Context) -> None:
        _Mending(net, context, _has_norm, _renorm).mend_all()


class NoRepair(Repair):
    """Leave everything as it is; the control."""

    name = "none"
    strength = 0

    def apply(self, net: fx.GraphModule, context: Context) -> None:
        pass


Wants = Callable[[Calibration, fx.Node, nn.Module, int], bool]
"""Whether a layer so many layers behind a change is to be mended; see :func:`_reached`."""
Mend = Callable[["_Mending", Sequence[fx.Node], nn.Module], None]
"""Mends a layer that these nodes call."""


class _Mending(fx.Interpreter):
    """Runs a compressed network and mends layers before they are run, and no further than to the last of them.

    What an earlier candidate that begins alike has been mended to is taken over, and the network is run from the last
    value on that was kept of one: the same weights, to the last bit.
    """

    def __init__(self, net: fx.GraphModule, context: Context, wants: Wants, mend: Mend) -> None:
        super().__init__(net)
        self.net = net
        self.mend = mend
        self.calibration = calibration = context.calibration
        self.inputs = calibration.compensation_inputs
        self.order = {node: index for index, node in enumerate(net.graph.nodes)}
        reached = _reached(net, calibration).items()
        self.waiting = {
            str(node.target): layer
            for node, (layer, distance) in reached
            if str(node.target) not in context.left_out and wants(calibration, node, layer, distance)
        }
        self.calls: dict[str, list[fx.Node]] = {}
        for node in net.graph.nodes:
            self.calls.setdefault(str(node.target), []).append(node)
        self.digests = digests(net, self._about)
        self.cuts = kept_cuts(net)

    def mend_all(self) -> None:
        start = self._take_over()
        if self.waiting:
            with torch.no_grad():
                self.run(self.inputs, initial_env=start)

    def run_node(self, n: fx.Node) -> object:
        if n.op == "call_module" and n.target in self.waiting:
            name = str(n.target)
            layer = self.waiting[name]
            self.mend(self, self.calls[name], layer)
            self._keep_weights(n, layer)
            del self.waiting[name]
        if not self.waiting:
            return None
        with self.calibration.forward():
            value = super().run_node(n)
        if n in self.cuts and isinstance(value, Tensor):
            self.calibration.recent_values.put(self._key(n), value, value.nbytes)
        return value

    def _about(self, node: fx.Node) -> object:
        """What mending a layer depends on beside the values before it: what it is to give, and who reads that.

        A layer that is called more than once reads what may come later: it is unlike any other one.
        """
        if node.op != "call_module" or node.target not in self.waiting:
            return None
        readers = [(reader.name, str(reader.args), op_of(self.net, reader)) for reader in node.users]
        several = object() if len(self.calls[str(node.target)]) > 1 else None
        return aim_of(node), readers, several

    def _key(self, node: fx.Node) -> Hashable:
        return self.mend, self.digests[node]

    def _take_over(self) -> dict[fx.Node, Any]:
        """Give layers the weights that they were mended to, as far as is known; returns what running starts with."""
        for node in self.order:
            if node.op == "call_module" and node.target in self.waiting:
                held = self.calibration.recent_results.get(self._key(node))
                if held is None:
                    return start_before(self.net, self.cuts, self.order[node], self._kept_value)
                _set_weights(self.waiting.pop(str(node.target)), *held)
        return {}

    def _kept_value(self, node: fx.Node) -> Any:
        return self.calibration.recent_values.get(self._key(node))

    def _keep_weights(self, node: fx.Node, layer: nn.Module) -> None:
        held = [copy_on_write(layer.get_parameter(name)) for name in ("weight", "bias")]
        self.calibration.recent_results.put(self._key(node), held, sum(tensor.nbytes for tensor in held))

    def read_by(self, node: fx.Node) -> Any:
        """The input of a layer's call, which may come later than what has been run so far."""
        return self.value(node.all_input_nodes[0])

    def value(self, node: fx.Node) -> Any:
        """A node's value, computed with the weights as they are; kept where no layer before it waits to be mended."""
        missing: set[fx.Node] = set()
        stack = [node]
        while stack:
            wanted = stack.pop()
            if wanted not in self.env and wanted not in missing:
                missing.add(wanted)
                stack.extend(wanted.all_input_nodes)
        made: dict[fx.Node, Any] = {}
        settled: dict[fx.Node, bool] = {}

        def known(source: fx.Node) -> Any:
            return made[source] if source in made else self.env[source]

        for wanted in sorted(missing, key=self.order.__getitem__):
            settled[wanted] = str(wanted.target) not in self.waiting and all(
                settled.get(source, True) for source in wanted.all_input_nodes
            )
            arguments, keywords = fx.node.map_arg((wanted.args, wanted.kwargs), known)
            with self.calibration.forward():
                made[wanted] = getattr(self, wanted.op)(wanted.target, arguments, keywords)
            if settled[wanted]:
                self.env[wanted] = made[wanted]
        return known(node)


def _set_weights(layer: nn.Module, weight: Tensor, bias: Tensor) -> None:
    layer.get_parameter("weight").data = copy_on_write(weight)
    layer.bias = nn.Parameter(copy_on_write(bias))


def _reached(net: fx.GraphModule, calibration: Calibration) -> dict[fx.Node, tuple[nn.Module, int]]:
    """The layers that a change reaches, in forward order, and how many layers behind it they are.

    0 for one that reads something else than it did. Where a value comes from several, the one computed last counts, so
    that it is the branch and not the identity.
    """
    distances: dict[fx.Node, int] = {}
    found: dict[fx.Node, tuple[nn.Module, int]] = {}
    order = {node: index for index, node in enumerate(net.graph.nodes)}
    for node in net.graph.nodes:
        layer, sources = module_of(net, node), node.all_input_nodes
        wiring = tuple(source.name for source in sources)
        other = aim_of(node) != node.name or calibration.wiring.get(node.name) != wiring
        last = max((source for source in sources if source in distances), key=order.__getitem__, default=None)
        if isinstance(layer, WEIGHTED):
            other = other or layer.get_parameter("weight").shape[1] != calibration.input_widths.get(node.name)
        if not other and last is None:
            continue
        distances[node] = 0 if last is None else distances[last]
        if isinstance(layer, WEIGHTED):
            distances[node] = 0 if other else distances[node] + 1
            found[node] = layer, distances[node]
    return found


def _can_be_solved(calibration: Calibration, node: fx.Node, _: nn.Module, distance: int) -> bool:
    target = calibration.targets.get(aim_of(node))
    return target is not None and (distance == 0 or (target.sums is not None and distance <= REACH))


def _solve(run: _Mending, nodes: Sequence[fx.Node], layer: nn.Module) -> None:
    pairs = [_read_and_wanted(run, node, layer) for node in nodes if aim_of(node) in run.calibration.targets]
    read, wanted = (torch.cat(part) if len(part) > 1 else part[0] for part in zip(*pairs, strict=True))
    weight = layer.get_parameter("weight")
    kernel = weight.detach().flatten(2).transpose(1, 2) if weight.dim() == 4 else weight.detach().unsqueeze(1)
    groups = layer.groups if isinstance(layer, nn.Conv2d) else 1
    parts = zip(read.chunk(groups, 2), wanted.chunk(groups, 1), kernel.chunk(groups), strict=True)
    kernels, biases = zip(*(_solve_group(*part) for part in parts), strict=True)
    kernel = torch.cat(kernels)
    weight.data = (
        kernel.transpose(1, 2).reshape(weight.shape) if weight.dim() == 4 else kernel.squeeze(1)
    ).contiguous()
    layer.bias = nn.Parameter(torch.cat(biases))


def _read_and_wanted(run: _Mending, node: fx.Node, layer: nn.Module) -> tuple[Tensor, Tensor]:
    """What one call of a layer reads at the places of its target, and what it is to give there."""
    target = run.calibration.targets[aim_of(node)]
    source = run.read_by(node)
    wanted = target.outputs[:, origin_of(layer)]
    end = closing(run.net, node)
    if end is not None and target.sums is not None:
        other = next(operand for operand in end.all_input_nodes if operand is not node)
        if run.order[other] < run.order[node]:
            wanted = target.sums[:, origin_of(layer)] - at_rows(layer, run.value(other), target.rows)
    return patches(layer, source, output_width(layer, source), target.rows), wanted


def _solve_group(read: Tensor, wanted: Tensor, kernel: Tensor) -> tuple[Tensor, Tensor]:
    """Kernel and bias of one group of channels; shapes (n, taps, in), (n, out), (out, taps, in)."""
    if kernel[0].numel() > DENSE_LIMIT:
        return _channel_scales(read, wanted, kernel)
    flat, bias = _ridge(read.flatten(1), wanted, kernel.flatten(1))
    return flat.view(kernel.shape), bias


def _ridge(inputs: Tensor, wanted: Tensor, weight: Tensor) -> tuple[Tensor, Tensor]:
    """Minimise ‖wanted − inputs·Wᵀ − b‖² + ridge ‖W − weight‖²; shapes (n, p), (n, o), (o, p) → (o, p), (o,).

    ``inputs`` is overwritten.
    """
    mean_in, mean_out = inputs.mean(0), wanted.mean(0)
    centred = inputs.sub_(mean_in)
    square = gram(centred)
    right = centred.T @ (wanted - mean_out) - square @ weight.T
    square.diagonal().add_(RIDGE * float(square.diagonal().mean()) + 1e-8)
    factor, failed = torch.linalg.cholesky_ex(square)
    if int(failed) == 0:
        change = torch.cholesky_solve(right, factor)
    else:
        change = torch.linalg.lstsq(square.double(), right.double()).solution.float()
    solved = weight + change.T
    return solved, mean_out - solved @ mean_in


def _channel_scales(read: Tensor, wanted: Tensor, kernel: Tensor, rows: int = 512) -> tuple[Tensor, Tensor]:
    """One factor β for each input channel, minimising ‖wanted − Σ_c β_c x_c·W_cᵀ − b‖²; shapes as in ``patches``."""
    step = max(1, len(read) // rows)
    read, wanted = read[::step], wanted[::step]
    mean_in, mean_out = read.mean(0), wanted.mean(0)
    centred, gap = read - mean_in, wanted - mean_out
    taps, channels = centred.shape[1:]
    if channels > SCALE_LIMIT:
        return kernel, mean_out - (kernel * mean_in).sum((1, 2))
    flat, weights = centred.flatten(1), kernel.flatten(1)
    square = ((flat.T @ flat) * (weights.T @ weights)).view(taps, channels, taps, channels).sum((0, 2))
    right = (flat * (gap @ weights)).sum(0).view(taps, channels).sum(0)
    square.diagonal().add_(RIDGE * float(square.diagonal().mean()) + 1e-8)
    scale = 1 + torch.linalg.solve(square, right - square.sum(1))
    solved = kernel * scale
    return solved, mean_out - (solved * mean_in).sum((1, 2))


def _has_norm(_calibration: Calibration, _node: fx.Node, layer: nn.Module, _distance: int) -> bool:
    return norm_of(layer) is not None


def _renorm(run: _Mending, nodes: Sequence[fx.Node], layer: nn.Module) -> None:
    norm = norm_of(layer)
    assert norm is not None
    output = torch.cat([layer(run.read_by(node)).transpose(0, 1).flatten(1) for node in nodes], 1)
    scale = norm[0].abs() / output.std(1).clamp_min(1e-6)
    shift = norm[1] - output.mean(1) * scale
    weight, bias = layer.get_parameter("weight"), layer.get_parameter("bias")
    weight.data = weight.data * scale.view(-1, *[1] * (weight.dim() - 1))
    bias.data = bias.data * scale + shift
