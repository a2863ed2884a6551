"""The weights that a network was trained to, as a file, and back into the network."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor, fx

from ...spaces.errors import ParefrontError
from ...spaces.files import read_bytes, write_bytes

Weights = Mapping[str, Tensor]
"""Parameters of a network by their names in it."""


def weights_of(net: fx.GraphModule) -> dict[str, Tensor]:
    """All parameters of a network, each in its plain layout."""
    return {name: parameter.detach().contiguous() for name, parameter in net.named_parameters()}


def set_weights(net: fx.GraphModule, weights: Weights) -> None:
    """Give a network the weights that another one of the same structure was trained to, in place.

    Raises:
        ParefrontError: where they are of another structure.
    """
    there = {name: parameter.shape for name, parameter in net.named_parameters()}
    given = {name: tensor.shape for name, tensor in weights.items()}
    if there != given:
        name = min(name for name, _ in there.items() ^ given.items())
        raise ParefrontError(
            f"the weights are of another network: {name} is {_shape(there.get(name))} here, "
            f"{_shape(given.get(name))} there"
        )
    with torch.no_grad():
        for name, parameter in net.named_parameters():
            parameter.copy_(weights[name])


def read_weights(path: Path) -> Weights:
    """The weights in a safetensors file.

    Raises:
        ParefrontError: where it is missing, or is none.
    """
    from safetensors import SafetensorError
    from safetensors.torch import load

    try:
        held: Weights = load(read_bytes(path))
    except SafetensorError as error:
        raise ParefrontError(f"{path}: expected weights in the safetensors format, got something else") from error
    return held


def write_weights(path: Path, weights: Weights) -> None:
    """Write a safetensors file, whole or not at all."""
    from safetensors.torch import save

    write_bytes(path, save(dict(weights)))


def _shape(shape: torch.Size | None) -> str:
    return "missing" if shape is None else "×".join(map(str, shape))
