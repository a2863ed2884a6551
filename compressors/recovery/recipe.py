"""How a network is trained after its structure was changed."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Literal

from ...spaces.errors import ConfigError
from ...spaces.messages import did_you_mean

CROSS_ENTROPY = "cross_entropy"
"""The loss that needs labels."""
OF_OUTPUTS = ("mse", "kl", "dist", CROSS_ENTROPY)
"""See :mod:`.losses`."""
SOFTENED = ("kl", "dist")
"""Those of them that compare the softmax of outputs at a high temperature."""
OF_FEATURES = ("features", "cosine", "attention", "similarity")
"""See :mod:`.losses.features`."""
LOSSES = (*OF_OUTPUTS, *OF_FEATURES)
FEATURES = 10.0
"""The weight of ``features`` beside ``mse`` where nothing else is asked for: for members of ResNet-56's front it is
better than 1 and 3, by more the deeper the cut."""

SLIMMING, GROUP_LASSO, GROWING = "slimming", "group_lasso", "growing"
PENALTIES = (SLIMMING, GROUP_LASSO, GROWING)
"""See :mod:`.penalties`."""
AFTER, ONCE, CUBIC = "after", "once", "cubic"
SPARSITIES = (AFTER, ONCE, CUBIC)
"""When the weights become zero that the policy prunes: after training, before its first step, or on the way."""


@dataclass(frozen=True)
class Recipe:
    """All that decides on the result of training, but for network, data, steps and learning rate.

    Attributes:
        losses: weights of losses by name, see :mod:`.losses.outputs` and :mod:`.losses.features`; none where they
            depend on the network, see :meth:`of_network`.
        places: where the inside of student and teacher is compared, if it is: the ``last`` activation before the head,
            which for ResNet-56 was as good as the ends of all ``stages``, and is held in a tenth of the memory.
        optimiser: ``sgd`` with Nesterov's momentum, or ``adamw``.
        norms: whether batch norms are put behind convolutions while they are trained.
        batch: samples in a step.
        momentum: of ``sgd``.
        weight_decay: of weights; biases and norms have none.
        clip: the greatest norm of the gradient.
        augment: changes of the images by name, see :mod:`.augment` and :mod:`.mixing`; by default those that leave what
            the teacher says.
        ema: how much of the running average of the weights stays in every step, see :mod:`.average`; None for none.
        teachers: what further teachers are called.
        teacher_weights: how their outputs become one, see :mod:`.teachers`.
        integers_up_to: a network of which any layer's weights have so few bits or fewer is trained as its file holds
            it, see :mod:`.steps`; others are trained in floats, and quantised afterwards.
        repair: the name of the repair that training begins from; by default that of the methods that were applied.
        penalties: factors by name of what is added to the loss for channels to become small, see :mod:`.penalties`.
        sparsity: when weights become zero that ``prune_weights`` prunes, see :mod:`.sparsity`.
    """

    losses: Mapping[str, float] = field(default_factory=lambda: {"mse": 1.0})
    places: Literal["last", "stages"] = "last"
    optimiser: Literal["sgd", "adamw"] = "sgd"
    norms: bool = True
    batch: int = 128
    momentum: float = 0.9
    weight_decay: float = 5e-4
    clip: float = 1.0
    augment: tuple[str, ...] | None = None
    ema: float | None = None
    teachers: tuple[str, ...] = ()
    teacher_weights: Literal["mean", "confidence"] = "mean"
    integers_up_to: int = 4
    repair: str | None = None
    penalties: Mapping[str, float] = field(default_factory=dict)
    sparsity: Literal["after", "once", "cubic"] = "cubic"

    @property
    def compares_features(self) -> bool:
        return any(name in OF_FEATURES for name in self.losses)

    def of_network(self, has_stages: bool) -> Recipe:
        """With losses: the outputs' squared error, and that of features where the network has any."""
        if self.losses:
            return self
        return replace(self, losses={"mse": 1.0, "features": FEATURES} if has_stages else {"mse": 1.0})

    @property
    def digest(self) -> str:
        """What it is told apart by: the first 12 hexadecimal digits of the SHA-256 of all of it."""
        plain = {key.name: getattr(self, key.name) for key in fields(self)} | {"losses": dict(self.losses)}
        if penalties := plain.pop("penalties"):
            plain["penalties"] = dict(penalties)
        if self.sparsity == CUBIC:
            del plain["sparsity"]
        return hashlib.sha256(json.dumps(plain, sort_keys=True).encode()).hexdigest()[:12]


def check_losses(names: Collection[str]) -> None:
    """Raise ``ConfigError`` for a loss that does not exist, and where there is none."""
    if not names:
        raise ConfigError(f"recover.losses: expected one or more of {', '.join(LOSSES)}, got none")
    for name in names:
        if name not in LOSSES:
            raise ConfigError(f"recover.losses: no loss {name!r}{did_you_mean(name, LOSSES)}")
    if not any(name in OF_OUTPUTS for name in names):
        raise ConfigError(
            f"recover.losses: without one of {', '.join(OF_OUTPUTS)} the last layer is not trained; add mse: 1.0"
        )


def check_penalties(names: Collection[str]) -> None:
    """Raise ``ConfigError`` for a penalty that does not exist."""
    for name in names:
        if name not in PENALTIES:
            raise ConfigError(f"recover.penalties: no penalty {name!r}{did_you_mean(name, PENALTIES)}")
