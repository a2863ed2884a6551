"""What may change: trace a model into a graph, find coupled channels and knobs, and make policies of them.

Here belongs what a search may decide and the values that say so; how a network is read is in ``network``. Names are
imported when they are first used, so that what reads a run need not load torch.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
