"""Which anchor a candidate is timed against, and that their ratios are measured once a run."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import pytest

from parefront.evaluators.results.measurement import Measurement
from parefront.evaluators.trial.timing.anchors import Anchors
from parefront.spaces.policy import Policy

from ....search.synthetic import SyntheticEvaluator

SPACE = SyntheticEvaluator(blocks=4).space
INT8 = SPACE.uniform({"quantize": 8})


@dataclass
class Clock:
    """Tells one ratio after the other."""

    ratios: list[float]
    asked: list[tuple[str, str]] = field(default_factory=list)

    def compare(self, one: Path, other: Path) -> Measurement:
        self.asked.append((one.name, other.name))
        value = self.ratios[len(self.asked) - 1]
        return Measurement(value, 0.95 * value, 1.05 * value, 40, "x")


def anchors(folder: Path, clock: Clock) -> Anchors:
    made = Anchors(SPACE, folder / "baseline.onnx", Measurement.exact(3.0, "ms"), clock.compare)
    made.add(INT8, folder / "int8.onnx")
    return made


@pytest.mark.parametrize(
    ("policy", "nearest"),
    [
        (Policy(), "baseline.onnx"),
        (Policy({"drop_blocks/block1": True}), "baseline.onnx"),
        (Policy({"quantize/block1.conv1": 8}), "baseline.onnx"),
        (INT8, "int8.onnx"),
        (SPACE.uniform({"quantize": 8, "prune_channels": 0.5}), "int8.onnx"),
        (SPACE.canonical(Policy({**INT8, "quantize/block1.conv1": 32, "drop_blocks/block0": True})), "int8.onnx"),
        (SPACE.canonical(Policy({**INT8, **{f"drop_blocks/block{b}": True for b in range(3)}})), "int8.onnx"),
        (Policy({f"drop_blocks/block{b}": True for b in range(3)}), "baseline.onnx"),
    ],
)
def test_a_candidate_is_timed_against_its_like(policy: Policy, nearest: str, tmp_path: Path) -> None:
    assert anchors(tmp_path, Clock([0.4])).nearest(policy).artifact.name == nearest


def test_an_anchor_is_timed_against_the_uncompressed_model(tmp_path: Path) -> None:
    clock = Clock([0.4])
    made = anchors(tmp_path, clock)
    assert clock.asked == [("int8.onnx", "baseline.onnx")]
    assert made.nearest(INT8).ratio.value == 0.4
    assert made.nearest(Policy()).ratio == Measurement.exact(1.0, "x")


def test_a_later_session_goes_by_the_ratios_of_the_first(tmp_path: Path) -> None:
    anchors(tmp_path, Clock([0.4]))
    later = Clock([])
    made = Anchors(SPACE, tmp_path / "baseline.onnx", Measurement.exact(5.0, "ms"), later.compare)
    made.add(INT8, tmp_path / "int8.onnx")
    assert made.nearest(INT8).ratio.value == 0.4
    assert made.latency_ms.value == 3.0
    assert later.asked == []


def test_the_final_step_times_them_once_more_and_covers_both(tmp_path: Path) -> None:
    clock = Clock([0.4, 0.5])
    made = anchors(tmp_path, clock)
    made.settle()
    made.settle()
    assert len(clock.asked) == 2
    settled = Measurement(0.45, 0.38, 0.525, 80, "x")
    assert made.nearest(INT8).ratio.to_json() == pytest.approx(settled.to_json())
    again = anchors(tmp_path, Clock([]))
    again.settle()
    assert again.nearest(INT8).ratio == made.nearest(INT8).ratio


def test_what_runs_alike_is_near(tmp_path: Path) -> None:
    def alike(policy: Policy) -> Policy:
        return Policy({name: 8 if choice == 4 else choice for name, choice in policy.items()})

    made = Anchors(SPACE, tmp_path / "baseline.onnx", Measurement.exact(3.0, "ms"), Clock([0.4]).compare, alike)
    made.add(INT8, tmp_path / "int8.onnx")
    four_bits = Policy(dict.fromkeys(INT8, 4))
    assert made.nearest(four_bits).artifact.name == "int8.onnx"
