"""The small networks traced, each once a process, with calibration data."""

from __future__ import annotations

import functools
from dataclasses import dataclass

import torch
from torch import Tensor, fx

from ..compressors.statistics.calibration import Calibration
from ..evaluators.quality.parity import prove
from ..spaces.network.graph import ModelGraph
from ..spaces.network.trace import trace
from .networks import CLASSES, NETWORKS, random_images

IMAGES = 64


@dataclass(frozen=True, eq=False)
class Specimen:
    """A traced network and calibration data for it.

    Attributes:
        net: flat, as compressors take it; shared by all tests, never to be changed.
        graph: its layers, data flow and proved groups.
        calibration: on 64 images with random labels.
    """

    net: fx.GraphModule
    graph: ModelGraph
    calibration: Calibration

    @property
    def images(self) -> Tensor:
        """The calibration's inputs, shape ``(64, 3, 16, 16)``."""
        assert isinstance(self.calibration.inputs, Tensor)
        return self.calibration.inputs


@functools.cache
def specimen(network: str) -> Specimen:
    """The network of that name in :data:`NETWORKS`."""
    model, _ = NETWORKS[network]()
    images = random_images(IMAGES, seed=1)
    labels = torch.randint(CLASSES, (IMAGES,), generator=torch.Generator().manual_seed(1))
    traced = trace(model, images[:2], prove)
    return Specimen(traced.net, traced.graph, Calibration(traced.net, images, labels))
