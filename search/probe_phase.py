"""What a search knows before its first trial: the probes of its run, and whether its budgets can be met at all."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator

import numpy as np

from ..evaluators.results.budget import Budget
from ..evaluators.results.candidate import Candidate
from ..evaluators.results.errors import NoCandidate
from ..evaluators.results.metrics import whole_of
from ..evaluators.trial.evaluator import Evaluator
from ..spaces.errors import ConfigError
from ..spaces.policy import Policy
from .finalise import make_sure_of_device
from .probes.probing import Prober
from .runs.events import OnEvent, Probed, Probing
from .runs.identity.devices import device_differences, profiles
from .runs.run import Run
from .runs.stores.probe_store import ProbeStore
from .surrogate.dominated_choices import unpaying
from .surrogate.knapsack import Knapsack
from .surrogate.sensitivity import Indices, Sensitivity

PROBED = ("calibration", "search")
"""The splits that probes depend on."""
ATTEMPTS = 8
"""Policies that are tried, from the cheapest on, until one has a model."""


class ProbePhase:
    """Probes once a run, when a sampler first asks.

    Attributes:
        seconds: that this took in this session; what is in the store already takes none.

    Args:
        run: where probes are kept; its settings may name another run to take them over from.
        evaluator: measures.
        baseline: the uncompressed model.
        emit: told of progress.
    """

    def __init__(self, run: Run, evaluator: Evaluator, baseline: Candidate, emit: OnEvent) -> None:
        self._run, self._evaluator, self._baseline, self._emit = run, evaluator, baseline, emit
        self._held: Sensitivity | None = None
        self.seconds = 0.0

    def sensitivity(self) -> Sensitivity:
        """What every knob does alone.

        Raises:
            NoCandidate: where a budget on a cost is out of reach: what the least is, and which knobs are at their end.
                Judged before the first trial alone: a run with trials goes on.
            EveryTrialFailed: where the costs of the uncompressed model cannot be measured.
            ConfigError: where the run to start from is of another model or other methods.
        """
        if self._held is None:
            started = time.perf_counter()
            self._held = self._look()
            self.seconds = time.perf_counter() - started
        return self._held

    def _look(self) -> Sensitivity:
        settings = self._run.settings
        store = ProbeStore(self._run.path)
        if settings.warm_start and not store.divergences:
            self._take_over(store, settings.warm_start)
        costs = [metric for metric in settings.searched if not metric.is_quality]
        costs += [budget.metric for budget in settings.budgets if budget.is_cost]
        folder, trials = self._run.path / "artifacts", settings.trials
        prober = Prober(
            self._evaluator,
            store,
            folder,
            costs,
            trials,
            on_probe=lambda done, total: self._emit(Probing(done, total)),
            on_failure=self._note,
        )
        held = prober.measure()
        self._run.log(f"probes: {len(store.divergences)} losses, {len(store.costs)} costs, {store.seconds:.1f} s")
        never = tuple(map(str, unpaying(held)))
        if never:
            self._run.log(f"never pays on this device: {'; '.join(never)}")
        self._emit(Probed(never))
        for budget in settings.budgets if not self._run.trials else ():
            if budget.is_cost:
                self._refuse_out_of_reach(budget, held, prober)
        return held

    def _note(self, policy: Policy, error: Exception) -> None:
        """Log what a probe has raised; raise it where it is the device that is at fault."""
        make_sure_of_device(self._run, self._evaluator, error)
        self._run.log(f"the probe of {dict(policy)} failed: {error}")

    def _take_over(self, store: ProbeStore, name: str) -> None:
        other = Run.open(name, self._run.root)
        here, there = self._run.environment, other.environment
        for what, mine, its in (
            ("another model", here.get("model_sha256"), there.get("model_sha256")),
            ("other methods", self._run.made_with.compress, other.made_with.compress),
        ):
            if mine != its:
                raise ConfigError(f"search.warm_start: run {other.name} is of {what}; its probes tell nothing here")
        mine, its = self._run.fingerprint, other.fingerprint
        found = its.differences(mine, PROBED, metric=False) if mine is not None and its is not None else []
        if found:
            what = "; ".join(found)
            raise ConfigError(
                f"search.warm_start: run {other.name} is of another task: {what}; its probes tell nothing"
            )
        store.take_over(ProbeStore(other.path), costs=_measured_alike(self._run, other))

    def _refuse_out_of_reach(self, budget: Budget, sensitivity: Sensitivity, prober: Prober) -> None:
        """Measure what the model takes for the cheapest policy, and everything at its end, before saying so.

        The cheaper of them is measured once more, as a trial is, and refused by its lower bound.
        """
        key, bound = budget.metric.key, budget.share_of(self._baseline)
        if prober.least_measured(key) <= bound:
            return
        space, row = self._evaluator.space, Knapsack(sensitivity).least_cost(key)
        ends = space.decode({knob.name: knob.choices[-1] for knob in space})
        cheapest = next((p for p in self._from_the_cheapest(sensitivity, row) if prober.costs(p) is not None), None)
        if cheapest is None:
            return
        found = {policy: costs[key] for policy in (cheapest, ends) if (costs := prober.costs(policy)) is not None}
        if min(found.values()) <= bound:
            return
        policy = min(found, key=lambda p: found[p])
        artifact = self._run.path / "artifacts" / f"probe-{policy.digest}.onnx"
        try:
            measured = self._evaluator.evaluate(policy, artifact).metrics[key]
        finally:
            artifact.unlink(missing_ok=True)
        least = measured.low / whole_of(self._baseline, key)
        if least <= bound:
            return
        raise NoCandidate(
            f"{budget} cannot be met: the least that was found is {budget.metric.name} {least:.3g}x of the "
            f"uncompressed model's (needs {bound:.3g}x); at their end there: {self._at_their_end(policy)}",
            binding=(budget.text,),
        )

    def _from_the_cheapest(self, sensitivity: Sensitivity, row: Indices) -> Iterator[Policy]:
        """The cheapest policy, and what it becomes when the knobs that lose most go back to the base, one by one."""
        base, row = sensitivity.indices([sensitivity.base])[0], row.copy()
        for _ in range(ATTEMPTS):
            yield self._evaluator.space.decode(sensitivity.params(row))
            worst = int(np.where(row != base, sensitivity.losses(row[None])[0], -1.0).argmax())
            row[worst] = base[worst]

    def _at_their_end(self, policy: Policy) -> str:
        """``prune_channels 27 of 27, …``: how many knobs of each method have no stronger choice left."""
        space = self._evaluator.space
        total = Counter(knob.compressor for knob in space)
        last = Counter(space[name].compressor for name, choice in policy.items() if choice == space[name].choices[-1])
        return ", ".join(f"{name} {last[name]} of {count}" for name, count in sorted(total.items()))


def _measured_alike(one: Run, other: Run) -> bool:
    """Whether all is equal that costs depend on but model and methods: the devices, their use, how they are timed."""
    there, here = other.environment, one.environment
    if profiles(there).keys() != profiles(here).keys() or device_differences(there, here):
        return False
    return one.made_with.measuring == other.made_with.measuring
