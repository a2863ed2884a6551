"""Retargeting: an evaluator around another one that takes over the scores of a run on another device."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from torch import fx

from ...compressors.target import Target
from ...spaces.network.graph import Layer
from ...spaces.network.trace import Traced
from ...spaces.policy import Policy
from ...spaces.runtime_knob import renamed_runtime, runtime_in
from ...spaces.space import SearchSpace
from ..device.device_profile import DeviceProfile
from ..results.candidate import Candidate
from ..results.fronts.front import Front
from ..results.measurement import Measurement
from ..runtimes.counterparts import counterparts
from .builder import Builder, target_of
from .dominance import Standing, refuse_beyond_budget
from .evaluate import TaskEvaluator, stopped_or_whole
from .race import time_only
from .scores.reused_scores import BUILT_FOR, ReusedScores
from .scores.scored_in import scores_differ
from .scores.scorer import TEST
from .shared_files import take_prepared
from .stopwatch import Stopwatch

MakeEvaluator = Callable[[Callable[[DeviceProfile], Target]], TaskEvaluator]
"""Makes the evaluator of the task here, given what artefacts are built for."""


class RetargetedEvaluator:
    """Times the candidates of another run on this device; their scores, and their files while there are any, are kept.

    Artefacts are built for the device that the other run was made on, so that they are the same files. Where this
    device computes int8 otherwise, what is quantised is built for it, and made and scored anew. In another runtime, or
    another version or precision of one that is not exact, everything is: accuracy is the runtime's. Where a run has
    searched several, that goes for each of them; a policy's runtime is the same one there and here, whatever the order
    in which each has them.

    Args:
        make: makes the evaluator that does the rest.
        reused: the scores.
        on_phase: told where the arithmetic is another one.
    """

    def __init__(
        self, make: MakeEvaluator, reused: ReusedScores, on_phase: Callable[[str], None] = lambda _: None
    ) -> None:
        self._reused = reused
        self._other_arithmetic = False
        self._otherwise: list[str] = []
        self._names: dict[str, str] = {}
        self._there = reused.profile

        def built_for(here: DeviceProfile) -> Target:
            target, built = target_of(here), target_of(reused.profile)
            self._other_arithmetic = replace(built, vector_width=target.vector_width) != target
            found = counterparts(reused.profile.choices, here.choices)
            self._names = {name: there for there, name in reversed(found.items())}
            self._otherwise = [name for name in here.choices if self._scores_differ(here, name)]
            self._there = _as_called(reused.profile, here, self._names)
            if self._otherwise:
                there, anew = (" and ".join(profile.all_run_on) for profile in (reused.profile, here))
                on_phase(f"the run was scored in {there}: what runs otherwise is made and scored anew in {anew}")
            elif self._other_arithmetic:
                on_phase(
                    "this device needs other int8 than the run was built for: what is quantised is made and scored anew"
                )
            return replace(target, vector_width=built.vector_width)

        self._inner = make(built_for)

    @property
    def builder(self) -> Builder:
        return self._inner.builder

    @property
    def space(self) -> SearchSpace:
        return self._inner.space

    @property
    def traced(self) -> Traced:
        """The uncompressed network."""
        return self._inner.traced

    @property
    def layers(self) -> Mapping[str, Layer]:
        return self._inner.layers

    @property
    def bases(self) -> list[Policy]:
        return self._inner.bases

    @property
    def environment(self) -> Mapping[str, Any]:
        built = {} if self._other_arithmetic or self._otherwise else {BUILT_FOR: self._there.to_json()}
        return {"scores_of": self._reused.run, **built, **self._inner.environment}

    def baseline(self, artifacts: Path) -> Candidate:
        if self._reused.artifacts is not None:
            take_prepared(self._reused.artifacts, artifacts)
        return self._inner.baseline(artifacts, self._scores(Policy()))

    def join(self, artifacts: Path, measured: Candidate) -> None:
        """As :meth:`TaskEvaluator.join`."""
        self._inner.join(artifacts, measured, self._scores(Policy()))

    def evaluate(self, policy: Policy, artifact: Path, rivals: Front | None = None) -> Candidate:
        """The file of the other run as it was scored, or made anew, timed on this device; else as any other policy."""
        scores, there = self._scores(policy), renamed_runtime(policy, self._names)
        weights = None if there is None else self._reused.weights(there)
        if scores is None:
            return self._anew(policy, weights, artifact, rivals)
        watch = Stopwatch()
        self._inner.prepare()
        self._inner.clock.take_readings()
        made = self._reused.copy(policy, artifact) if policy == there else None
        if made is None and weights is not None:
            return self._anew(policy, weights, artifact, rivals)
        if made is None:
            made = self._inner.builder.build(policy, artifact, watch, rivals).candidate
            made = replace(made, notes=(*made.notes, *self._rebuilt(made)))
        elif rivals is not None:
            refuse_beyond_budget(made, rivals)
        known = {**made.metrics, **scores, **self._inner.peak(artifact, watch)}
        standing = Standing(rivals, looks=0, scored=True) if rivals is not None and self._inner.racing else None
        looks = self._inner.clock.looks(policy, artifact)
        return self._inner.timed(stopped_or_whole(made, time_only(known, looks, standing, watch), watch), watch)

    def _anew(self, policy: Policy, weights: Path | None, artifact: Path, rivals: Front | None) -> Candidate:
        """Made, scored and timed here; of one that was trained in the other run with the weights from there."""
        if weights is None or not weights.is_file():
            return self._inner.evaluate(policy, artifact, rivals)
        return self._inner.evaluate_trained(policy, weights, artifact)

    def evaluate_trained(
        self, policy: Policy, weights: Path, artifact: Path, like: Candidate | None = None
    ) -> Candidate:
        return self._inner.evaluate_trained(policy, weights, artifact, like)

    def gain(self, candidate: Candidate, over: Candidate) -> Measurement:
        return self._inner.gain(candidate, over)

    def glimpse(self, net: fx.GraphModule) -> float | None:
        return self._inner.glimpse(net)

    def probe_divergence(self, policy: Policy) -> float:
        return self._inner.probe_divergence(policy)

    def probe_costs(self, policy: Policy, artifact: Path, keys: Collection[str]) -> Mapping[str, float]:
        return self._inner.probe_costs(policy, artifact, keys)

    def probe_work(self, policy: Policy, keys: Collection[str]) -> Mapping[str, dict[str, float]]:
        return self._inner.probe_work(policy, keys)

    def finalise(self, candidate: Candidate) -> Candidate:
        return self._inner.finalise(candidate, self._scores(candidate.policy, TEST))

    def close(self) -> None:
        self._inner.close()

    def _scores(self, policy: Policy, prefix: str = "") -> dict[str, Measurement] | None:
        """What the other run knows; nothing of what runs in an arithmetic that is another one on this device."""
        if runtime_in(policy) in self._otherwise:
            return None
        if self._other_arithmetic and self._inner.builder.runs_quantised(policy):
            return None
        there = renamed_runtime(policy, self._names)
        return None if there is None else self._reused.scores(there, prefix)

    def _scores_differ(self, here: DeviceProfile, name: str) -> bool:
        """Whether what runs in a runtime of this device is scored otherwise; of one that the other lacks nothing is
        known."""
        there = self._names.get(name)
        return there is None or scores_differ(self._reused.profile.in_choice(there), here.in_choice(name))

    def _rebuilt(self, made: Candidate) -> tuple[str, ...]:
        """A note where this is not byte for byte the file that was scored, but for what that says it is for."""
        there = renamed_runtime(made.policy, self._names)
        if there is None or there != made.policy:
            return ()
        same = self._reused.candidates[there.digest].sha256 == made.sha256
        return () if same else ("rebuilt: other bytes than the file that was scored",)


def _as_called(there: DeviceProfile, here: DeviceProfile, names: Mapping[str, str]) -> DeviceProfile:
    """A device with its runtimes in the order and by the names of another one; as it is where that has more."""
    if not here.choices.keys() <= names.keys():
        return there
    others = {name: there.in_choice(names[name]) for name in here.choices if name}
    return there.in_choice(names[""]).beside(others)
