"""Several devices at once: what one of them refuses to tell is not lost of the others."""

from __future__ import annotations

import pytest

from parefront.evaluators import DeviceOptions, LatencyProtocol
from parefront.evaluators.errors import DeviceError, DeviceUnreachable, RequestRefused
from parefront.search.timers import Timers
from parefront.spaces import Policy


def timers(monkeypatch: pytest.MonkeyPatch, error: Exception) -> Timers:
    """A device that tells what its layers take, and one that raises."""
    found = Timers({"server": DeviceOptions(), "pi": DeviceOptions()}, LatencyProtocol())

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
