"""What a network costs by counting: parameters and multiply-accumulates of the layers that are left."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor, fx, nn

from ...compressors.latent import LatentLayer
from ...spaces.network.hooks import watching
from ...spaces.network.layers import WEIGHTED
from ...spaces.tensors.batch import Tensors
from ..results.measurement import Measurement


@dataclass(frozen=True, slots=True)
class Cost:
    """Exact counts for one sample; lower is better."""

    params: int
    macs: int

    def measurements(self) -> dict[str, Measurement]:
        return {"params": Measurement.exact(self.params, "count"), "macs": Measurement.exact(self.macs, "count")}


def cost_of(net: fx.GraphModule, example: Tensors) -> Cost:
    """Count a network's parameters and MACs, the latter by running one sample of ``example``."""
    macs = 0

    def count(module: nn.Module, _: object, output: Tensor) -> None:
        nonlocal macs
        layer = module.layer if isinstance(module, LatentLayer) else module
        weight = layer.get_parameter("weight")
        channels = output.shape[-1] if isinstance(layer, nn.Linear) else output.shape[1]
        macs += output[0].numel() // channels * weight.numel()

    with watching(m.register_forward_hook(count) for m in net.modules() if isinstance(m, (*WEIGHTED, LatentLayer))):
        net(example[:1])
    return Cost(sum(p.numel() for p in net.parameters()), macs)
