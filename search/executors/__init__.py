"""Where evaluations run: in this process, or elsewhere.

Here belongs what carries a policy to an evaluator and its candidate back. What to evaluate, and what becomes of the
result, is for the loop in ``search/controller.py``, which alone writes into the run.
"""
