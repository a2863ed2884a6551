"""Who watches a search from outside: the protocol of a callback, and those for trackers and pull requests.

A callback is told of a search and decides nothing. What it needs beyond this package is imported when it is made.
"""
