"""How good an artefact's outputs are: accuracy, a task's own metric, parity, divergence, counted costs.

Here belongs what runs an artefact on data on this machine. What reads clocks is in ``device``.
"""
