"""One decision of the search: for one layer or group, one of finitely many choices."""

from __future__ import annotations

from dataclasses import dataclass

from .errors import ConfigError

Choice = bool | int | float | str


@dataclass(frozen=True, slots=True)
class Knob:
    """A decision about one place of the network.

    Attributes:
        compressor: name of the compressor that carries the choice out, e.g. ``"prune_channels"``.
        target: what it is about: a layer, a channel group or a block, named as in the ``ModelGraph``.
        choices: the finite choices in their natural order, mildest first.
        neutral: the choice that means "leave as is"; one of ``choices``.
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
        if self.neutral not in self.choices:
            raise ConfigError(f"knob {self.name}: its neutral choice {self.neutral!r} is not among {self.choices}")
        if len(set(self.choices)) != len(self.choices):
            raise ConfigError(f"knob {self.name}: choices repeat: {self.choices}")

    @property
    def name(self) -> str:
        """The name in policies and studies, ``compressor/target``."""
        return f"{self.compressor}/{self.target}"
