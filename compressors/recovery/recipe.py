"""How a network is trained after its structure was changed."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, fields
from typing import Literal

from ...spaces.errors import ConfigError
from ...spaces.messages import did_you_mean

CROSS_ENTROPY = "cross_entropy"
"""The loss that needs labels."""
LOSSES = ("mse", "kl", "dist", CROSS_ENTROPY)
"""See :mod:`.losses`."""


@dataclass(frozen=True)
class Recipe:
    """All that decides on the result of training, but for network, data, steps and learning rate.

    Attributes:
        losses: weights of losses by name, see :mod:`.losses`.
        optimiser: ``sgd`` with Nesterov's momentum, or ``adamw``.
        norms: whether batch norms are put behind convolutions while they are trained.
        batch: samples in a step.
        momentum: of ``sgd``.
        weight_decay: of weights; biases and norms have none.
        clip: the greatest norm of the gradient.
        augment: changes of the images by name, see :mod:`.augment`; by default those that leave what the teacher says.
    """

    losses: Mapping[str, float] = field(default_factory=lambda: {"mse": 1.0})
    optimiser: Literal["sgd", "adamw"] = "sgd"
    norms: bool = True
    batch: int = 128
    momentum: float = 0.9
    weight_decay: float = 5e-4
    clip: float = 1.0
    augment: tuple[str, ...] | None = None

    @property
    def digest(self) -> str:
        """What it is told apart by: the first 12 hexadecimal digits of the SHA-256 of all of it."""
        plain = {key.name: getattr(self, key.name) for key in fields(self)} | {"losses": dict(self.losses)}
        return hashlib.sha256(json.dumps(plain, sort_keys=True).encode()).hexdigest()[:12]


def check_losses(names: Collection[str]) -> None:
    """Raise ``ConfigError`` for a loss that does not exist, and where there is none."""
    if not names:
        raise ConfigError(f"recover.losses: expected one or more of {', '.join(LOSSES)}, got none")
    for name in names:
        if name not in LOSSES:
            raise ConfigError(f"recover.losses: no loss {name!r}{did_you_mean(name, LOSSES)}")
