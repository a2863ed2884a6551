"""Where latency, memory and energy are measured: the worker, how it is reached, and what its readings mean.

Here belongs what talks to a device or knows its protocol. What the readings say of a candidate is in ``trial``.
"""
