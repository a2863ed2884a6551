"""Training what a policy has left of a network, until it gives what the uncompressed one gave.

See :class:`.recipe.Recipe` for what may be chosen.
"""
