"""Optuna samplers, one file each, and what they share.

Here belongs what suggests policies. A new one is a file here and a line in ``search/registry.py``, or an entry point.
"""
