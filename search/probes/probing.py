"""Probes: what every knob does alone, measured before the first trial and far more cheaply than by trials."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TypeVar

import numpy as np

from ...evaluators.device.errors import DeviceError, DeviceUnreachable
from ...evaluators.results.errors import EveryTrialFailed
from ...evaluators.results.metric import is_timed
from ...evaluators.results.metrics import Named, metric_key
from ...evaluators.trial.evaluator import Evaluator
from ...spaces.errors import Infeasible, ParefrontError, is_of_the_host
from ...spaces.knob import Choice, Knob
from ...spaces.network.graph import Layer
from ...spaces.policy import Policy
from ...spaces.runtime_knob import in_order
from ...spaces.space import SearchSpace
from ..runs.stores.probe_store import ProbeStore
from ..surrogate.sensitivity import Sensitivity
from .probe_plan import Change, cost_changes, loss_changes

LOSS_PROBES = 1.5
"""At most so many probes of losses for each trial of the search, and"""
COST_PROBES = 0.35
"""so many of costs. One of a loss takes a tenth of a trial's time, or less; one of costs a third."""
FLOOR = 1e-7
UNKNOWN = 10.0
"""A knob that no probe could change is taken to lose so many times what others of its compressor lose at the most."""
LOSS_PER_DIVERGENCE = 1.5
"""Shares of the uncompressed model's cost that one nat of divergence is as dear as, when the base is chosen."""

MOST_TO_END = 100.0
"""A strongest choice that was not probed is taken to lose at most so many times what a milder one does."""

OnProbe = Callable[[int, int], None]
OnFailure = Callable[[Policy, Exception], None]
Found = TypeVar("Found")


