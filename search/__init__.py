"""Which policy to try next: samplers, the controller (ask → evaluate → record → tell), budgets, fronts, run folders.

Here belong the loop, its final step, and the registry of samplers; everything else is in the rooms below. Names are
imported when they are first used.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
