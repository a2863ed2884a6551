"""Statistics of the uncompressed network on calibration data, each computed once a run, when it is first asked for."""

from __future__ import annotations

import time
from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager
from functools import cached_property
from typing import Any, TypeVar

import torch
import torch.nn.functional as F
from torch import Tensor, fx, nn

from ...spaces.network.graph import ModelGraph
from ...spaces.network.hooks import watching
from ...spaces.network.layers import WEIGHTED
from ...spaces.network.trace import describe
from ...spaces.tensors.batch import Outputs, Tensors, channels_last, mapped
from ...spaces.tensors.one_thread import one_thread
from .input_moments import InputMoments, input_moments
from .neighbours import pools_behind
from .recent import Recent
from .sampling import LayerOutputs, module_of, targets_of

Statistic = TypeVar("Statistic")

BATCH = 64
COMPENSATION_MACS = 20e9
RECENT_VALUES_BYTES = 256e6
"""Most that values in the midst of candidates may take, which others are run on from."""
RECENT_RESULTS_BYTES = 128e6
"""Most that the weights and ranges of earlier candidates may take."""


class Calibration:
    """Calibration data and what the uncompressed network does on it.

    Statistics are computed on one thread, so that they are the same, to the last bit, in every process of a run.

    Args:
        net: the uncompressed network.
        inputs: shape ``(n, …)``, or several by name; images are held channels last, so that a pixel's channels lie
            together.
        labels: class indices, shape ``(n,)``; only criteria of the loss read them.

    Attributes:
        recent_values: values in the midst of candidates on these inputs, for candidates that begin alike.
        recent_results: what was made of such values.
    """

    def __init__(self, net: fx.GraphModule, inputs: Tensors, labels: Tensor | None = None) -> None:
        self.net = net
        self.inputs = mapped(channels_last, inputs)
        self.labels = labels
        self.forward_seconds = 0.0
        self.recent_values, self.recent_results = Recent(RECENT_VALUES_BYTES), Recent(RECENT_RESULTS_BYTES)
        self._held: dict[Hashable, Any] = {}

    @contextmanager
    def forward(self) -> Iterator[None]:
        """Time what is inside as forward passes of candidates, in ``forward_seconds``."""
        started = time.perf_counter()
        try:
            yield
        finally:
            self.forward_seconds += time.perf_counter() - started

    def once(self, key: Hashable, compute: Callable[[], Statistic]) -> Statistic:
        """A statistic that a method brings itself, computed when its ``key`` is first asked for."""
        if key not in self._held:
            with one_thread():
                self._held[key] = compute()
        held: Statistic = self._held[key]
        return held

    @property
    def example(self) -> Tensors:
        """A few inputs for checks, shape ``(min(n, 4), …)``."""
        return self.inputs[:4]

    @cached_property
    def compensation_inputs(self) -> Tensors:
        """The inputs that compensation runs on: as many as some 20 GMACs allow, 8 to 256."""
        count = int(COMPENSATION_MACS / max(1, self._description.macs))
        return self.inputs[: min(256, max(8, count))]

    @cached_property
    @one_thread()
    def targets(self) -> dict[str, LayerOutputs]:
        """What every dense layer gives at sampled places, by node name, on :attr:`compensation_inputs`.

        Under a pool's name stands what the pool makes of the outputs of the layer that it alone reads.
        """
        return targets_of(self.net, self.compensation_inputs, pools_behind(self._description))

    @cached_property
    def _description(self) -> ModelGraph:
        """Layers and data flow, without channel groups."""
        return describe(self.net, self.example)

    @cached_property
    @one_thread()
    def input_moments(self) -> dict[str, InputMoments]:
        """Means and covariances of what every dense layer reads, by layer name, on :attr:`compensation_inputs`."""
        return input_moments(self.net, self.compensation_inputs)

    @cached_property
    def wiring(self) -> dict[str, tuple[str, ...]]:
        """For each node's name the names of the nodes it reads."""
        return {node.name: tuple(source.name for source in node.all_input_nodes) for node in self.net.graph.nodes}

    @cached_property
    def input_widths(self) -> dict[str, int]:
        """For each layer node's name the size of its weight's axis 1."""
        layers = {node.name: module_of(self.net, node) for node in self.net.graph.nodes}
        return {n: m.get_parameter("weight").shape[1] for n, m in layers.items() if isinstance(m, WEIGHTED)}

    @cached_property
    @one_thread()
    def activation_magnitude(self) -> dict[str, Tensor]:
        """Mean absolute output of each output channel of each layer with weights, shape ``(out,)``."""
        return self._mean_of(torch.abs)

    @cached_property
    @one_thread()
    def positive_share(self) -> dict[str, Tensor]:
        """Share of the outputs of each output channel that are above zero, shape ``(out,)``, from 0 to 1."""
        return self._mean_of(lambda output: (output > 0).float())

    @cached_property
    @one_thread()
    def taylor(self) -> dict[str, Tensor]:
        """First-order Taylor importance of each output channel, shape ``(out,)``.

        Molchanov et al. 2019, "Importance Estimation for Neural Network Pruning", eq. 8: the mean over batches of
        (Σ weight · gradient)² over a channel's weights.
        """
        scores: dict[str, Tensor] = {}
        layers = [(name, module) for name, module in self.net.named_modules() if isinstance(module, WEIGHTED)]
        for start in range(0, len(self.inputs), BATCH):
            part = slice(start, start + BATCH)
            outputs = self.net(self.inputs[part])
            weights = [module.weight for _, module in layers]
            loss = self.loss(outputs, part)
            gradients = torch.autograd.grad(loss, weights, allow_unused=True, materialize_grads=True)
            for (name, module), gradient in zip(layers, gradients, strict=True):
                score = (module.weight.detach() * gradient).flatten(1).sum(1).square()
                scores[name] = scores.get(name, torch.zeros_like(score)) + score
        return scores

    def loss(self, outputs: Outputs, part: slice) -> Tensor:
        """Cross-entropy of outputs on a part of the inputs; missing labels are the network's own predictions.

        Labels belong to the only output. Of several the losses add up, each against its own predictions.
        """
        if isinstance(outputs, Tensor):
            return F.cross_entropy(outputs, self.labels[part] if self.labels is not None else outputs.argmax(1))
        losses = [_own_loss(output) for output in outputs.values() if output.requires_grad]
        return torch.stack(losses).sum()

    def _mean_of(self, function: Callable[[Tensor], Tensor]) -> dict[str, Tensor]:
        """The mean of a function of each output channel of each layer with weights."""
        sums: dict[str, Tensor] = {}
        counts: dict[str, int] = {}

        def observe(name: str, module: nn.Module, output: Tensor) -> None:
            axis = output.dim() - 1 if isinstance(module, nn.Linear) else 1
            others = tuple(a for a in range(output.dim()) if a != axis)
            sums[name] = sums.get(name, torch.zeros(output.shape[axis])) + function(output).mean(others) * len(output)
            counts[name] = counts.get(name, 0) + len(output)

        self._watch(observe)
        return {name: total / counts[name] for name, total in sums.items()}

    def _watch(self, observe: Callable[[str, nn.Module, Tensor], None]) -> None:
        with watching(
            module.register_forward_hook(lambda m, _, out, name=name: observe(name, m, out))
            for name, module in self.net.named_modules()
            if isinstance(module, WEIGHTED)
        ):
            for start in range(0, len(self.inputs), BATCH):
                self.net(self.inputs[start : start + BATCH])


def _own_loss(output: Tensor) -> Tensor:
    """Cross-entropy against the network's own predictions; of one number a sample, or of a single class, its square."""
    if output.dim() > 1 and output.shape[1] > 1:
        return F.cross_entropy(output, output.argmax(1))
    return output.square().mean()
