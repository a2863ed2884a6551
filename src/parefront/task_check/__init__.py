"""What is looked at in a user's task before anything is written: model, splits, metric.

Here belongs every refusal of a task. Refusals of a config are in ``config``.
"""
