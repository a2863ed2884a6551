"""How far a policy moves the outputs, on a few images and without an artefact: what probes of losses measure."""

from __future__ import annotations

import numpy as np
import torch

from ...compressors.context import Context
from ...compressors.pipeline import Pipeline
from ...spaces.errors import Infeasible
from ...spaces.policy import Policy
from ..quality.divergence import divergence
from .prefix import Prefix

IMAGES = 128
"""At most so many; fewer of a network as large as makes calibration take fewer."""
BATCH = 32


class ProxyDivergence:
    """Compresses in torch and compares the outputs with the uncompressed model's.

    Differs from a trial in three ways: the images are few, layers that read pruned channels are re-solved from
    covariances that are taken once a run (see ``compensate.covariance``), and int8 is simulated.

    Args:
        pipeline: the methods, as trials apply them.
        context: of the run.
        inputs: float32 ``(n, …)``, held out of training.
        classes: whether outputs are logits of classes.
    """

    def __init__(self, pipeline: Pipeline, context: Context, inputs: np.ndarray, classes: bool) -> None:
        self._context, self._classes = context, classes
        self._pipeline = pipeline.repaired_by(lambda plan: plan.quick_repair or plan.repair)
        images = torch.from_numpy(inputs[: min(IMAGES, len(context.calibration.compensation_inputs))])
        images = images.contiguous(memory_format=torch.channels_last) if images.dim() == 4 else images
        self._prefix = Prefix(context.teacher, torch.split(images, BATCH))
        self._reference = self._prefix.outputs(context.teacher).numpy()

    def divergence(self, policy: Policy) -> float:
        """As :func:`parefront.evaluators.quality.divergence`; lower is better, zero for the uncompressed model.

        Raises:
            Infeasible: where the policy leaves no working network.
        """
        net = self._pipeline.apply(self._context.teacher, policy, self._context)
        outputs = self._prefix.outputs(net).numpy()
        if not np.isfinite(outputs).all():
            raise Infeasible("outputs are not finite")
        return divergence(outputs, self._reference, classes=self._classes).value
