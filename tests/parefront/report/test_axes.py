"""What can be put on an axis, and how it is called."""

from __future__ import annotations

from parefront.evaluators.results.candidate import Candidate
from parefront.evaluators.results.fronts.front import Front
from parefront.evaluators.results.measurement import Measurement
from parefront.evaluators.results.metric import score
from parefront.report.axes import axes_of
from parefront.spaces.policy import Policy

PSNR = score("psnr", higher_is_better=True, unit="dB")


def measured(trial: int | None, **metrics: float) -> Candidate:
    named = {key.replace("_on_", "@"): Measurement.exact(value, "dB") for key, value in metrics.items()}
    return Candidate(Policy(), named, trial=trial)


def test_the_tasks_own_metric_comes_first_then_the_objectives_on_their_devices() -> None:
    base = measured(None, psnr=30.0, latency_ratio_on_pi=1.0, macs=10.0, size_bytes=4.0)
    member = measured(0, psnr=29.0, psnr_change=-1.0, latency_ratio_on_pi=0.5, macs=5.0, size_bytes=4.0)
    front = Front.of([member], ["psnr", "size", "latency@pi"], base, quality=PSNR)
    axes = axes_of(front, [member])

    assert [axis.label for axis in axes] == [
        *("psnr, search split", "psnr change, search split"),
        *("size", "latency on pi, x of uncompressed", "MACs"),
    ]
    assert [axis.key for axis in axes if axis.quality] == ["psnr", "psnr_change"]
    assert [axis.change for axis in axes] == [False, True, False, False, False]


def test_what_nobody_has_measured_is_no_axis() -> None:
    base = measured(None, psnr=30.0, size_bytes=4.0)

    assert [axis.key for axis in axes_of(Front.of([], ["psnr", "size"], base, quality=PSNR), [])] == [
        "psnr",
        "size_bytes",
    ]
