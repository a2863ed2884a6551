"""What a search knows before its first trial: the probes of its run, and whether its budgets can be met at all."""

from __future__ import annotations

import time
from collections import Counter

from ..evaluators import Measurement
from ..spaces import ConfigError, Policy
from .budget import Budget
from .candidate import Candidate, Evaluator
from .errors import NoCandidate
from .events import OnEvent, Probing
from .knapsack import Knapsack
from .metrics import higher_is_better, metric_key
from .probe_store import ProbeStore
from .probing import Prober
from .run import Run
from .sensitivity import Sensitivity

SPARE = 1.02
"""Probes are short measurements: a budget is called out of reach only where the least is above it by more than this."""


class Lookahead:
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
            ConfigError: where the run to start from is of another model or other methods.
        """
        if self._held is None:
            started = time.perf_counter()
            settings = self._run.settings
            store = ProbeStore(self._run.path)
            if settings.warm_start and not store.divergences:
                self._take_over(store, settings.warm_start)
            names = [name for name in settings.objectives if not higher_is_better(name)]
            names += [budget.metric for budget in settings.budgets if budget.at_most]
            folder, trials = self._run.path / "artifacts", settings.trials
            prober = Prober(
                self._evaluator, store, folder, names, trials, lambda done, total: self._emit(Probing(done, total))
            )
            held = prober.measure()
            self._run.log(f"probes: {len(store.divergences)} losses, {len(store.costs)} costs, {store.seconds:.1f} s")
            for budget in settings.budgets:
                if budget.at_most:
                    self._refuse_out_of_reach(budget, held, prober)
            self._held = held
            self.seconds = time.perf_counter() - started
        return self._held

    def _take_over(self, store: ProbeStore, name: str) -> None:
        other = Run.open(name, self._run.path.parent)
        here, there = self._run.environment, other.environment
        for what, mine, its in (
            ("another model", here.get("model_sha256"), there.get("model_sha256")),
            ("other methods", self._run.config.get("compress"), other.config.get("compress")),
        ):
            if mine != its:
                raise ConfigError(f"search.warm_start: run {other.name} is of {what}; its probes tell nothing here")
        store.take_over(ProbeStore(other.path), costs=here.get("device") == there.get("device"))

    def _refuse_out_of_reach(self, budget: Budget, sensitivity: Sensitivity, prober: Prober) -> None:
        """Measure what the model takes for the cheapest policy, and everything at its end, before saying so."""
        key, bound = metric_key(budget.metric), budget.share_of(self._baseline)
        row = Knapsack(sensitivity).least_cost(key)
        cheapest = self._evaluator.space.decode(sensitivity.params(row))
        if float(sensitivity.expected_cost(key, row[None])[0]) < bound / 2:
            return
        ends = self._evaluator.space.decode({knob.name: knob.choices[-1] for knob in self._evaluator.space})
        found = {policy: costs[key] for policy in (cheapest, ends) if (costs := prober.costs(policy)) is not None}
        if not found or min(found.values()) <= SPARE * bound:
            return
        policy = min(found, key=lambda p: found[p])
        metric = Measurement.exact(found[policy], "x")
        raise NoCandidate(
            f"{budget} cannot be met: the least that this space reaches is {budget.metric} {metric.value:.3g}x "
            f"of the uncompressed model's (needs {bound:.3g}x); at their end there: {self._at_their_end(policy)}",
            binding=(budget.text,),
        )

    def _at_their_end(self, policy: Policy) -> str:
        """``prune_channels 27 of 27, …``: how many knobs of each method have no stronger choice left."""
        space = self._evaluator.space
        total = Counter(knob.compressor for knob in space)
        last = Counter(space[name].compressor for name, choice in policy.items() if choice == space[name].choices[-1])
        return ", ".join(f"{name} {last[name]} of {count}" for name, count in sorted(total.items()))
