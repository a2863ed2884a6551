"""What a person sees in a terminal: tables, plots of text, progress.

Here belongs how results are shown. What they are is in ``evaluators/results``.
"""
