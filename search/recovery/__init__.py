"""Training members of the front: who is trained for how long, what is kept of it, and whether it is taken."""
