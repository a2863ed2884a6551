"""Confidences and flipped samples, written into a file of a run and read back."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from parefront.evaluators.results.classes.amplification import Amplification
from parefront.evaluators.results.classes.confidence import Confidence
from parefront.evaluators.results.classes.flips import Flip, Flips
from parefront.evaluators.results.fields import Fields
from parefront.evaluators.results.measurement import Measurement
from parefront.search.runs.tested_fields import (
    amplification_in,
    amplification_to_json,
    confidence_in,
    confidence_to_json,
    flips_in,
    flips_to_json,
)
from parefront.spaces.files import UnreadableFile

FILE = Path("final/000001.json")


def test_they_are_read_back_as_they_were() -> None:
    shares = [Measurement.around(0.1 * n, 0.1 * n - 0.05, 0.1 * n + 0.05, 200, "fraction") for n in range(1, 6)]
    confidence = Confidence(*shares)
    assert confidence_in(Fields(FILE, json.loads(json.dumps(confidence_to_json(confidence))))) == confidence
    leaning = Amplification(*shares[:3])
    assert amplification_in(Fields(FILE, json.loads(json.dumps(amplification_to_json(leaning))))) == leaning
    flips = Flips(7, 200, (Flip(3, 1, 1, 0), Flip(150, 0, 1, 0)))
    assert flips_in(Fields(FILE, json.loads(json.dumps(flips_to_json(flips))))) == flips


@pytest.mark.parametrize("shown", [None, [[1, 2, 3]], [[1, 2, 3, "4"]], [[-1, 2, 3, 4]], [{"index": 1}]])
def test_flips_that_cannot_be_are_named(shown: Any) -> None:
    with pytest.raises(UnreadableFile, match=r"000001\.json.*flips\.shown"):
        flips_in(Fields(FILE, {"count": 1, "n": 9, "shown": shown}, "flips"))
