"""Training what a policy has left of a network, until it gives what the uncompressed one gave.

Here belongs how one network is trained: losses, batches, norms, steps. Which network is trained for how
long is decided in the search.
"""
