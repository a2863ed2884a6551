"""One decision of the search: for one layer or group, one of finitely many choices."""

from __future__ import annotations

from dataclasses import dataclass

from .errors import ConfigError

Choice = bool | int | float | str
EVERY_LAYER = "*"
"""The target of a knob that is about all layers that its compressor takes."""


@dataclass(frozen=True, slots=True)
class Knob:
    """A decision about one place of the network.

    Attributes:
        compressor: name of the compressor that carries the choice out, e.g. ``"prune_channels"``.
        target: what it is about: a layer, a channel group or a block, named as in the ``ModelGraph``.
        choices: the finite choices in their natural order, mildest first.
        neutral: the choice that means "leave as is". Where it is not one of ``choices``, the place cannot be left as
            it is: every policy of the space has one of ``choices`` for it.
        layers: the layers whose removal makes this knob void (a width of a layer that is gone).
        position: index of the first of those layers in execution order; knobs are suggested in this order.
        readers: the layers that have less to read, and so to do, once those of ``layers`` write less.
    """

    compressor: str
    target: str
    choices: tuple[Choice, ...]
    neutral: Choice
    layers: frozenset[str] = frozenset()
    position: int = 0
    readers: frozenset[str] = frozenset()

    def __post_init__(self) -> None:
        if not self.choices:
            raise ConfigError(f"knob {self.name}: it has no choices")
        if len(set(self.choices)) != len(self.choices):
            raise ConfigError(f"knob {self.name}: choices repeat: {self.choices}")

    @property
    def name(self) -> str:
        """The name in policies and studies, ``compressor/target``."""
        return f"{self.compressor}/{self.target}"

    @property
    def start(self) -> Choice:
        """The choice that a search starts from: the neutral one, or the mildest where that is not offered."""
        return self.choices[0] if self.is_required else self.neutral

    @property
    def is_required(self) -> bool:
        """Whether the place cannot be left as it is."""
        return self.neutral not in self.choices

    @property
    def is_fixed(self) -> bool:
        """Whether there is nothing to choose: every policy has the one choice."""
        return self.is_required and len(self.choices) == 1
