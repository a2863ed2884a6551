"""What a search is told: objectives, budgets, sampler, number of trials, seed; read from a run's resolved config."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ..spaces import ConfigError
from ..spaces.messages import kind
from .budget import Budget
from .metrics import metric_key

KEEP = ("auto", "front", "all")
KEPT_BYTES = 1e9
"""Up to which ``"auto"`` keeps what is not on the front."""


@dataclass(frozen=True)
class SearchSettings:
    """How to search.

    Attributes:
        objectives: names of two or more metrics; hypervolumes are for two or three of them.
        budgets: constraints for the sampler, and what ``Front.select`` goes by when it is given nothing else.
        sampler: a name in ``SAMPLERS``, of the entry-point group, or an import path of an Optuna sampler.
        trials: number of different policies to evaluate, infeasible and failed ones included.
        sampler_options: of the sampler itself; each sampler knows its own.
        seed: of the sampler.
        keep_artifacts: ``"front"``, ``"all"`` for every candidate's, or ``"auto"`` for as many of the others', the
            latest first, as fit in 1 GB: a run can then be measured on another device without making them anew.
        warm_start: name or path of a run whose probes are taken over.
        storage: URL of an Optuna storage; ``None`` for ``study.db`` in the run's folder.
    """

    objectives: tuple[str, ...] = ("accuracy", "latency")
    budgets: tuple[Budget, ...] = ()
    sampler: str = "auto"
    trials: int = 150
    seed: int = 0
    keep_artifacts: str = "auto"
    warm_start: str | None = None
    storage: str | None = None
    sampler_options: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        keys = [metric_key(name) for name in self.objectives]
        if len(set(keys)) < 2 or len(set(keys)) < len(keys):
            raise ConfigError(f"objectives: expected two or more different metrics, got {list(self.objectives)}")
        if self.trials < 1:
            raise ConfigError(f"search.trials: expected 1 or more, got {self.trials}")
        if self.seed < 0:
            raise ConfigError(f"search.seed: expected 0 or more, got {self.seed}")
        if self.keep_artifacts not in KEEP:
            raise ConfigError(f"search.keep_artifacts: expected one of {', '.join(KEEP)}, got {self.keep_artifacts!r}")

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> SearchSettings:
        """Read the keys ``objectives``, ``budget`` and ``search`` of a config; whatever is missing has its default.

        Raises:
            ConfigError: for a value that cannot be.
        """
        budget = config.get("budget") or ()
        texts = [budget] if isinstance(budget, str) else _texts("budget", budget)
        search = config.get("search") or {}
        if not isinstance(search, Mapping):
            raise ConfigError(f"search: expected a mapping, got {kind(search)}")
        given = {key: search[key] for key in _KINDS if search.get(key) is not None}
        for key, value in given.items():
            expected = _KINDS[key]
            if not isinstance(value, expected) or (expected is int and isinstance(value, bool)):
                raise ConfigError(f"search.{key}: expected {_NAMES[expected]}, got {value!r}")
        objectives = _texts("objectives", config.get("objectives") or cls.objectives)
        return cls(objectives=objectives, budgets=tuple(Budget.parse(text) for text in texts), **given)


_KINDS: dict[str, type] = {
    "sampler": str, "sampler_options": Mapping, "trials": int, "seed": int, "keep_artifacts": str, "warm_start": str,
    "storage": str,
}  # fmt: skip
_NAMES: dict[type, str] = {str: "text", int: "a whole number", Mapping: "a mapping"}


def _texts(key: str, value: Any) -> tuple[str, ...]:
    if not isinstance(value, list | tuple) or not all(isinstance(item, str) for item in value):
        raise ConfigError(f"{key}: expected a list of texts, got {value!r}")
    return tuple(value)
