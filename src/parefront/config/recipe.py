"""What a recipe may say: a list of named stages, each of which is a run that starts from what the one before left."""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

from pydantic import Field, ValidationError, model_validator

from ..spaces.errors import ConfigError
from .invalid import explain
from .models import Compressors, Positive, RecoverConfig, Section, Texts

UNCHANGED, SAME = "unchanged", "same"


class StageConfig(Section):
    """One stage of a recipe: an ordinary run, which starts from the network that the stage before it has left.

    Attributes:
        name: of the stage, and of its folder behind its number: ``1-prune``; small letters, digits and hyphens.
        does: what it is for, in words.
        compress: options by compressor name; by default those of the config.
        trials: policies to try; the one that ``budget`` selects goes on. Instead of ``every`` and ``policy``.
        objectives: of that search; by default those of the config.
        budget: of that search, such as ``"macs <= 0.6x"``, relative to the network that the stage starts from.
        every: a choice by compressor for all of its knobs, such as ``{quantize: 8}``.
        policy: ``unchanged``: the network as it is, to be trained; ``same``: what the stage before has done, on the
            network which that one started from, to be trained after it. By default ``unchanged`` where there are
            neither ``trials`` nor ``every``.
        recover: how what was chosen is trained, with the original network as the teacher; keys of the config's
            ``recover`` hold, too, but for how long and at which rate. By default it is not trained.
    """

    name: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]*$")]
    does: str = ""
    compress: Compressors | None = None
    trials: Positive | None = None
    objectives: list[str] | None = None
    budget: Texts = Field(default_factory=list)
    every: dict[str, Any] = Field(default_factory=dict)
    policy: Literal["unchanged", "same"] | None = None
    recover: RecoverConfig = RecoverConfig()

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        ways = [key for key in ("trials", "every", "policy") if getattr(self, key)]
        if len(ways) > 1:
            raise ValueError(f"stage {self.name}: expected one of trials, every and policy, got {' and '.join(ways)}")
        if self.trials is None and (self.budget or self.objectives):
            raise ValueError(f"stage {self.name}: objectives and budget are of a search; add trials")
        if self.policy == SAME and self.compress is not None:
            raise ValueError(f"stage {self.name}: policy: same takes compress of the stage before; leave it out")
        return self


class RecipeConfig(Section):
    """A recipe.

    Attributes:
        does: what it is for, in words.
        stages: in their order.
    """

    does: str = ""
    stages: Annotated[list[StageConfig], Field(min_length=1)]

    @model_validator(mode="after")
    def _follow(self) -> Self:
        names = [stage.name for stage in self.stages]
        twice = next((name for name in names if names.count(name) > 1), None)
        if twice is not None:
            raise ValueError(f"two stages are called {twice}; give each a name of its own")
        for before, stage in zip([None, *self.stages], self.stages, strict=False):
            if stage.policy != SAME:
                continue
            if before is None:
                raise ValueError(f"stage {stage.name}: policy: same needs a stage before it")
            if before.recover.when != "none" or not (before.trials or before.every):
                raise ValueError(
                    f"stage {stage.name}: policy: same needs a stage before it that chooses a policy and does not "
                    f"train it; {before.name} does otherwise"
                )
        return self


def parse_recipe(mapping: Any, source: str) -> RecipeConfig:
    """Check a mapping and make a recipe of it.

    Args:
        mapping: as read from YAML.
        source: what messages call it, e.g. ``"staged.yaml"``.

    Raises:
        ConfigError: one line that names the source, the key and what was expected.
    """
    try:
        return RecipeConfig.model_validate(mapping)
    except ValidationError as error:
        first: Any = error.errors()[0]
        of_a_stage = first["type"] == "value_error" and (not first["loc"] or isinstance(first["loc"][-1], int))
        problem = str(first["msg"]).removeprefix("Value error, ") if of_a_stage else explain(error, RecipeConfig)[0]
        raise ConfigError(f"{source}: {problem}") from None
