"""A device that is owned by another process: what is sent to and fro, the owner's side and the side of whoever asks.

Here belongs what holds of any way between the two; pipes and actors are the executors' own.
"""
