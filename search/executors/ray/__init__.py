"""Evaluations on a cluster: Ray Tune runs them, the controller asks and is told.

Here belongs all that knows of Ray, which is imported nowhere else, and here in functions alone: it is an extra. One
controller, many hands: sampler, study and run's folder stay in the controller's process.

- ``cluster``: how a cluster is reached, or started on this machine;
- ``executor``: the seam's side, in the controller's process; runs ``tune.Tuner`` in a thread;
- ``searcher``: tells Ray Tune how many trials of its own to have: one for each evaluation that may run now;
- ``trainable``: such a trial, in a process of the cluster that keeps its evaluator;
- ``mailbox``: where policies wait for evaluation, on the controller's node;
- ``device_actors``: the ways to the devices; ``owner_actor``: the owner of each, ``places``: where it runs.
"""
