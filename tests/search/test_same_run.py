"""A run is gone on with on the device and with the uncompressed model that it was begun with, or not at all."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from parefront.evaluators.device.device_profile import DeviceProfile
from parefront.evaluators.results.candidate import Candidate
from parefront.evaluators.results.measurement import Measurement
from parefront.spaces.errors import ConfigError

from .conftest import SearchIn
from .synthetic import SyntheticEvaluator, profile_json


class Somewhere(SyntheticEvaluator):
    """Says which device it is on."""

    changes: Mapping[str, Any] = {}

    @property
    def environment(self) -> Mapping[str, Any]:
        return {"device": profile_json(**self.changes)}


class OtherBaseline(SyntheticEvaluator):
    """Measures something else of the uncompressed model."""

    changes: Mapping[str, Any] = {}

    def baseline(self, artifacts: Path) -> Candidate:
        made = super().baseline(artifacts)
        return replace(made, **{**self.changes, "metrics": {**made.metrics, **self.changes.get("metrics", {})}})


def elsewhere(**changes: Any) -> Somewhere:
    evaluator = Somewhere(blocks=2)
    evaluator.changes = changes
    return evaluator


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"cpu": "y"}, r"another CPU \(x there, y here\)"),
        ({"cores": 2}, r"another number of cores \(4 there, 2 here\)"),
        ({"flags": ["avx2", "avx512f"]}, r"other instructions of the CPU \(avx512f\)"),
        ({"onnxruntime": "1.30.0"}, r"another onnxruntime \(1\.20\.0 there, 1\.30\.0 here\)"),
        (
            {"providers": ["CUDAExecutionProvider"]},
            r"other providers of onnxruntime \(CPUExecutionProvider there, CUDAExecutionProvider here\)",
        ),
    ],
)
def test_latencies_of_two_devices_do_not_stand_in_one_front(
    search_in: SearchIn, changes: dict[str, Any], says: str
) -> None:
    run, _ = search_in(elsewhere(), trials=4)
    there = elsewhere(**changes)
    with pytest.raises(ConfigError, match=f"was measured on another device: {says}; `parefront retarget run`"):
        search_in(there, trials=6)
    assert there.evaluated == []
    assert run.finished


def test_what_changes_on_one_device_is_no_other_one() -> None:
    moment = {"load": 3.0, "governor": "powersave", "frequency_mhz": 800.0, "temperature_celsius": 90.0}
    upgraded = {
        "memory_bytes": 2**34,
        "system": "Linux 6.9",
        "python": "3.12.0",
        "numpy": "2.2",
        "cpu_clock_step_ns": 9,
    }
    there, here = profile_json(), profile_json(**moment, **upgraded)
    assert DeviceProfile.from_json(there).differences(DeviceProfile.from_json(here)) == []


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"sha256": "0" * 64}, "other bytes"),
        ({"metrics": {"accuracy": Measurement.exact(0.83, "fraction")}}, r"another accuracy \(0\.93 fraction there"),
        ({"metrics": {"macs": Measurement.exact(2e6, "MACs")}}, "another macs"),
    ],
)
def test_a_session_that_finds_another_uncompressed_model_is_refused(
    search_in: SearchIn, changes: dict[str, Any], says: str
) -> None:
    search_in(SyntheticEvaluator(blocks=2), trials=4)
    other = OtherBaseline(blocks=2)
    other.changes = changes
    with pytest.raises(ConfigError, match=f"another uncompressed model or other data: it has {says}"):
        search_in(other, trials=6)
    assert other.evaluated == []


def test_what_depends_on_the_moment_may_differ(search_in: SearchIn) -> None:
    search_in(SyntheticEvaluator(blocks=2), trials=4)
    other = OtherBaseline(blocks=2)
    other.changes = {"metrics": {"latency_ms": Measurement.exact(9.0, "ms"), "memory_bytes": Measurement.exact(1, "B")}}
    run, _ = search_in(other, trials=6)
    assert len(run.trials) == 6
