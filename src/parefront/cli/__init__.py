"""The command ``parefront``, one file a command.

Here belongs what a command takes and prints. What Python users call as well is in ``api`` and ``session``.
"""
