"""The owner of one device, as an actor: serves requests in threads, and keeps what is told of several like devices."""

from __future__ import annotations

import os
import threading
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace

from ....evaluators.device.device_options import DeviceOptions
from ....evaluators.device.link import DeviceLink
from ....evaluators.device.remote.owner import DeviceOwner
from ....evaluators.device.remote.request import Content, Reply, Request
from ....evaluators.device.units import own_device

MOST_NEWS = 100
"""Lines that an owner keeps until somebody asks."""


class OwnerActor:
    """Owns one device, or several like ones; its methods run in threads, one for each request.

    Several like devices are compared by what candidates are timed against before they share readings. An owner that was
    lost and starts anew has compared nothing yet, which nobody who asks knows: it compares them by a reference that it
    has not met before a candidate is timed against that.

    Args:
        name: of the device in the search.
        options: of it.
        make: makes the way to it, given a function that is told in a line what befalls one of several like devices.
    """

    def __init__(
        self,
        name: str,
        options: DeviceOptions,
        make: Callable[[str, DeviceOptions, Callable[[str], None]], DeviceLink] = own_device,
    ) -> None:
        with suppress(OSError):  # where that is allowed; by default Ray lets any other program go before its own
            os.nice(-os.nice(0))
        self._news: deque[str] = deque(maxlen=MOST_NEWS)
        self._owner = DeviceOwner(lambda name, options: make(name, options, self._news.append))
        self._owner.open(name, options)
        self._several = bool(options.like)
        self._compared: set[str] = set()
        self._comparing = threading.Lock()

    def serve(self, request: Request) -> Reply:
        """As :meth:`DeviceOwner.serve`."""
        if self._several and request.method == "time":
            missing = self._compare_by(request)
            if missing:
                return Reply(missing=missing)
        reply = self._owner.serve(request)
        if request.method == "time_anchor" and not reply.missing:
            self._compared.add(_digest(request, 0))
        return reply

    def news(self) -> list[str]:
        """Lines on what has befallen like devices since this was last called."""
        return [self._news.popleft() for _ in range(len(self._news))]

    def close(self) -> None:
        """Close the device, and remove the artefacts that were sent here."""
        self._owner.close()

    def _compare_by(self, request: Request) -> tuple[str, ...]:
        """Compare the devices by the reference of a request where that is still to be done.

        Its readings are no candidate's, and told to nobody.

        Returns:
            Digests of artefacts whose bytes have to be sent first.
        """
        with self._comparing:
            if _digest(request, 1) in self._compared:
                return ()
            reference = request.artifacts[1]
            reply = self._owner.serve(replace(request, method="time_anchor", artifacts=(reference, reference)))
            if not reply.missing:
                self._compared.add(_digest(request, 1))
            return reply.missing


def _digest(request: Request, index: int) -> str:
    """Of the artefact at that place of a request."""
    artifact = request.artifacts[index]
    assert isinstance(artifact, Content), "artefacts are sent to an actor by their contents"
    return artifact.sha256
