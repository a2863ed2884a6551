"""Several devices at once: what one of them refuses to tell is not lost of the others."""

from __future__ import annotations

from pathlib import Path

import pytest

from parefront.evaluators.device.device import Device
from parefront.evaluators.device.device_options import DeviceOptions
from parefront.evaluators.device.errors import DeviceError, DeviceUnreachable, RequestRefused
from parefront.evaluators.device.latency import LatencyProtocol
from parefront.evaluators.results.measurement import Measurement
from parefront.evaluators.trial.timing.anchors import Anchors
from parefront.evaluators.trial.timing.clock import Clock
from parefront.spaces.policy import Policy
from parefront.spaces.space import SearchSpace

ONE = Measurement.exact(1.0, "x")


def timers(monkeypatch: pytest.MonkeyPatch, error: Exception) -> Clock:
    """A device that tells what its layers take, and one that raises."""
    found = Clock({"server": DeviceOptions(), "pi": DeviceOptions()}, LatencyProtocol())

    def refuse(policy: Policy) -> dict[str, float]:
        raise error

    monkeypatch.setattr(found.by_device["server"], "shares", lambda policy: {"conv": 0.5})
    monkeypatch.setattr(found.by_device["pi"], "shares", refuse)
    return found


@pytest.mark.parametrize("error", [RequestRefused("operators", "no profile here"), DeviceError("no answer")])
def test_a_device_that_cannot_be_profiled_loses_its_own_shares_alone(
    monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    shares = timers(monkeypatch, error).shares(Policy())
    assert shares == {"": {"conv": 0.5}, "server": {"conv": 0.5}, "pi": {}}


def test_a_device_that_cannot_be_reached_ends_it(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(DeviceUnreachable):
        timers(monkeypatch, DeviceUnreachable("cannot reach pi")).shares(Policy())


def test_layers_are_profiled_at_the_batch_that_is_timed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    timer = Clock({"": DeviceOptions()}, LatencyProtocol(batch=8)).main
    base = tmp_path / "base.onnx"
    timer.anchors = Anchors(SearchSpace.of([]), base, Measurement.exact(1.0, "ms"), lambda one, other: ONE)
    asked: list[object] = []

    def shares(device: Device, artifact: Path, reference: Path, batch: int) -> dict[str, float]:
        asked.append((artifact, reference, batch))
        return {"conv": 1.0}

    monkeypatch.setattr("parefront.evaluators.trial.timing.timer.layer_shares", shares)
    assert timer.shares(Policy()) == {"conv": 1.0}
    assert asked == [(base, base, 8)]
