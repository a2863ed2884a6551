from .base import Compressor, CompressorOptions, Stage, Target
from .pipeline import compress, space_of
from .registry import create, find, known
from .statistics.calibration import Calibration

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
