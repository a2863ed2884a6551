"""Who turns policies into candidates, as the controller sees it."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from ...spaces.network.graph import Layer
from ...spaces.policy import Policy
from ...spaces.space import SearchSpace
from ..results.candidate import Candidate
from ..results.fronts.front import Front
from ..results.measurement import Measurement

if TYPE_CHECKING:
    from torch import fx


class Evaluator(Protocol):
    """Turns policies into candidates; what the controller drives."""

    @property
    def space(self) -> SearchSpace: ...

    @property
    def layers(self) -> Mapping[str, Layer]:
        """Those of the uncompressed model, by name."""
        ...

    @property
    def bases(self) -> Sequence[Policy]:
        """Policies, beside the empty one, that others may be taken as changes of: all of the model in int8, say."""
        ...

    @property
    def environment(self) -> Mapping[str, Any]:
        """Versions, CPU, device profile; JSON-able."""
        ...

    def baseline(self, artifacts: Path) -> Candidate:
        """The uncompressed model, emitted into the folder ``artifacts`` and measured."""
        ...

    def evaluate(self, policy: Policy, artifact: Path, rivals: Front | None = None) -> Candidate:
        """Apply, emit to the path ``artifact`` and measure.

        Args:
            policy: what to do to the network.
            artifact: where the ONNX file goes.
            rivals: the front so far, with objectives and budgets. Given one, the evaluator may stop as soon as the
                candidate is dominated, and note it (``STOPPED``); without, it measures in full.

        Raises:
            Infeasible: where the policy has no model, or is beyond a budget before anything is measured.
        """
        ...

    def evaluate_trained(
        self, policy: Policy, weights: Path, artifact: Path, like: Candidate | None = None
    ) -> Candidate:
        """As :meth:`evaluate` without rivals, of the network with the weights in a file that it was trained to.

        Args:
            policy: what was done to the network before.
            weights: a safetensors file, or an ONNX file that is taken as it is.
            artifact: where the ONNX file goes.
            like: a candidate whose file differs in the values of its weights alone: what was timed of that is taken
                over. By default the new file is timed; so is one with early exits, where weights decide who leaves.
        """
        ...

    def gain(self, candidate: Candidate, over: Candidate) -> Measurement:
        """How much better in the task's metric one candidate's file is than another's, on the same search samples.

        Above zero it is better, whichever way the metric goes.
        """
        ...

    def glimpse(self, net: fx.GraphModule) -> float | None:
        """About what a network in PyTorch scores, on a few samples of the search split; None where it cannot be told.

        To be looked at while it is trained: what is recorded is measured on its file.
        """
        ...

    def probe_divergence(self, policy: Policy) -> float:
        """About how far the outputs move from the uncompressed model's, in a fraction of a trial's time.

        Raises:
            Infeasible: where the policy has no model.
        """
        ...

    def probe_costs(self, policy: Policy, artifact: Path, keys: Collection[str]) -> Mapping[str, float]:
        """What the policy takes of the uncompressed model's costs, by metric key; emitted to the path ``artifact``.

        Raises:
            Infeasible: where the policy has no model.
        """
        ...

    def probe_work(self, policy: Policy, keys: Collection[str]) -> Mapping[str, dict[str, float]]:
        """Of those costs of which it can be told, which share each layer takes, by the layer's name.

        Args:
            policy: the empty one or one of ``bases``.
            keys: of metrics.
        """
        ...

    def finalise(self, candidate: Candidate) -> Candidate:
        """Measure again, and on the test split (adds ``test_accuracy``, or the task's own metric likewise).

        Called twice, some time apart; the second time with what it gave the first time, of which it times anew what a
        device measures.
        """
        ...

    def close(self) -> None: ...
