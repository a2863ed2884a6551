"""The seam of devices: what is asked of one, whether this process owns it or another one does."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Protocol, TypeAlias

from numpy.typing import NDArray

from ..results.measurement import Measurement
from ..results.span import Span
from .device import Shapes
from .device_options import DeviceOptions
from .device_profile import DeviceProfile
from .outputs import Arrays
from .profiled_run import ProfiledRun
from .timing import Timing


class DeviceLink(Protocol):
    """A way to a device: :class:`.device.Device` itself, or one that stands for it in a process that asks the owner.

    One reading at a time: whoever asks while another reading is going on waits. Several like devices are one link, with
    one reading at a time on each (:class:`.units.Units`). Errors are those of ``Device``.
    """

    @property
    def options(self) -> DeviceOptions: ...

    @property
    def name(self) -> str:
        """How messages call it."""
        ...

    @property
    def profile(self) -> DeviceProfile: ...

    def time(
        self, candidate: Path, reference: Path, protocol: Mapping[str, float], shapes: Shapes | None = None
    ) -> Timing:
        """As :meth:`.device.Device.time`."""
        ...

    def time_anchor(
        self, candidate: Path, reference: Path, protocol: Mapping[str, float], shapes: Shapes | None = None
    ) -> Timing:
        """As :meth:`time`, of what candidates are timed against: on every one of several like devices."""
        ...

    def operators(
        self, candidate: Path, reference: Path, shapes: Shapes | None = None, rounds: int = 8, batch: int = 1
    ) -> tuple[ProfiledRun, ProfiledRun]:
        """As :meth:`.device.Device.operators`."""
        ...

    def memory(self, artifact: Path, shapes: Shapes | None = None, repeats: int = 3, batch: int = 1) -> Measurement:
        """As :meth:`.device.Device.memory`."""
        ...

    def outputs(self, artifact: Path, feeds: Arrays) -> dict[str, NDArray[Any]]:
        """As :meth:`.device.Device.outputs`."""
        ...

    def prefer(self, rank: int) -> None:
        """Say what is asked about next: a candidate that so many members of the front dominate in what is known of it.

        Of several that wait, those that fewer dominate go first.
        """
        ...

    def take_readings(self) -> tuple[Span, ...]:
        """When the device was read for what was asked here since this was last called."""
        ...

    def close(self) -> None: ...


OpenDevice: TypeAlias = Callable[[str, DeviceOptions], DeviceLink]
"""Makes the way to the device of that name, ``""`` for the only one, with these options."""