class Prober:
    """Measures the sensitivities of a search, or reads what earlier sessions have measured.

    Losses: the divergence of the outputs when one knob alone leaves its neutral choice, on a few images (ModelOpt's
    ``auto_quantize`` estimates it from gradients; here every knob is truly changed, which costs a forward pass and
    holds for every method); outputs are torch's, so that a runtime has none. Costs: structurally equal knobs are
    changed together on top of the base, and the saving is divided among them by their layers' multiply-accumulates.
    Choices between those measured are interpolated, but for runtimes, which have no order; losses never fall along a
    knob. Savings are left as they were measured: more channels can be faster than fewer.

    Args:
        evaluator: measures.
        store: where results are kept.
        folder: for artefacts, each deleted once it is measured.
        costs: the cost objectives (and those of budgets on costs).
        trials: of the search; the number of probes goes by it.
        on_probe: told how many of how many are done, while there are any to take.
        on_failure: told of what a probe has raised, which then counts as one without a model; may raise it.
    """

    def __init__(
        self,
        evaluator: Evaluator,
        store: ProbeStore,
        folder: Path,
        costs: Sequence[Named],
        trials: int,
        on_probe: OnProbe = lambda done, total: None,
        on_failure: OnFailure = lambda policy, error: None,
    ) -> None:
        self._evaluator, self._store, self._folder = evaluator, store, folder
        self._keys = tuple(dict.fromkeys(metric_key(name) for name in costs))
        self._trials, self._on_probe, self._on_failure = trials, on_probe, on_failure
        self._space: SearchSpace = evaluator.space
        self._layers: Mapping[str, Layer] = evaluator.layers
        self._failed: set[str] = set()

    def measure(self) -> Sensitivity:
        """All probes that are not in the store yet, and what they tell."""
        spent = self._store.seconds
        if any(policy.digest not in self._store.costs for policy in self._bases):
            self._on_probe(0, 0)
        base = self._best_base()
        chosen = self._space.encode(base)
        losses = loss_changes(self._space, chosen, max(1, int(LOSS_PROBES * self._trials)))
        costs = cost_changes(self._space, chosen, self._layers, max(1, int(COST_PROBES * self._trials)))
        total = len(losses) + len(costs)
        lost: list[tuple[Change, float]] = []
        started = (self.divergence(self._space.start) if self._space.start else None) or 0.0
        for done, change in enumerate(losses):
            policy = self._space.decode(change.params)
            if policy.digest not in self._store.divergences:
                self._on_probe(done, total)
            value = self.divergence(policy)
            if value is not None:
                lost.append((change, value - started))
        base_costs = self.costs(base)
        if base_costs is None:
            raise EveryTrialFailed("the costs of the uncompressed model could not be measured; the run's log says why")
        saved: list[tuple[Change, Change, dict[str, float]]] = []
        for done, change in enumerate(costs, start=len(losses)):
            if self._space.decode({**chosen, **change.params}).digest not in self._store.costs:
                self._on_probe(done, total)
            found = self._largest_with_a_model(chosen, change)
            if found is not None:
                part, values = found
                saved += [(change, part, {key: base_costs[key] - values[key] for key in self._keys})]
        work = self._work_of(base)
        if self._store.seconds > spent:
            self._on_probe(total, total)
        return Sensitivity(
            self._space,
            chosen,
            _losses(self._space, lost),
            base_costs,
            {key: self._savings(chosen, [(c, p, v[key]) for c, p, v in saved]) for key in self._keys},
            work,
        )

    def divergence(self, policy: Policy) -> float | None:
        """How far a policy moves the outputs; None where it has no model."""
        held = self._store.divergences
        if policy.digest not in held:
            started = time.perf_counter()
            found, value = self._try(policy, lambda: self._evaluator.probe_divergence(policy))
            if not found:
                return None
            finite = value is not None and np.isfinite(value)
            self._store.add_divergence(policy, value if finite else None, time.perf_counter() - started)
        return held[policy.digest]

    def costs(self, policy: Policy) -> dict[str, float] | None:
        """The shares of the uncompressed model's costs that a policy takes; None where it has no model."""
        held = self._store.costs
        known = held.get(policy.digest, {})
        if known is not None and not set(self._keys) <= known.keys():
            started = time.perf_counter()
            artifact = self._folder / f"probe-{policy.digest}.onnx"
            try:
                found, values = self._try(
                    policy, lambda: dict(self._evaluator.probe_costs(policy, artifact, self._keys))
                )
            finally:
                artifact.unlink(missing_ok=True)
            if not found:
                return None
            self._store.add_costs(policy, values, time.perf_counter() - started)
        known = held[policy.digest]
        return None if known is None else {key: known[key] for key in self._keys}

    def _work_of(self, policy: Policy) -> dict[str, dict[str, float]]:
        """What each layer takes of a policy's costs, of those of which that can be told."""
        held = self._store.work.get(policy.digest, {})
        missing = [key for key in self._keys if is_timed(key) and key not in held]
        if missing:
            started = time.perf_counter()
            found, shares = self._try(policy, lambda: dict(self._evaluator.probe_work(policy, missing)))
            if found:
                held = {**held, **{key: {} for key in missing}, **(shares or {})}
                self._store.add_work(policy, held, time.perf_counter() - started)
        return {key: held[key] for key in self._keys if held.get(key)}

    def _try(self, policy: Policy, measure: Callable[[], Found]) -> tuple[bool, Found | None]:
        """Whether there is something to keep, and what: None for a policy without a model, or one the device died of.

        Like a trial, a probe may fail. Of other failures nothing is kept: the next session tries again.
        """
        if policy.digest in self._failed:
            return False, None
        try:
            return True, measure()
        except Infeasible:
            return True, None
        except (ParefrontError, DeviceUnreachable):
            raise
        except Exception as error:
            if is_of_the_host(error):
                raise
            self._on_failure(policy, error)
            self._failed.add(policy.digest)
            return isinstance(error, DeviceError), None

    def least_measured(self, key: str) -> float:
        """The least share of a cost that any probe has found."""
        found = [values[key] for values in self._store.costs.values() if values is not None and key in values]
        return min(found, default=1.0)

    def _largest_with_a_model(
        self, base: Mapping[str, Choice], change: Change
    ) -> tuple[Change, dict[str, float]] | None:
        """The change and its costs, or of its first half, quarter … where all of it together has no model."""
        while (values := self.costs(self._space.decode({**base, **change.params}))) is None:
            half = len(change.knobs) // 2
            if not half:
                return None
            change = Change(change.knobs[:half], change.choices[:half])
        return change, values

    @property
    def _bases(self) -> list[Policy]:
        return list(dict.fromkeys([self._space.start, *self._evaluator.bases]))

    def _best_base(self) -> Policy:
        """Of the uncompressed model and all of it in other arithmetic the best, a nat being as dear as 1.5 models."""

        def price(policy: Policy) -> float:
            costs, moved = self.costs(policy), self.divergence(policy)
            if costs is None or moved is None:
                return float("inf")
            return float(np.mean(list(costs.values()))) + LOSS_PER_DIVERGENCE * moved

        return min(self._bases, key=price)

    def _savings(
        self, base: Mapping[str, Choice], measured: Sequence[tuple[Change, Change, float]]
    ) -> dict[str, tuple[float, ...]]:
        """By knob and choice, from changes and the parts of them that were measured; zero where nothing was."""
        known: dict[str, dict[Choice, float]] = {knob.name: {base[knob.name]: 0.0} for knob in self._space}
        for whole, change, saving in measured:
            each = saving / sum(self._work(knob) for knob in change.knobs)
            for knob, choice in zip(whole.knobs, whole.choices, strict=True):
                known[knob.name][choice] = each * self._work(knob)
        return {knob.name: _interpolated(knob, known[knob.name]) for knob in self._space}

    def _work(self, knob: Knob) -> float:
        """Multiply-accumulates of a knob's layers; at least one."""
        return 1.0 + sum(self._layers[name].macs for name in knob.layers if name in self._layers)


