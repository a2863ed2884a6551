"""How long artefacts take: read on every device against anchors, over all ways through a file with early exits.

Here belongs what decides which files are timed against each other. The readings themselves are ``device``'s.
"""
