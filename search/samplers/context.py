"""What a sampler may know of the search that it suggests policies for."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ...evaluators.results.budget import Budget
from ...evaluators.results.candidate import Candidate
from ...evaluators.results.metrics import Named
from ...evaluators.runtimes.choice import RuntimeChoice
from ...evaluators.runtimes.counterparts import Called
from ...evaluators.runtimes.runtime import DEFAULT
from ...spaces.network.graph import Layer
from ...spaces.policy import Policy
from ...spaces.space import SearchSpace
from ..runs.run_folder import RUNS
from ..surrogate.sensitivity import Sensitivity


@dataclass(frozen=True)
class SamplerContext:
    """What a sampler is made from.

    Attributes:
        seed: differs from trial to trial; the source of chance for a sampler that keeps nothing between trials.
        space: the knobs.
        objectives: the metrics, in the order of the study's values.
        budgets: told to the study as constraints.
        trials: number of different policies that will be evaluated in all.
        baseline: the uncompressed model, measured.
        search_seed: the same for all trials.
        layers: of the uncompressed model, by name.
        probe: measures what each knob does alone, far more cheaply than trials; the first call takes up to minutes,
            later ones nothing. None where the evaluator cannot.
        memory: what a sampler keeps between trials. It dies with the process, so only what can be made again from the
            seed and the study's history belongs there.
        options: of the sampler itself, by name; see :mod:`.options`.
        root: where plain names of other runs are looked up.
        runtimes: what artefacts run in, by what policies call it; ``""`` is the first one.
        first: policies that the first trials have, whatever the sampler: what readers compare a front with.
    """

    seed: int
    space: SearchSpace
    objectives: tuple[Named, ...]
    budgets: tuple[Budget, ...]
    trials: int
    baseline: Candidate
    search_seed: int = 0
    layers: Mapping[str, Layer] = field(default_factory=dict)
    probe: Callable[[], Sensitivity] | None = None
    memory: dict[str, Any] = field(default_factory=dict)
    options: Mapping[str, Any] = field(default_factory=dict)
    root: Path = Path(RUNS)
    first: tuple[Policy, ...] = ()
    runtimes: Called = field(default_factory=lambda: {"": RuntimeChoice(DEFAULT)})
