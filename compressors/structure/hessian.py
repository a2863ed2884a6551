"""How the loss curves along each channel's weights: the trace of the Hessian's block, estimated with random signs."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import torch
from torch import Tensor

from ...spaces.network.layers import WEIGHTED
from ..statistics.calibration import Calibration

IMAGES = 64
PROBES = 8


def hessian_sensitivity(calibration: Calibration) -> dict[str, Tensor]:
    """Sensitivity of the loss to each output channel of each layer, by module name, shape ``(out,)``.

    Yu, Yao, Gholami, Dong, Kim, Mahoney, Keutzer 2022, "Hessian-Aware Pruning and Optimal Neural Implant", eq. 6:
    ``trace(H_c) / (2 p_c) · ‖w_c‖²`` of the channel's p_c weights, batch norms folded in. Deviations: the loss is the
    cross-entropy on up to 64 calibration images, fewer where they are costly, and there are 8 probes. An estimate may
    be negative; such a channel is taken for less important than any with a positive one.
    """
    layers = {name: m for name, m in calibration.net.named_modules() if isinstance(m, WEIGHTED)}
    weights = [layer.weight for layer in layers.values()]
    inputs = calibration.compensation_inputs[:IMAGES]
    loss = calibration.loss(calibration.net(inputs), slice(0, len(inputs)))
    generator = torch.Generator().manual_seed(0)
    probes = ([_signs(weight, generator) for weight in weights] for _ in range(PROBES))
    traces = channel_traces(loss, weights, probes)
    return {
        name: trace / (2 * weight[0].numel()) * weight.detach().flatten(1).square().sum(1)
        for name, weight, trace in zip(layers, weights, traces, strict=True)
    }


def channel_traces(loss: Tensor, weights: Sequence[Tensor], probes: Iterable[Sequence[Tensor]]) -> list[Tensor]:
    """Trace of the Hessian's diagonal block of each output channel (axis 0) of each weight, shape ``(out,)``.

    Hutchinson's estimator: the mean of ``z · Hz`` over probes z of independent random signs, Hz by differentiating
    twice. All blocks share a probe, since what other blocks add to ``z · Hz`` is zero on average.
    """
    gradients = torch.autograd.grad(loss, weights, create_graph=True, allow_unused=True)
    curved = [index for index, gradient in enumerate(gradients) if gradient is not None and gradient.requires_grad]
    sums, count = [torch.zeros(len(weight)) for weight in weights], 0
    for signs in probes:
        count += 1
        if not curved:
            continue
        products = torch.autograd.grad(
            [gradients[i] for i in curved], weights, [signs[i] for i in curved],
            retain_graph=True, allow_unused=True, materialize_grads=True,
        )  # fmt: skip
        for total, sign, product in zip(sums, signs, products, strict=True):
            total += (sign * product).flatten(1).sum(1)
    return [total / max(1, count) for total in sums]


def _signs(weight: Tensor, generator: torch.Generator) -> Tensor:
    return torch.randint(0, 2, weight.shape, generator=generator).to(weight) * 2 - 1
