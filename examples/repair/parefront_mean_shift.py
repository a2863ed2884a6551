"""Biases that give every layer the mean output that it had before: a mild repair that looks at data."""

from collections.abc import Callable

import torch
from torch import Tensor, fx, nn

from parefront.compressors import Context, Repair
from parefront.spaces import WEIGHTED, origin_of, watching


class MeanShift(Repair):
    """Nagel et al. 2019, "Data-Free Quantization", section 4.2, with measured means, one layer after the other."""

    name = "mean_shift"

    def apply(self, net: fx.GraphModule, context: Context) -> None:
        images = context.calibration.compensation_inputs
        wanted = context.calibration.once("mean_shift", lambda: mean_outputs(context.teacher, images))
        waiting = set(wanted)

        def shift(name: str, layer: nn.Module, output: Tensor) -> Tensor | None:
            if name not in waiting:
                return None
            waiting.remove(name)
            missing = wanted[name][origin_of(layer)] - mean(layer, output)
            layer.bias.data += missing
            return output + (missing if isinstance(layer, nn.Linear) else missing.view(-1, *[1] * (output.dim() - 2)))

        run(net, images, shift)


def mean_outputs(net: fx.GraphModule, images: Tensor) -> dict[str, Tensor]:
    """Of every layer, by its name, the mean of each output channel."""
    found: dict[str, Tensor] = {}
    run(net, images, lambda name, layer, output: found.update({name: mean(layer, output)}))
    return found


def mean(layer: nn.Module, output: Tensor) -> Tensor:
    return output.movedim(-1 if isinstance(layer, nn.Linear) else 1, 0).flatten(1).mean(1)


@torch.no_grad()
def run(net: fx.GraphModule, images: Tensor, hook: Callable[[str, nn.Module, Tensor], Tensor | None]) -> None:
    layers = [(name, layer) for name, layer in net.named_modules() if isinstance(layer, WEIGHTED)]
    with watching(m.register_forward_hook(lambda m, _, out, name=name: hook(name, m, out)) for name, m in layers):
        net(images)
