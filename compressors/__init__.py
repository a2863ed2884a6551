"""How a network changes: one file a method. A method brings its own knobs, and applies their choices to a network.

Here belong the seam of a method and what applies them one after the other; the methods and what they share are in the
rooms below. Names are imported when they are first used.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
