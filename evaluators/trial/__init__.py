"""A policy becomes a measured candidate: built, checked, scored, timed, and stopped early where it is dominated.

Here belongs what joins compressors, quality and device for one candidate; its scores, its latency and its training each
have a folder. Which policy comes next is for ``search``.
"""
