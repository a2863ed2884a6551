"""What a method may ask for while it carries out choices."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, fx

from ..spaces.network.graph import ModelGraph
from .statistics.calibration import Calibration
from .target import Target


@dataclass(frozen=True, eq=False)
class Context:
    """All that is the same for every candidate of a run; a method gets it beside the network and the choices.

    Attributes:
        graph: the uncompressed network, as its plan was made for.
        calibration: inputs, and statistics of the uncompressed network on them, each computed when first asked for.
        target: what is known of the device.
        training: the training split, a map-style dataset of ``(input, target)``; None where the task has none.
        seed: of the run. A method that draws numbers makes a generator of its own from it.
        device: where tensors are held and computed with.
        prepared: by method, the weights that were trained for it before the first candidate, by the names that they
            have in the network of ``Plan.prepares``; nothing of a method without, and while it is trained.
        left_out: the layers that every method leaves out; no repair and no training changes them either.
    """

    graph: ModelGraph
    calibration: Calibration
    target: Target = field(default_factory=Target)
    training: Any = None
    seed: int = 0
    device: torch.device = field(default_factory=lambda: torch.device("cpu"))
    prepared: Mapping[str, Mapping[str, Tensor]] = field(default_factory=dict)
    left_out: frozenset[str] = frozenset()

    @property
    def teacher(self) -> fx.GraphModule:
        """The uncompressed network, whose outputs compressed ones are to keep; never to be changed."""
        return self.calibration.net
