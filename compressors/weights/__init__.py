"""Methods that leave the network as it is and store its weights in fewer bytes.

Here belongs sparsity and sharing of values. Fewer bits of every value are in ``integers``.
"""
