"""Whether the numbers of a finished run still hold: its front, timed once more, against the intervals it has printed.

    python benchmarks/repeats.py RUN [RUN …]

Every member is timed against the uncompressed model as ``parefront measure`` does, in sessions of its own, with as many
threads as in the run. Beside it the readings of the run itself, each against the other: by how much a file differs from
itself, and how often intervals of one reading hold the next.
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from parefront.config.models import DeviceConfig
from parefront.evaluators.device.device import Device
from parefront.evaluators.device.latency import measure
from parefront.evaluators.results.measurement import Measurement
from parefront.inspection.measuring import PROTOCOL
from parefront.search.runs.run import Run


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("runs", nargs="+", type=Path)
    for path in parser.parse_args().runs:
        report(Run.open(path))


def report(run: Run) -> None:
    first, second = run.read_again(), run.read_again(twice=True)
    between = [(first[t].metrics["latency_ratio"], second[t].metrics["latency_ratio"]) for t in second]
    told("first and second reading", between)
    options = DeviceConfig.model_validate(run.config.get("device") or {}).options()
    printed = []
    with Device(options) as device:
        for member in run.front:
            assert member.artifact is not None
            anew = measure(device, member.artifact, run.path / "artifacts" / "baseline.onnx", PROTOCOL).ratio
            printed.append((member.metrics["latency_ratio"], anew))
    told("printed and measured anew", printed)
    shift = float(np.exp(np.median([math.log(b.value / a.value) for a, b in printed])))
    own = [(a, b.times(Measurement.exact(1 / shift, "x"), "x")) for a, b in printed]
    told(f"the same, but for a common factor of {shift:.3f}", own)


def told(what: str, pairs: Iterable[tuple[Measurement, Measurement]]) -> None:
    found = [(a, b, math.log(b.value / a.value)) for a, b in pairs]
    off = [abs(difference) for *_, difference in found]
    hold = [a.low <= b.value <= a.high for a, b, _ in found]
    both = [
        d <= math.hypot(a.half_width / a.value, b.half_width / b.value) for (a, b, _), d in zip(found, off, strict=True)
    ]
    width = np.median([a.half_width / a.value for a, *_ in found])
    print(
        f"{what}: {len(found)}, apart by {np.median(off):.2%} in the median, {np.max(off):.2%} at most; the interval "
        f"(±{width:.2%}) holds {np.mean(hold):.0%}, both together {np.mean(both):.0%}",
        flush=True,
    )


if __name__ == "__main__":
    main()
