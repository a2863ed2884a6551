"""Recipes: several runs one after the other, each of which starts from the network that the one before has left.

Here belongs what makes runs of the stages of a recipe, and the recipes that are shipped, as YAML; not what a run does.
"""
