"""A stage of a recipe as the config of a run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..config.models import Config
from ..config.recipe import SAME, RecipeConfig, StageConfig
from ..config.schema import parse_config
from ..session import IN_PYTHON, absolute

OF_THE_STAGE = ("when", "minutes", "steps", "where", "rate", "repair", "penalties", "take")
"""Keys of ``recover`` that are the stage's alone."""
OF_THE_SEARCH = ("seed", "images", "keep_artifacts")
"""Keys of ``search`` that hold for every stage."""


@dataclass(frozen=True)
class StageConfigs:
    """Makes configs of stages.

    Attributes:
        recipe: whose stages they are.
        config: what holds in all of them: the device, the samples, how is trained.
        base: the folder that the config's files are relative to.
    """

    recipe: RecipeConfig
    config: Config
    base: Path

    def check(self) -> None:
        """Raise ``ConfigError`` for the first stage that cannot be a run, before any is begun."""
        for index in range(len(self.recipe.stages)):
            self.of(index)

    def of(self, index: int, policy: Mapping[str, Any] | None = None) -> Config:
        """The config of the stage at ``index``, from 0.

        Args:
            policy: that of the stage before by compressor and target, for a stage which says ``policy: same``.

        Raises:
            ConfigError: where the stage's settings cannot be.
        """
        stage, config = self.recipe.stages[index], self.config
        mapping = {
            **config.resolved(),
            "task": IN_PYTHON if index else config.task,
            "objectives": stage.objectives or config.objectives,
            "budget": stage.budget,
            "compress": self._compress(index),
            "search": self._search(stage, policy or {}),
            "recover": self._recover(stage),
        }
        return parse_config(mapping, f"stage {stage.name}")

    def _compress(self, index: int) -> dict[str, dict[str, Any]]:
        stage = self.recipe.stages[index]
        if stage.policy == SAME:
            return self._compress(index - 1)
        return self.config.compress if stage.compress is None else stage.compress

    def _search(self, stage: StageConfig, policy: Mapping[str, Any]) -> dict[str, Any]:
        keys = self.config.search
        held = {key: getattr(keys, key) for key in OF_THE_SEARCH}
        if stage.trials is not None:
            own = {"sampler": keys.sampler, "sampler_options": keys.sampler_options, "racing": keys.racing}
            return {**held, **own, "trials": stage.trials, "final": "selected"}
        options = {"every": stage.every} if stage.every else {"policy": dict(policy)}
        return {**held, "sampler": "given", "sampler_options": options, "trials": 1, "racing": False}

    def _recover(self, stage: StageConfig) -> dict[str, Any]:
        if stage.recover.when == "none":
            return {}
        common = self.config.recover.model_dump(mode="json", exclude_unset=True)
        held = {key: value for key, value in common.items() if key not in OF_THE_STAGE}
        merged = {**held, **stage.recover.model_dump(mode="json", exclude_unset=True)}
        teachers = [absolute(spec, self.base) for spec in merged.get("teachers", [])]
        return {**merged, "teachers": teachers}
