"""What a student is pulled towards, and what is added to the loss so that channels become small.

Here belongs a loss of outputs, of activations inside, or of weights. What the teachers are is said beside this folder.
"""
