"""The owners of the devices, each an actor on the node that it is reached from, and the way to them."""

from __future__ import annotations

import logging
import os
import time
from collections import deque
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from ....evaluators.device.device import DeviceOptions
from ....evaluators.device.errors import AnswerMalformed, DeviceUnreachable
from ....evaluators.device.link import DeviceLink
from ....evaluators.device.lock import BUSY_SECONDS
from ....evaluators.device.remote.owner import DeviceOwner
from ....evaluators.device.remote.remote_device import RemoteDevice
from ....evaluators.device.remote.request import Reply, Request
from ....evaluators.device.units import own_device
from .cluster import Cluster, on_node

AGAIN_SECONDS = 2.0
AT_ONCE = 64
"""Requests that wait for a device in their order of promise, each in a thread of its owner; others wait before that."""
MOST_NEWS = 100
"""Lines that an owner keeps until somebody asks."""

_LOG = logging.getLogger("parefront")


class OwnerActor:
    """Owns one device, or several like ones; its methods run in threads, one for each request."""

    def __init__(self, name: str, options: DeviceOptions) -> None:
        with suppress(OSError):  # where that is allowed; by default Ray lets any other program go before its own
            os.nice(-os.nice(0))
        self._news: deque[str] = deque(maxlen=MOST_NEWS)
        self._owner = DeviceOwner(partial(own_device, say=self._news.append))
        self._owner.open(name, options)

    def serve(self, request: Request) -> Reply:
        return self._owner.serve(request)

    def news(self) -> list[str]:
        """Lines on what has befallen like devices since this was last called."""
        return [self._news.popleft() for _ in range(len(self._news))]


@dataclass
class DeviceActors:
    """Ways to the devices of a search; can be sent to any process of the cluster, which then has them, too.

    Attributes:
        owners: the actors, by the device's name.
        several: the names of those that there are several like ones of.
        say: told in one line where a device is waited for.
        seconds: for which a device that is lost is waited for.
    """

    owners: Mapping[str, Any]
    several: tuple[str, ...] = ()
    say: Callable[[str], None] = field(default=_LOG.warning)
    seconds: float = BUSY_SECONDS

    @classmethod
    def start(
        cls, cluster: Cluster, devices: Mapping[str, DeviceOptions], seconds: float = BUSY_SECONDS
    ) -> DeviceActors:
        """Start an owner for each device, where ``device_nodes`` says, and otherwise on the controller's node."""
        import ray

        places = cluster.options.device_nodes or {}
        owners = {}
        for name, options in devices.items():
            where = _pinned(places[name]) if name in places else on_node(cluster.node)
            actor = ray.remote(OwnerActor).options(num_cpus=0, max_restarts=-1, max_concurrency=AT_ONCE, **where)
            owners[name] = actor.remote(name, options)
        several = tuple(name for name, options in devices.items() if options.like)
        return cls(owners, several, seconds=seconds)

    def open(self, name: str, options: DeviceOptions) -> DeviceLink:
        """The way to a device; an ``OpenDevice``."""
        return RemoteDevice(name, options, partial(self._ask, self.owners[name]), by_content=True)

    def tell_news(self, say: Callable[[str], None]) -> None:
        """Ask the owners of several like devices what has befallen these, and say it once they answer."""

        def told(reply: Future[list[str]]) -> None:
            if reply.exception() is None:
                for line in reply.result():
                    say(line)

        for name in self.several:
            self.owners[name].news.remote().future().add_done_callback(told)

    def _ask(self, owner: Any, request: Request) -> Reply:
        """The owner's reply; where owner or device are lost, once they are back.

        Raises:
            DeviceUnreachable: where they are not, for so many seconds.
        """
        import ray

        began, said = time.monotonic(), False
        while True:
            try:
                reply: Reply = ray.get(owner.serve.remote(request))
                return reply
            except ray.exceptions.RayTaskError as error:
                cause = error.cause
                if not isinstance(cause, DeviceUnreachable) or isinstance(cause, AnswerMalformed):
                    raise cause from None
                lost: Exception = cause
            except ray.exceptions.RayActorError as error:
                lost = error
            if time.monotonic() - began > self.seconds:
                if isinstance(lost, DeviceUnreachable):
                    raise lost
                raise DeviceUnreachable(
                    f"the node that the device {request.device or 'of the search'} is reached from has been lost for "
                    f"{self.seconds:.0f} s"
                ) from lost
            if not said:
                said = True
                self.say(f"waiting for the device {request.device}".rstrip() + ", which cannot be reached now")
            time.sleep(AGAIN_SECONDS)


def _pinned(place: str) -> dict[str, Any]:
    """Options of an actor on the node with that resource, or with that label."""
    label, separator, value = place.partition("=")
    return {"label_selector": {label: value}} if separator else {"resources": {place: 1}}
