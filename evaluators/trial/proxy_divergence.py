"""How far a policy moves the outputs, on a few images and without an artefact: what probes of losses measure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch

from ...compressors.base import Compressor, Target
from ...compressors.pipeline import compress, space_of
from ...compressors.registry import create
from ...compressors.statistics.calibration import Calibration
from ...spaces.errors import Infeasible
from ...spaces.network.trace import Traced
from ...spaces.policy import Policy
from ..quality.divergence import divergence
from .prefix import Prefix

IMAGES = 128
"""At most so many; fewer of a network as large as makes calibration take fewer."""
BATCH = 32


class QuickLook:
    """Compresses in torch and compares the outputs with the uncompressed model's.

    Differs from a trial in three ways: the images are few, layers that read pruned channels are re-solved from
    covariances that are taken once a run (see ``compensate.covariance``), and int8 is simulated.

    Args:
        traced: the uncompressed network.
        methods: options by compressor name.
        target: of the device.
        calibration: statistics.
        inputs: float32 ``(n, …)``, held out of training.
        classes: whether outputs are logits of classes.
    """

    def __init__(
        self,
        traced: Traced,
        methods: Mapping[str, Mapping[str, Any]],
        target: Target,
        calibration: Calibration,
        inputs: np.ndarray,
        classes: bool,
    ) -> None:
        self._net, self._calibration, self._classes = traced.net, calibration, classes
        thorough = [create(name, options, target) for name, options in methods.items()]
        self._compressors = [repaired_by(c.quick_compensation, c, methods[c.name], target) for c in thorough]
        space_of(self._compressors, traced.graph)
        images = torch.from_numpy(inputs[: min(IMAGES, len(calibration.compensation_inputs))])
        images = images.contiguous(memory_format=torch.channels_last) if images.dim() == 4 else images
        self._prefix = Prefix(traced.net, torch.split(images, BATCH))
        self._reference = self._prefix.outputs(traced.net).numpy()

    def divergence(self, policy: Policy) -> float:
        """As :func:`parefront.evaluators.quality.divergence`; lower is better, zero for the uncompressed model.

        Raises:
            Infeasible: where the policy leaves no working network.
        """
        outputs = self._prefix.outputs(compress(self._net, policy, self._compressors, self._calibration)).numpy()
        if not np.isfinite(outputs).all():
            raise Infeasible("outputs are not finite")
        return divergence(outputs, self._reference, classes=self._classes).value


def repaired_by(method: str, compressor: Compressor, options: Mapping[str, Any], target: Target) -> Compressor:
    """The same with another repair, a name in ``compensate.METHODS``; itself where it is repaired so, or not at all."""
    if compressor.compensation in (method, "none"):
        return compressor
    return create(compressor.name, {**options, "compensate": method}, target)
