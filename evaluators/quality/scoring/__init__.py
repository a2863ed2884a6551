"""Metrics of outputs: what a task's ``metric`` may be, what is kept of samples meanwhile, and the scores of these.

A metric is a :class:`~.quality.Quality`. Outputs and targets come batch by batch into a tally, which keeps what the
score needs: a number for each sample, sums, or states of a ``torchmetrics.Metric``. Its scores then give a measurement
and, of two artefacts, a paired change. Scores of single samples have Student's intervals (of right and wrong:
Wilson's). Sums and states are bootstrapped over samples, drawn by one seed: sums in up to 1,000 rows with 1,000
resamples, boxes with 100, states of torchmetrics in up to 200 rows with 200. A metric whose states do not add up is
scored on 20 parts of the split instead.
"""
