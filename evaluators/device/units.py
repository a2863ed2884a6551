"""Several like devices as one: they share the readings, after a check that they agree on what is timed against."""

from __future__ import annotations

import copy
import logging
import threading
from collections.abc import Callable, Hashable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from numpy.typing import NDArray

from ...spaces.messages import first_line
from ..results.measurement import Measurement
from ..results.span import Span
from .agreement import AGAIN, agree, covering, latency_of, shown
from .device import Device, Shapes, run_of
from .device_options import DeviceOptions
from .device_profile import DeviceProfile
from .digests import Digests
from .errors import DeviceError, DeviceUnreachable
from .link import DeviceLink
from .outputs import Arrays
from .profiled_run import ProfiledRun
from .readings import Readings
from .roster import Roster, Standing, Unit
from .timing import Timing

T = TypeVar("T")
_LOG = logging.getLogger("parefront")


@dataclass
class _Anchor:
    """What was read on every unit.

    Attributes:
        key: tells it apart.
        called: how messages call it.
        read: reads it on one.
        by: the unit that the others are compared with.
        latency: that it takes there, in milliseconds.
    """

    key: Hashable
    called: str
    read: Callable[[Unit], Timing]
    by: Unit
    latency: Measurement


@dataclass
class _Common:
    """What the units have in common.

    Attributes:
        profile: of the first that could be reached, once it is known.
        of: that unit.
        anchors: what was read on all of them, by key.
        opening: held while profiles are asked for the first time.
        mutex: held while one becomes that of the first.
    """

    profile: DeviceProfile | None = None
    of: Unit | None = None
    anchors: dict[Hashable, _Anchor] = field(default_factory=dict)
    opening: threading.Lock = field(default_factory=threading.Lock)
    mutex: threading.Lock = field(default_factory=threading.Lock)


