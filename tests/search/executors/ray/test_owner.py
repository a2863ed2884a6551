"""The owner of a device on a cluster keeps what befalls several like ones until the controller asks."""

from __future__ import annotations

import sys
from dataclasses import replace

from parefront.evaluators.device.device import DeviceOptions
from parefront.evaluators.device.remote.request import Request
from parefront.search.executors.ray.device_actors import OwnerActor


def test_what_befalls_one_of_several_like_devices_is_kept_for_the_controller() -> None:
    one, lost = (DeviceOptions(command=("env", f"UNIT={n}"), python=sys.executable) for n in (1, 2))
    owner = OwnerActor("pi", replace(one, like=(replace(lost, python="no-such-python"),)))
    assert owner.serve(Request("pi", "profile")).value.cores > 0
    (line,) = owner.news()
    assert line.startswith("device pi: env UNIT=2 cannot be reached, its readings go to the others")
    assert owner.news() == []
