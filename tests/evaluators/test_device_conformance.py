"""This machine, reached directly and through a command prefix, in the suite that every device has to pass."""

from __future__ import annotations

import sys
from collections.abc import Iterator

import pytest

from parefront.evaluators.device.device import Device
from parefront.evaluators.device.device_options import DeviceOptions
from parefront.testing.devices import DeviceConformance


class TestThisMachine(DeviceConformance):
    @pytest.fixture
    def device(self) -> Iterator[Device]:
        with Device() as local:
            yield local


class TestACommandPrefix(DeviceConformance):
    @pytest.fixture
    def device(self) -> Iterator[Device]:
        with Device(DeviceOptions(("env",), python=sys.executable)) as prefixed:
            yield prefixed
