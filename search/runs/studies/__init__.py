"""The Optuna study of a run: what samplers are told, where it is kept, the history that they read of it.

Here belongs what is of the study; the trials' own files, which have all that is in it, are a run's.
"""
