from .base import Compressor
from .context import Context
from .latent import LatentLayer, straight_through
from .options import CompressorOptions
from .pipeline import Pipeline
from .plan import Plan
from .registry import create, find, known
from .repair.repair import Repair
from .stage import Stage
from .statistics.calibration import Calibration
from .target import Target

__all__ = [
    "Calibration",
    "Compressor",
    "CompressorOptions",
    "Context",
    "LatentLayer",
    "Pipeline",
    "Plan",
    "Repair",
    "Stage",
    "Target",
    "create",
    "find",
    "known",
    "straight_through",
]
