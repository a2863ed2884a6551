"""What a search is told: objectives, budgets, sampler, number of trials, seed; read from a run's resolved config."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ...evaluators.results.budget import Budget
from ...evaluators.results.metric import ACCURACY, LATENCY, Metric
from ...evaluators.results.metrics import metric_of
from ...spaces.errors import ConfigError
from ...spaces.variables import expanded
from .run_config import RunConfig

KEEP = ("auto", "front", "all")
FINAL = ("front", "selected")
KEPT_BYTES = 1e9
"""Up to which ``"auto"`` keeps what is not on the front."""

_LONGEST_NAME = 512
"""Of a study, in Optuna's tables."""


@dataclass(frozen=True)
class SearchSettings:
    """How to search.

    Attributes:
        objectives: two or more metrics.
        budgets: constraints for the sampler, and what ``Front.select`` goes by when it is given nothing else.
        sampler: a name in ``SAMPLERS``, of the entry-point group, or an import path of an Optuna sampler.
        trials: number of different policies to evaluate, infeasible and failed ones included.
        minutes: after which no further trial begins; None for no such limit. See :class:`..stopping.Stopping`.
        patience: trials without growth of the front's hypervolume after which the search ends; None for no such limit.
        sampler_options: of the sampler itself; each sampler knows its own.
        seed: of the sampler.
        keep_artifacts: ``"front"``, ``"all"`` for every candidate's, or ``"auto"`` for as many of the others', the
            latest first, as fit in 1 GB: a run can then be measured on another device without making them anew.
        final: what is measured again at the end: the ``"front"``, or only who is ``"selected"`` by the budgets.
        warm_start: name or path of a run whose probes are taken over.
        storage_given: URL of an Optuna storage as the config has it; ``None`` for ``study.db`` in the run's folder.
        study: name of the study in ``storage``; by default that of the run. Controllers whose runs are called
            otherwise share a study by it.
        quality: the task's own metric.
    """

    objectives: tuple[Metric, ...] = (ACCURACY, LATENCY)
    budgets: tuple[Budget, ...] = ()
    sampler: str = "auto"
    trials: int = 150
    seed: int = 0
    keep_artifacts: str = "auto"
    final: str = "front"
    warm_start: str | None = None
    storage_given: str | None = None
    study: str | None = None
    sampler_options: Mapping[str, Any] = field(default_factory=dict)
    quality: Metric = ACCURACY
    minutes: float | None = None
    patience: int | None = None

    def __post_init__(self) -> None:
        keys = {metric.key for metric in self.searched}
        if len(keys) < 2 or len(keys) < len(self.objectives):
            names = [metric.name for metric in self.objectives]
            same = [metric.name for metric in self.objectives if metric.reciprocal_of]
            why = f"; {' and '.join(same)}: the latency, written the other way round" if same else ""
            raise ConfigError(f"objectives: expected two or more different metrics, got {names}{why}")
        if self.trials < 1:
            raise ConfigError(f"search.trials: expected 1 or more, got {self.trials}")
        if self.minutes is not None and not 0 < self.minutes < math.inf:
            raise ConfigError(f"search.minutes: expected a number above 0, got {self.minutes}")
        if self.patience is not None and self.patience < 1:
            raise ConfigError(f"search.patience: expected 1 or more, got {self.patience}")
        if self.study is not None and (self.storage_given is None or not 0 < len(self.study) <= _LONGEST_NAME):
            raise ConfigError(
                f"search.study: expected the name of a study in search.storage, of {_LONGEST_NAME} characters at most, "
                f"got {self.study!r}{'' if self.storage_given else ' and no search.storage'}"
            )
        if self.seed < 0:
            raise ConfigError(f"search.seed: expected 0 or more, got {self.seed}")
        if self.keep_artifacts not in KEEP:
            raise ConfigError(f"search.keep_artifacts: expected one of {', '.join(KEEP)}, got {self.keep_artifacts!r}")
        if self.final not in FINAL:
            raise ConfigError(f"search.final: expected one of {', '.join(FINAL)}, got {self.final!r}")

    @property
    def storage(self) -> str | None:
        """URL of the Optuna storage, with the environment's variables in the places of ``${NAME}``.

        Raises:
            ConfigError: where the environment lacks one.
        """
        url: str | None = expanded(self.storage_given, "search.storage")
        return url

    @property
    def searched(self) -> tuple[Metric, ...]:
        """The objectives as a search minimises or maximises them: latency in the place of its reciprocals."""
        return tuple(metric.searched for metric in self.objectives)

    @classmethod
    def from_config(cls, config: Mapping[str, Any], quality: Metric | None = ACCURACY) -> SearchSettings:
        """As :meth:`of`, from a config as it was written."""
        return cls.of(RunConfig.of(config), quality)

    @classmethod
    def of(cls, config: RunConfig, quality: Metric | None = ACCURACY) -> SearchSettings:
        """The objectives, budgets and search of a config in terms of the task's metric.

        Args:
            config: of the run.
            quality: the task's own metric, which ``accuracy`` and ``quality`` mean, too. None while no task is known:
                names that are not built in are then taken on trust, and nothing may be searched with the settings.

        Raises:
            ConfigError: for a value that cannot be.
        """
        keys = config.search
        return cls(
            objectives=tuple(metric_of(name, quality) for name in config.objectives),
            budgets=tuple(Budget.parse(text, quality) for text in config.budget),
            sampler=keys.sampler,
            trials=keys.trials,
            seed=keys.seed,
            keep_artifacts=keys.keep_artifacts,
            final=keys.final,
            warm_start=keys.warm_start,
            storage_given=keys.storage,
            study=keys.study,
            sampler_options=keys.sampler_options,
            quality=quality or ACCURACY,
            minutes=keys.minutes,
            patience=keys.patience,
        )
