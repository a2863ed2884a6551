"""Where a candidate's time goes."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from parefront.evaluators.results.candidate import Candidate

SPLIT_STEPS = ("accuracy", "latency", "apply_forward", "count", "parity")
"""Steps of a candidate that are forward passes (of calibration images, of one to count MACs, of a few through torch and
ONNX Runtime to compare them, of search images) or timed runs."""


def shares(candidates: Sequence[Candidate]) -> dict[str, float]:
    """Median share of each step in a candidate's time, and of all that is neither forward pass nor timed run."""
    rows = [c.timings for c in candidates if c.timings.get("total")]
    steps = sorted({step for row in rows for step in row} - {"total", "test_accuracy", "final_latency", "memory"})
    found = {step: float(np.median([row.get(step, 0.0) / row["total"] for row in rows])) for step in steps}
    rest = [1 - sum(row.get(step, 0.0) for step in SPLIT_STEPS) / row["total"] for row in rows]
    return {
        **found,
        "everything else": float(np.median(rest)),
        "total seconds": float(np.median([r["total"] for r in rows])),
    }