class Units:
    """A ``DeviceLink`` to several like devices: the first free one is asked, each reads one thing at a time.

    Set aside, with a line, is a unit that is no device like the first one, that takes another time for what candidates
    are timed against (:data:`.agreement.ALLOWANCE`), or that drifts off later (:data:`.agreement.DRIFT`); not the last.
    One that cannot be reached is left out until it can be, and what it was to read is read on another; where none is
    left, errors are those of a single device.

    Args:
        name: of the device in the search.
        options: of the first unit, with those of the others as ``like``.
        links: to the units.
        say: told in a line what befalls a unit; called from several threads.
    """

    def __init__(
        self,
        name: str,
        options: DeviceOptions,
        links: Sequence[DeviceLink],
        say: Callable[[str], None] = _LOG.warning,
    ) -> None:
        self.options = options
        self._roster = Roster(name, links, self._check, say)
        self._common, self._digests = _Common(), Digests()
        self._readings = Readings()

    @property
    def name(self) -> str:
        return ", ".join(unit.name for unit in self._roster.units)

    @property
    def at_once(self) -> int:
        """How many readings there may be at a time, one at least."""
        return max(1, len(self._roster.serving))

    def apart(self) -> Units:
        """The same units, with readings that :meth:`take_readings` gives apart from those of others who ask."""
        other = copy.copy(self)
        other._readings = Readings()
        return other

    @property
    def profile(self) -> DeviceProfile:
        """That of the first unit that can be reached; the first time, all are compared with it.

        Raises:
            DeviceUnreachable: where none can be reached.
        """
        with self._common.opening:
            failures: list[DeviceUnreachable] = []
            for unit in self._roster.units if self._common.profile is None else ():
                try:
                    self._compare_profile(unit)
                except DeviceUnreachable as error:
                    self._roster.lose(unit, error)
                    failures.append(error)
            if self._common.profile is None:
                raise failures[0]
            return self._common.profile

    def time(
        self, candidate: Path, reference: Path, protocol: Mapping[str, float], shapes: Shapes | None = None
    ) -> Timing:
        key = self._key(reference, protocol, shapes)

        def read(unit: Unit) -> Timing:
            timing = unit.link.time(candidate, reference, protocol, shapes)
            unit.steadiness.add(key, timing.median_ms)
            others = [other.steadiness.times for other in self._roster.serving if other is not unit]
            if drifted := unit.steadiness.drifted(key, others):
                self._roster.set_aside(unit, f"what candidates are timed against {drifted}", unless_last=True)
            return timing

        return self._read(read)[0]

    def time_anchor(
        self, candidate: Path, reference: Path, protocol: Mapping[str, float], shapes: Shapes | None = None
    ) -> Timing:
        """The first unit's reading; then all others read the same at once, and are compared with it."""

        def read(unit: Unit) -> Timing:
            return unit.link.time(candidate, reference, protocol, shapes)

        timing, first = self._read(read)
        key = self._key(candidate, protocol, shapes)
        called = "the uncompressed model" if key == self._key(reference, protocol, shapes) else "the quantised model"
        anchor = _Anchor(key, called, read, first, latency_of(timing))
        first.steadiness.start(key, anchor.latency)
        self._common.anchors[key] = anchor
        others = [unit for unit in self._roster.serving if unit is not first]
        if others:
            with ThreadPoolExecutor(len(others)) as threads:
                list(threads.map(partial(self._compare, anchor), others))
        return timing

    def operators(
        self, candidate: Path, reference: Path, shapes: Shapes | None = None, rounds: int = 8, batch: int = 1
    ) -> tuple[ProfiledRun, ProfiledRun]:
        return self._read(lambda unit: unit.link.operators(candidate, reference, shapes, rounds, batch))[0]

    def memory(self, artifact: Path, shapes: Shapes | None = None, repeats: int = 3, batch: int = 1) -> Measurement:
        return self._read(lambda unit: unit.link.memory(artifact, shapes, repeats, batch))[0]

    def outputs(self, artifact: Path, feeds: Arrays) -> dict[str, NDArray[Any]]:
        return self._read(lambda unit: unit.link.outputs(artifact, feeds))[0]

    def prefer(self, rank: int) -> None:
        """Who waits does so before, at the owner's turnstile."""

    def take_readings(self) -> tuple[Span, ...]:
        return self._readings.take()

    def close(self) -> None:
        self._roster.close()
        for unit in self._roster.units:
            unit.link.close()

    def _read(self, action: Callable[[Unit], T]) -> tuple[T, Unit]:
        """What the action gives on the first free unit, or on another where that one cannot be reached; and which."""
        tried: list[Unit] = []
        while True:
            unit = self._roster.take(tried)
            try:
                if unit.standing is Standing.LOST:
                    self._roster.welcome(unit)
                if unit.standing is Standing.SERVES:
                    return self._on(unit, action), unit
            except DeviceUnreachable as error:
                tried.append(unit)
                self._roster.lose(unit, error)
            finally:
                self._roster.give_back(unit)

    def _on(self, unit: Unit, action: Callable[[Unit], T]) -> T:
        """What the action gives on a unit that is held."""
        try:
            value = action(unit)
        finally:
            self._readings.add(unit.link.take_readings())
        unit.losses = 0
        return value

    def _compare(self, anchor: _Anchor, unit: Unit) -> None:
        """Read an anchor on another unit, and set that aside where it does not agree."""
        if not self._roster.takes(unit):
            return
        try:
            self._make_sure(anchor, unit)
        except DeviceUnreachable as error:
            self._roster.lose(unit, error)
        except DeviceError as error:
            self._roster.set_aside(unit, first_line(error))
        finally:
            self._roster.give_back(unit)

    def _make_sure(self, anchor: _Anchor, unit: Unit) -> None:
        """Read an anchor on a unit that is held; where it does not agree, on both again before it is set aside."""
        latency = latency_of(self._on(unit, anchor.read))
        for _ in range(AGAIN):
            if agree(anchor.latency, latency):
                break
            if self._roster.takes(anchor.by):
                try:
                    anchor.latency = covering(anchor.latency, latency_of(self._on(anchor.by, anchor.read)))
                finally:
                    self._roster.give_back(anchor.by)
            latency = covering(latency, latency_of(self._on(unit, anchor.read)))
        unit.steadiness.start(anchor.key, latency)
        anchor.by.steadiness.start(anchor.key, anchor.latency)
        if not agree(anchor.latency, latency):
            there = f"{anchor.called} takes {shown(latency)} there, {shown(anchor.latency)} on {anchor.by.name}"
            self._roster.set_aside(unit, there)

    def _check(self, unit: Unit) -> None:
        """A unit that was lost is like the others, and agrees with them on what it has not read yet."""
        unit.link.close()
        self._compare_profile(unit)
        for anchor in list(self._common.anchors.values()):
            if unit.standing is Standing.LOST and anchor.key not in unit.steadiness.starts:
                self._make_sure(anchor, unit)

    def _compare_profile(self, unit: Unit) -> None:
        profile = unit.link.profile
        with self._common.mutex:
            if self._common.profile is None or self._common.of is None:
                self._common.profile, self._common.of = profile, unit
                return
            first = self._common.of
            found = [
                *self._common.profile.differences(profile),
                *_otherwise_used(first.link.options, unit.link.options),
            ]
        if found and unit is not first and unit.standing is not Standing.ASIDE:
            self._roster.set_aside(unit, f"it differs from {first.name}: {'; '.join(found)}")

    def _key(self, artifact: Path, protocol: Mapping[str, float], shapes: Shapes | None) -> Hashable:
        return run_of(self._digests.of(artifact), protocol, shapes)


def own_device(name: str, options: DeviceOptions, say: Callable[[str], None] = _LOG.warning) -> DeviceLink:
    """The device, owned by this process; several like ones as one.

    Args:
        name: in the search.
        options: of it.
        say: told in a line what befalls one of several like devices.
    """
    if not options.like:
        return Device(options)
    return Units(name, options, [Device(unit) for unit in options.units], say)


def at_once(device: DeviceLink) -> int:
    """How many readings of a device there may be at a time."""
    return device.at_once if isinstance(device, Units) else 1


def apart(device: DeviceLink) -> DeviceLink:
    """A device to ask beside others who ask it at the same time, with readings of one's own."""
    return device.apart() if isinstance(device, Units) else device


def _otherwise_used(there: DeviceOptions, here: DeviceOptions) -> list[str]:
    """In what the sessions on two devices differ, in words."""
    found = []
    for key, value in there.session.items():
        other = here.session.get(key)
        if value != other:
            found.append(f"other {key}" + ("" if key == "provider_options" else f" ({value} there, {other} here)"))
    return found
