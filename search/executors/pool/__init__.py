"""The pool: worker processes on this machine, each of which makes its own evaluator and evaluates one policy at a time.

Here belongs what starts, watches and ends them. What they ask of devices goes to ``evaluators/device/remote``.
"""
