"""Which channels go together: groups coupled by additions, concatenations and depthwise layers, and their proof.

Here belongs what finds and proves channels that may be removed. Removing them is for ``rebuild.py``, one folder up.
"""
