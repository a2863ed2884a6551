"""Methods that change structure: their options say how what they leave behind is repaired."""

from __future__ import annotations

from typing import Annotated

from pydantic import field_validator

from .options import CompressorOptions, one_of
from .repair.registry import RepairNames, repair_of


class CompensatedOptions(CompressorOptions):
    """Options of a method that changes structure: how what lies behind is repaired.

    Attributes:
        compensate: how the layers that read a change are repaired on calibration data.
    """

    compensate: Annotated[str, one_of(RepairNames())] = "least_squares"

    @field_validator("compensate")
    @classmethod
    def _loadable(cls, value: str) -> str:
        repair_of(value)
        return value
