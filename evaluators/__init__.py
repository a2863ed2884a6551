"""What a candidate costs: model → ONNX artefact → accuracy, latency on a device, size, MACs, memory.

Here belongs nothing but the rooms below. Names are imported when they are first used.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
