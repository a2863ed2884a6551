"""The config of a search: its schema, how it is read from YAML, and how the task that it names is loaded.

Here belongs what a user writes into a file. What the command line takes is in ``cli``.
"""
