"""The section ``recover`` of a run's config: who is trained, for how long, and how."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from ...compressors.recovery.recipe import SLIMMING, SPARSITIES, Recipe, check_losses, check_penalties
from ...spaces.errors import ConfigError
from .run_config import typed_keys

BATCH, FEW_BATCH = 128, 64
"""Samples in a step: of a training split, and of the calibration samples."""

SHARE = re.compile(r"(?=.*[1-9])(\d+\.?\d*|\.\d+)x")
"""Of the learning rate that would be chosen: ``0.1x``."""

INTEGERS_UP_TO: dict[str | bool, int] = {False: 0, "auto": 4, True: 8}
"""The bits of weights up to which a network is trained as its file holds it: rounding to more costs next to nothing."""


@dataclass(frozen=True)
class RecoverSettings:
    """How the front is recovered; what the keys mean stands in :class:`parefront.config.models.RecoverConfig`."""

    when: str = "none"
    minutes: float | None = None
    steps: int | None = None
    where: tuple[str, ...] = ()
    data: str = "auto"
    threads: int | None = None
    rate: float | str | None = None
    precision: str = "auto"
    losses: Mapping[str, float] | None = None
    places: Literal["last", "stages"] = "last"
    optimiser: Literal["sgd", "adamw"] = "sgd"
    norms: bool = True
    batch: int | None = None
    augment: tuple[str, ...] | None = None
    ema: float | None = None
    teachers: tuple[str, ...] = ()
    teacher_weights: Literal["mean", "confidence"] = "mean"
    quantised: str | bool = "auto"
    repair: str | None = None
    penalties: Mapping[str, float] | None = None
    take: str | None = None
    sparsity: Literal["after", "once", "cubic"] = "cubic"

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
        if settings.teacher_weights not in ("mean", "confidence"):
            raise ConfigError(f"recover.teacher_weights: expected mean or confidence, got {settings.teacher_weights!r}")
        if settings.ema is not None and not 0 < settings.ema < 1:
            raise ConfigError(f"recover.ema: expected a number between 0 and 1, such as 0.99, got {settings.ema}")
        if settings.quantised not in INTEGERS_UP_TO:
            raise ConfigError(f"recover.quantised: expected auto, true or false, got {settings.quantised!r}")
        if isinstance(settings.rate, str) and not SHARE.fullmatch(settings.rate):
            raise ConfigError(f"recover.rate: expected a number, or a share such as 0.1x, got {settings.rate!r}")
        if settings.losses is not None:
            check_losses(settings.losses)
        check_penalties(settings.penalties or ())
        if SLIMMING in (settings.penalties or ()) and not settings.norms:
            raise ConfigError("recover.penalties: slimming is of the scales of norms; leave out norms: false")
        if settings.take not in (None, "better", "always"):
            raise ConfigError(f"recover.take: expected better or always, got {settings.take!r}")
        if settings.sparsity not in SPARSITIES:
            raise ConfigError(f"recover.sparsity: expected after, once or cubic, got {settings.sparsity!r}")
        if settings.places not in ("last", "stages"):
            raise ConfigError(f"recover.places: expected last or stages, got {settings.places!r}")
        if settings.repair is None and settings.steps == 0:
            raise ConfigError("recover.steps: with 0 of them nothing is done unless recover.repair names a repair")
        return settings

    @property
    def takes_all(self) -> bool:
        """Whether the whole front is trained, and what comes of it taken, better or not.

        By default where there are penalties: what they prepare for pruning is seldom better before it.
        """
        return self.take == "always" or (self.take is None and bool(self.penalties))

    @property
    def wanted(self) -> bool:
        return self.when != "none"

    def rate_near(self, chosen: float) -> float:
        """The greatest learning rate, where ``chosen`` is what it would be by itself."""
        if isinstance(self.rate, str):
            return float(self.rate.removesuffix("x")) * chosen
        return chosen if self.rate is None else float(self.rate)

    def recipe(self, few: bool) -> Recipe:
        """How to train.

        Args:
            few: whether there are no more than the calibration samples, of which smaller batches make more steps.
        """
        return Recipe(
            losses=dict(self.losses or {}),
            places=self.places,
            optimiser=self.optimiser,
            norms=self.norms,
            batch=self.batch or (FEW_BATCH if few else BATCH),
            augment=self.augment,
            ema=self.ema,
            teachers=self.teachers,
            teacher_weights=self.teacher_weights,
            integers_up_to=INTEGERS_UP_TO[self.quantised],
            repair=self.repair,
            penalties=dict(self.penalties or {}),
            sparsity=self.sparsity,
        )


_TYPES: dict[str, tuple[Any, str]] = {
    "when": (str, "text"),
    "minutes": (int | float, "a number"),
    "steps": (int, "a whole number"),
    "where": (list, "a list of texts"),
    "data": (str, "text"),
    "threads": (int, "a whole number"),
    "rate": (int | float | str, "a number, or a share such as 0.1x"),
    "precision": (str, "text"),
    "losses": (Mapping, "a mapping"),
    "places": (str, "text"),
    "optimiser": (str, "text"),
    "norms": (bool, "true or false"),
    "batch": (int, "a whole number"),
    "augment": (list, "a list of texts"),
    "ema": (int | float, "a number"),
    "teachers": (list, "a list of texts"),
    "teacher_weights": (str, "text"),
    "quantised": (bool | str, "auto, true or false"),
    "repair": (str, "text"),
    "penalties": (Mapping, "a mapping"),
    "take": (str, "text"),
    "sparsity": (str, "text"),
}
