"""Pare a network down to its Pareto front: budget-constrained compression, measured on the device.

Names are imported when they are first used: ``import parefront`` alone does not load torch.
"""

import os

import lazy_loader

__version__ = "0.1.0"

# Threads of torch that wait for each other burn the core that the others need, unless told not to; on a machine with
# other work a candidate took six times as long. Read by the OpenMP runtime when torch is first imported.
os.environ.setdefault("GOMP_SPINCOUNT", "1000")
# Official builds of onnxruntime would send what models they run; whoever wants that sets it to 0.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
