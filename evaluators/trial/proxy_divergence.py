"""How far a policy moves the outputs, on a few images and without an artefact: what probes of losses measure."""

from __future__ import annotations

from ...compressors.context import Context
from ...compressors.pipeline import Pipeline
from ...compressors.repair.registry import repair_of
from ...spaces.errors import Infeasible
from ...spaces.network.outputs import all_finite
from ...spaces.policy import Policy
from ...spaces.tensors.batch import Arrays, channels_last, mapped, named, to_arrays, to_tensors
from ...spaces.tensors.signature import OUTPUT
from ..quality.divergence import divergence
from .prefix import Prefix

IMAGES = 128
"""At most so many; fewer of a network as large as makes calibration take fewer."""
BATCH = 32


class ProxyDivergence:
    """Compresses in torch and compares the outputs with the uncompressed model's.

    Differs from a trial in three ways: the images are few, layers that read pruned channels are re-solved from
    covariances that are taken once a run (see ``compensate.covariance``), and int8 is simulated. Where blocks are
    to be reconstructed, least squares is what they begin with, and end with here.

    Args:
        pipeline: the methods, as trials apply them.
        context: of the run.
        inputs: ``(n, …)``, or several by name, held out of training.
        classes: whether outputs are logits of classes.
    """

    def __init__(self, pipeline: Pipeline, context: Context, inputs: Arrays, classes: bool) -> None:
        self._context, self._classes = context, classes
        self._pipeline = pipeline.repaired_by(
            lambda plan: plan.quick_repair or repair_of(plan.repair).quick or plan.repair
        )
        few = to_tensors(inputs[: min(IMAGES, len(context.calibration.compensation_inputs))])
        images = mapped(channels_last, few)
        batches = [images[start : start + BATCH] for start in range(0, len(images), BATCH)]
        self._prefix = Prefix(context.teacher, batches)
        self._reference = to_arrays(self._prefix.outputs(context.teacher))

    def divergence(self, policy: Policy) -> float:
        """As :func:`parefront.evaluators.quality.divergence`; lower is better, zero for the uncompressed model.

        Raises:
            Infeasible: where the policy leaves no working network.
        """
        net = self._pipeline.apply(self._context.teacher, policy, self._context)
        outputs = self._prefix.outputs(net)
        if not all_finite(named(outputs, OUTPUT)):
            raise Infeasible("outputs are not finite")
        return divergence(to_arrays(outputs), self._reference, classes=self._classes).value
