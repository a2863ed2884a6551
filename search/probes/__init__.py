"""Short measurements of single knobs before the first trial, from which sensitivities come.

Here belongs which knobs are probed, how, and for how long.
"""
