"""Latency, energy and memory on one device or on several: each times with anchors of its own, all at the same time."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

from ....spaces.policy import Policy
from ....spaces.space import SearchSpace
from ...device.device_options import DeviceOptions
from ...device.device_profile import DeviceProfile
from ...device.errors import DeviceError, DeviceUnreachable
from ...device.latency import LatencyProtocol
from ...device.link import DeviceLink, OpenDevice
from ...device.units import own_device
from ...explain.profiled import profiled
from ...results.measurement import Measurement
from ...results.metric import on_device
from ...results.profile import Profile
from ...results.span import Span
from ..race import Looks
from .exit_ways import WaysOf
from .timer import Timer, one_way

S = TypeVar("S")
T = TypeVar("T")
Metrics = dict[str, Measurement]


class Clock:
    """Times artefacts on every device; :meth:`start` comes first.

    What is measured on the device called ``pi`` is called ``latency_ms@pi`` and ``latency_ratio@pi``. The first device
    is the one that candidates are built for, and its latencies have their plain names too.

    Args:
        devices: by name; ``""`` for the only one of a search that names none.
        protocol: for candidates.
        open_device: makes the way to each; by default this process owns it.
        ways: as for :class:`.timer.Timer`.
    """

    def __init__(
        self,
        devices: Mapping[str, DeviceOptions],
        protocol: LatencyProtocol,
        open_device: OpenDevice = own_device,
        ways: WaysOf = one_way,
    ) -> None:
        self._batch = protocol.batch
        self.devices = {name: open_device(name, options) for name, options in devices.items()}
        self.by_device = {name: Timer(device, protocol, ways) for name, device in self.devices.items()}

    @property
    def first(self) -> DeviceLink:
        """The device that candidates are built for."""
        return next(iter(self.devices.values()))

    @property
    def main(self) -> Timer:
        """The first device's."""
        return next(iter(self.by_device.values()))

    @property
    def profiles(self) -> dict[str, DeviceProfile]:
        """What each device says of itself."""
        return {name: device.profile for name, device in self.devices.items()}

    def start(self, space: SearchSpace, uncompressed: Path, alike: Callable[[Policy], Policy]) -> Metrics:
        """As :meth:`Timer.start`, everywhere."""

        def start(name: str) -> Metrics:
            return self.by_device[name].start(space, uncompressed, alike, _anchors_of(uncompressed, name))

        return self._everywhere(start)

    def join(self, space: SearchSpace, uncompressed: Path, alike: Callable[[Policy], Policy]) -> None:
        """As :meth:`Timer.join`, everywhere."""
        for name, timer in self.by_device.items():
            timer.join(space, uncompressed, alike, _anchors_of(uncompressed, name))

    def add_anchor(self, policy: Policy, artifact: Path, sha256: str) -> None:
        """Let candidates like ``policy`` be timed against ``artifact``, whose bytes have that SHA-256."""
        _at_once(lambda timer: timer.add_anchor(policy, artifact, sha256), list(self.by_device.values()))

    def settle(self) -> None:
        """Time the anchors once more, for the final step."""
        _at_once(lambda timer: timer.anchors.settle(), list(self.by_device.values()))

    def looks(self, policy: Policy, artifact: Path) -> Looks:
        """Looks at a candidate on every device at once, one finer than the other."""
        looks = {name: timer.looks(policy, artifact) for name, timer in self.by_device.items()}
        return looks[""] if list(looks) == [""] else _Together(looks, self._everywhere)

    def shares(self, policy: Policy) -> dict[str, dict[str, float]]:
        """By device what :meth:`Timer.shares` gives; the first one's as ``""``, too. Nothing of one that fails.

        Raises:
            DeviceError: where none can be profiled.
        """
        failures: list[DeviceError] = []

        def shares(name: str) -> dict[str, float]:
            try:
                return self.by_device[name].shares(policy)
            except DeviceUnreachable:
                raise
            except DeviceError as error:
                failures.append(error)
                return {}

        names = list(self.by_device)
        found = _at_once(shares, names)
        if len(failures) == len(names):
            raise failures[0]
        return {"": found[0], **dict(zip(names, found, strict=True))}

    def take_readings(self) -> tuple[Span, ...]:
        """When the devices were read since this was last called."""
        return tuple(span for device in self.devices.values() for span in device.take_readings())

    def units_in(self, readings: Iterable[Span]) -> tuple[str, ...]:
        """Which units have read, of devices that there are several of, each once."""
        several = [device.options.units for device in self.devices.values() if device.options.like]
        names = {unit.name for units in several for unit in units}
        return tuple(dict.fromkeys(span.place for span in readings if span.place in names))

    def memory(self, artifact: Path, repeats: int) -> Measurement:
        """Peak memory in bytes on the first device, of the batch that is timed."""
        return self.first.memory(artifact, repeats=repeats, batch=self._batch)

    def profile(self, artifact: Path, modules: Mapping[str, str], ratio: Measurement) -> Profile | None:
        """What the layers of an artefact take on the first device, and took before; None where that does not tell.

        Args:
            artifact: which.
            modules: of the network, as :func:`.profiled.profiled` wants them.
            ratio: of the artefact's latency there to the uncompressed model's as measured, unit "x".
        """
        try:
            anchors = self.main.anchors
            uncompressed_ms = anchors.latency_ms.value
            return profiled(self.first, artifact, anchors.uncompressed, modules, ratio, uncompressed_ms, self._batch)
        except DeviceUnreachable:
            raise
        except DeviceError:
            return None

    def measure_finally(self, policy: Policy, artifact: Path) -> Metrics:
        """As :meth:`Timer.measure_finally`, everywhere."""
        return self._everywhere(lambda name: self.by_device[name].measure_finally(policy, artifact))

    def close(self) -> None:
        for device in self.devices.values():
            device.close()

    def _everywhere(self, action: Callable[[str], Mapping[str, Measurement]]) -> Metrics:
        """What ``action`` gives for every device, at the same time, under the devices' names."""
        names = list(self.by_device)
        found = _at_once(action, names)
        return {
            **found[0],
            **{on_device(key, n): m for n, seen in zip(names, found, strict=True) for key, m in seen.items()},
        }


class _Together:
    """Looks on several devices, taken as one; there is none left once no device has one."""

    def __init__(
        self, looks: Mapping[str, Looks], everywhere: Callable[[Callable[[str], Mapping[str, Measurement]]], Metrics]
    ) -> None:
        self._looks, self._everywhere = looks, everywhere

    def closer(self) -> Metrics | None:
        return self._everywhere(lambda name: self._looks[name].closer() or {}) or None

    def full(self) -> Metrics | None:
        return self._everywhere(lambda name: self._looks[name].full() or {}) or None

    def prefer(self, rank: int) -> None:
        for looks in self._looks.values():
            looks.prefer(rank)


def _anchors_of(uncompressed: Path, device: str) -> Path:
    """Where the anchors of a device are kept, beside the uncompressed model."""
    return uncompressed.with_name(f"{on_device('anchors', device)}.json")


def _at_once(action: Callable[[S], T], subjects: Sequence[S]) -> list[T]:
    """``action`` on each, in threads of their own, which mostly wait for their device."""
    if len(subjects) == 1:
        return [action(subjects[0])]
    with ThreadPoolExecutor(len(subjects)) as pool:
        return list(pool.map(action, subjects))
