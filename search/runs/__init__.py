"""A run: its folder, records, settings and Optuna study, and whose task it is.

Here belongs what is written to disk or read back, and nothing that decides.
"""
