"""The seam of a compression method: a name, a stage, options, and the plan it makes for a network."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import ClassVar

from ..spaces.network.graph import ModelGraph
from .options import CompressorOptions
from .plan import Plan
from .target import Target


class Compressor(ABC):
    """A compression method.

    A subclass names itself and its stage, declares its options, and implements :meth:`plan`. It is configured once and
    holds nothing else: what is found out about a network goes into the plan, so that one compressor can serve any
    number of networks. :meth:`Plan.apply` checks what every method owes.

    Attributes:
        name: the key in the config.
        stage: when it is applied, see :class:`~parefront.compressors.Stage`.
        Options: the model of its options.
    """

    name: ClassVar[str]
    stage: ClassVar[int]
    Options: ClassVar[type[CompressorOptions]] = CompressorOptions

    def __init__(self, options: CompressorOptions | None = None, target: Target | None = None) -> None:
        self.options = options if options is not None else self.Options()
        self.target = target or Target()

    @abstractmethod
    def plan(self, graph: ModelGraph) -> Plan:
        """What this method offers on a network: the knobs, and the function that carries out their choices."""