def _losses(space: SearchSpace, measured: Sequence[tuple[Change, float]]) -> dict[str, tuple[float, ...]]:
    """By knob, the divergence of each choice; of knobs changed together each has an equal part.

    Where a knob's strongest choice was not measured, its ratio to the middle one is taken from those of its compressor
    that were.
    """
    known: dict[str, dict[Choice, float]] = {knob.name: {} for knob in space}
    for change, value in measured:
        for name, choice in change.params.items():
            known[name][choice] = max(value, 0.0) / len(change.knobs)
    ratios: dict[str, list[float]] = {}
    strongest: dict[str, list[float]] = {}
    for knob in space:
        held = known[knob.name]
        if held:
            strongest.setdefault(knob.compressor, []).append(max(held.values()))
        if len(held) > 1 and knob.choices[-1] in held:
            ratios.setdefault(knob.compressor, []).append(held[knob.choices[-1]] / max(FLOOR, min(held.values())))
    losses = {knob.name: (0.0,) * len(knob.choices) for knob in space if not in_order(knob)}
    for knob in filter(in_order, space):
        held, end = known[knob.name], knob.choices[-1]
        if not held:
            held[end] = UNKNOWN * float(np.median(strongest.get(knob.compressor, [1.0])))
        elif end not in held:
            held[end] = max(1.0, min(MOST_TO_END, float(np.median(ratios.get(knob.compressor, [4.0]))))) * max(
                held.values()
            )
        held[knob.start] = 0.0
        losses[knob.name] = _never_falling(knob, _interpolated(knob, held, root=True))
    return losses


def _interpolated(knob: Knob, known: Mapping[Choice, float], root: bool = False) -> tuple[float, ...]:
    """Values for all choices from those that are known, in a straight line (of the square roots) between places; zero
    for what is not known where there are no places in between."""
    if not in_order(knob):
        return tuple(known.get(choice, 0.0) for choice in knob.choices)
    places = sorted(knob.choices.index(choice) for choice in known)
    values = np.array([known[knob.choices[place]] for place in places])
    line = np.interp(range(len(knob.choices)), places, np.sqrt(values) if root else values)
    return tuple(float(value) for value in (line**2 if root else line))


def _never_falling(knob: Knob, values: Sequence[float]) -> tuple[float, ...]:
    """Values that do not fall with the distance from the neutral choice, to either side."""
    place = knob.choices.index(knob.start)
    before = np.maximum.accumulate(np.array(values[: place + 1])[::-1])[::-1]
    return (*(float(v) for v in before[:-1]), *(float(v) for v in np.maximum.accumulate(np.array(values[place:]))))
