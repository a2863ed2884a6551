"""Owns devices for processes that evaluate: one reading of each at a time, the most promising candidate's first."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import ExitStack
from functools import partial
from pathlib import Path

from ....spaces.errors import ConfigError
from ..device_options import DeviceOptions
from ..device_profile import DeviceProfile
from ..link import DeviceLink, OpenDevice
from ..units import apart, at_once, own_device
from ..worker import scratch_folder
from .kept_contents import KeptContents, MissingContents
from .request import Reply, Request
from .turnstile import Turnstile


class DeviceOwner:
    """Serves requests for its devices, each in the thread that calls :meth:`serve`.

    The device's own locks lie under the turnstile: another search on this machine or of another cluster is waited for.

    Args:
        open_device: makes each device.
    """

    def __init__(self, open_device: OpenDevice = own_device) -> None:
        self._make = open_device
        self._devices: dict[str, DeviceLink] = {}
        self._profiles: dict[str, DeviceProfile] = {}
        self._turnstiles: dict[str, Turnstile] = {}
        self._mutex = threading.Lock()
        self._folder = ExitStack()
        self._contents: KeptContents | None = None

    def open(self, name: str, options: DeviceOptions) -> DeviceLink:
        """The device of that name, made at the first call; an ``OpenDevice`` for an evaluator of the owner's process.

        What that evaluator asks goes past the turnstile: it measures before and after evaluations, not beside them.
        """
        with self._mutex:
            if name not in self._devices:
                self._devices[name] = self._make(name, options)
                self._turnstiles[name] = Turnstile(partial(at_once, self._devices[name]))
            return self._devices[name]

    def serve(self, request: Request, is_wanted: Callable[[], bool] = lambda: True) -> Reply:
        """Answer a request, after waiting for the device.

        Args:
            request: about a device that was opened before.
            is_wanted: whether the asker still lives; asked while the request waits.

        Raises:
            DeviceError: as the device raises it; also where bytes are not what their digest says.
            Withdrawn: where the request is no longer wanted.
            ConfigError: where no device of that name was opened.
        """
        device = self._devices.get(request.device)
        if device is None:
            raise ConfigError(f"no device {request.device!r} was opened; known: {', '.join(self._devices) or 'none'}")
        if request.method == "profile":
            return Reply(self._profile(request.device, device))
        with ExitStack() as held:
            try:
                paths = held.enter_context(self._kept.paths(request.artifacts))
            except MissingContents as missing:
                return Reply(missing=missing.digests)
            held.enter_context(self._turnstiles[request.device].turn(request.rank, is_wanted))
            asked = apart(device)
            asked.take_readings()
            value = getattr(asked, request.method)(*paths, **request.arguments)
            return Reply(value, asked.take_readings())

    def waiting(self, name: str) -> int:
        """How many requests wait for the device."""
        return self._turnstiles[name].waiting

    def close(self) -> None:
        """Close the devices, and remove what came over the wire."""
        for device in self._devices.values():
            device.close()
        self._folder.close()

    def _profile(self, name: str, device: DeviceLink) -> DeviceProfile:
        """Asked of the device once: whoever asks may keep others from computing, which a reading would wait for."""
        if name not in self._profiles:
            self._profiles[name] = device.profile
        return self._profiles[name]

    @property
    def _kept(self) -> KeptContents:
        with self._mutex:
            if self._contents is None:
                self._contents = KeptContents(Path(self._folder.enter_context(scratch_folder())))
            return self._contents
