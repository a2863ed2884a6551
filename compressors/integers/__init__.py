"""Quantisation: bit-widths, scales, rounding, and where the conversions stand.

Here belongs what turns floats into integers of a layer's weights or activations.
"""
