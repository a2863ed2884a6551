"""Which candidates nothing beats, what the front of them is worth, and which of it are picked.

Here belongs whatever compares candidates with each other. What is known of one alone stands in ``results`` itself.
"""
