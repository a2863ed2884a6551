"""Repair without a forward pass: readers of pruned channels re-solved from covariances that are taken once a run."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, fx, nn

from ...spaces.network.channels.joined import reads_as
from ...spaces.network.layers import INPUT_ORIGIN, input_origin_of, origin_of
from ..statistics.calibration import Calibration
from ..statistics.sampling import is_dense, module_of, reads_of
from ..statistics.spectrum import moments_of

LIMIT = 4608
"""Most weights to an output whose inputs' covariance is held; 85 MB."""


@dataclass(frozen=True, eq=False)
class PatchMoments:
    """Of what the weights of one output read, in the order of ``weight.flatten(1)``.

    Attributes:
        mean: ``(p,)``.
        covariance: ``(p, p)``.
    """

    mean: Tensor
    covariance: Tensor


def patch_moments(calibration: Calibration) -> dict[str, PatchMoments]:
    """By name of each dense layer of the uncompressed network."""

    def moments(_: nn.Module, read: Tensor) -> PatchMoments | None:
        flat = read.transpose(1, 2).flatten(1)
        if flat.shape[1] > LIMIT:
            return None
        return PatchMoments(*moments_of(flat))

    found = reads_of(calibration.net, calibration.compensation_inputs, calibration.targets, moments)
    return {name: held for name, held in found.items() if held is not None}


def from_covariances(net: fx.GraphModule, calibration: Calibration, ridge: float) -> None:
    """Re-solve every layer that reads fewer channels than it did, in place, from the uncompressed network's inputs.

    With the weights split into those of channels that are kept, K, and removed, R, the kept ones become
    W_K + W_R C_RK (C_KK + λI)⁻¹, where C is the covariance of the inputs; the bias takes up the mean. He, Zhang, Sun
    2017, eq. 4, in closed form, with the inputs as they were before compression: faster than with those that the
    compressed network sees, and a little less exact. What a dropped block leaves is not repaired.
    """
    held = calibration.once("patch moments", lambda: patch_moments(calibration))
    for node in net.graph.nodes:
        layer = module_of(net, node)
        if layer is None or not is_dense(layer) or INPUT_ORIGIN not in dict(layer.named_buffers(recurse=False)):
            continue
        name = str(node.target)
        moments = held.get(name)
        narrower = layer.get_parameter("weight").shape[1] < calibration.input_widths.get(node.name, 0)
        if moments is not None and narrower and reads_as(net, name) == name:
            _solve(layer, calibration.net.get_submodule(name), moments, ridge)


def _solve(layer: nn.Module, before: nn.Module, moments: PatchMoments, ridge: float) -> None:
    weight = layer.get_parameter("weight")
    taps = weight[0, 0].numel()
    whole = before.get_parameter("weight").detach()[origin_of(layer)].flatten(1)
    kept = (input_origin_of(layer).unsqueeze(1) * taps + torch.arange(taps)).flatten()
    gone = torch.ones(whole.shape[1], dtype=torch.bool)
    gone[kept] = False
    lost = torch.where(gone, whole, torch.zeros_like(whole))
    system = moments.covariance[kept][:, kept]
    system.diagonal().add_(ridge * float(system.diagonal().mean()) + 1e-8)
    change = torch.cholesky_solve((lost @ moments.covariance)[:, kept].T, torch.linalg.cholesky(system)).T
    solved = whole[:, kept] + change
    layer.bias = nn.Parameter(layer.get_parameter("bias").detach() + lost @ moments.mean - change @ moments.mean[kept])
    weight.data = solved.view(weight.shape).contiguous()
