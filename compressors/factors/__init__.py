"""Methods that replace a layer by a chain of smaller ones.

Here belongs what decomposes a kernel: low rank, separable, grouped. What only changes how weights are stored is in
``weights``.
"""
