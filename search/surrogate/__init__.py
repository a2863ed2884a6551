"""What is predicted of a policy before it is evaluated, from sensitivities and from earlier trials.

Here belong models of losses and costs and what is solved on them. Samplers use them; they suggest nothing themselves.
"""
