"""Training of what policies have left of a network, and of what methods want trained before the first candidate.

Here belongs what joins a task's data and its networks for ``compressors/recovery``, which has the training itself.
"""
