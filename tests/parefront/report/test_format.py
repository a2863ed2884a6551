"""The page writes numbers as the command line does."""

from __future__ import annotations

import json
import shutil
import subprocess
from importlib.resources import files

import pytest

from parefront.evaluators.results.measurement import Measurement
from parefront.evaluators.results.views.written import worded

NODE = shutil.which("node")
VALUES = (
    93.95e-2,
    3.3e-8,
    -2.5e-7,
    0.0025,
    -0.0035,
    0.00498,
    0.0412,
    0.2184,
    1.27,
    12.34,
    163.4,
    999_600.0,
    18_030_000.0,
    7.41e5,
)
WIDTHS = (0.0, 2e-9, 1e-5, 4e-4, 0.0061, 0.0103, 0.35, 4.2)
UNITS = ("fraction", "x", "ms", "mJ", "bytes", "MACs", "count", "score", "dB")


@pytest.mark.skipif(NODE is None, reason="needs node")
@pytest.mark.parametrize("change", [False, True])
def test_the_page_and_the_terminal_round_alike(change: bool) -> None:
    measured = [
        Measurement(value, value - half, value + skew * half, 9, unit)
        for value in VALUES
        for half in WIDTHS
        for unit in UNITS
        for skew in (1.0, 1.1, 2.5)
    ]
    given = [
        (m.to_json(), {"unit": m.unit, "change": change, "quality": m.unit in ("fraction", "score", "dB")})
        for m in measured
        if (m.value >= 0 and not change) or (change and m.unit in ("fraction", "score", "dB"))
    ]
    script = files("parefront.report").joinpath("format.js").read_text("utf-8")
    script += f"\nconsole.log(JSON.stringify({json.dumps(given)}.map(([m, axis]) => worded(m, axis))));"
    assert NODE is not None
    made = subprocess.run([NODE], input=script, capture_output=True, text=True, check=True).stdout
    texts = [text.replace("\u2212", "-") for text in json.loads(made)]

    assert texts == [worded(Measurement.from_json(m), change=change) for m, _ in given]
