"""Training members of the front: who is trained for how long, what is kept of it, and whether it is taken.

Here belongs what spends a budget of minutes on a run. How a network is trained does not belong here.
"""
