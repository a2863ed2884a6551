"""Methods that change structure: their options say how what they leave behind is repaired."""

from __future__ import annotations

from typing import Annotated

from .base import Compressor, CompressorOptions, one_of
from .repair.compensate import METHODS


class CompensatedOptions(CompressorOptions):
    """Options of a method that changes structure: how what lies behind is repaired.

    Attributes:
        compensate: how the layers that read a change are repaired on calibration data.
    """

    compensate: Annotated[str, one_of(METHODS)] = "least_squares"


class Repaired(Compressor):
    """A method whose options say how what it leaves behind is repaired."""

    options: CompensatedOptions

    @property
    def compensation(self) -> str:
        return self.options.compensate
