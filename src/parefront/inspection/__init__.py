"""Looking at a model or a file without a search: profile, measure, explain; values that show themselves.

The commands of these names print what is made here. Nothing in this room writes a file.
"""
