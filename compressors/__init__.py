"""How a network changes: one file a method. A method brings its own knobs, and applies their choices to a network."""

from .base import Compressor, CompressorOptions, Stage, Target
from .calibration import Calibration
from .pipeline import compress, space_of
from .registry import create, find, known

__all__ = [
    "Calibration",
    "Compressor",
    "CompressorOptions",
    "Stage",
    "Target",
    "compress",
    "create",
    "find",
    "known",
    "space_of",
]
