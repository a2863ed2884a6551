"""The section ``recover`` of a run's config: who is trained, for how long, and how."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from ...compressors.recovery.recipe import Recipe, check_losses
from ...spaces.errors import ConfigError
from .run_config import typed_keys

BATCH, FEW_BATCH = 128, 64
"""Samples in a step: of a training split, and of the calibration samples."""


@dataclass(frozen=True)
class RecoverSettings:
    """How the front is recovered; what the keys mean stands in :class:`parefront.config.models.RecoverConfig`."""

    when: str = "none"
    minutes: float | None = None
    steps: int | None = None
    where: tuple[str, ...] = ()
    data: str = "auto"
    threads: int | None = None
    rate: float | None = None
    precision: str = "auto"
    losses: Mapping[str, float] = field(default_factory=lambda: {"mse": 1.0})
    optimiser: Literal["sgd", "adamw"] = "sgd"
    norms: bool = True
    batch: int | None = None
    augment: tuple[str, ...] | None = None

    @classmethod
    def of(cls, section: Mapping[str, Any]) -> RecoverSettings:
        """The section; what is missing or null has its default, unknown keys are left out.

        Raises:
            ConfigError: for a value of another type.
        """
        given = typed_keys("recover", section, _TYPES)
        lists = {key: tuple(map(str, value)) for key, value in given.items() if isinstance(value, list)}
        settings = cls(**{**given, **lists})
        if settings.optimiser not in ("sgd", "adamw"):
            raise ConfigError(f"recover.optimiser: expected sgd or adamw, got {settings.optimiser!r}")
        if settings.when != "none" and (settings.minutes is None) == (settings.steps is None):
            raise ConfigError("recover: expected either minutes, for the whole front, or steps, of each member")
        check_losses(settings.losses)
        return settings

    @property
    def wanted(self) -> bool:
        return self.when != "none"

    def recipe(self, few: bool) -> Recipe:
        """How to train.

        Args:
            few: whether there are no more than the calibration samples, of which smaller batches make more steps.
        """
        return Recipe(
            losses=dict(self.losses),
            optimiser=self.optimiser,
            norms=self.norms,
            batch=self.batch or (FEW_BATCH if few else BATCH),
            augment=self.augment,
        )


_TYPES: dict[str, tuple[Any, str]] = {
    "when": (str, "text"),
    "minutes": (int | float, "a number"),
    "steps": (int, "a whole number"),
    "where": (list, "a list of texts"),
    "data": (str, "text"),
    "threads": (int, "a whole number"),
    "rate": (int | float, "a number"),
    "precision": (str, "text"),
    "losses": (Mapping, "a mapping"),
    "optimiser": (str, "text"),
    "norms": (bool, "true or false"),
    "batch": (int, "a whole number"),
    "augment": (list, "a list of texts"),
}
