"""Tensors with names: what a model takes and gives, and how the user's code nests it in tuples, dicts, dataclasses.

Here belongs what turns nested values into named tensors and back. What reads them from a dataset is in ``quality``.
"""
