"""How good an artefact is: its outputs on a split, metrics of these (``scoring``), parity, divergence, costs.

Here belongs what runs an artefact on data on this machine. What reads clocks is in ``device``.
"""
