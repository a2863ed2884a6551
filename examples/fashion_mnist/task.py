"""What the search is given: the trained network and the three splits of Fashion-MNIST."""

from __future__ import annotations

from fashion_data import CLASSES, calibration, dataset
from fashion_model import load_trained

import parefront as pf


def task() -> pf.Task:
    return pf.Task(
        model=load_trained(),
        calibration=calibration(),
        search=dataset("search"),
        test=dataset("test"),
        train=dataset("train"),
        metric="accuracy",
        class_names=CLASSES,
    )
