"""The owners of the devices, each an actor on the node that it is reached from, and the way to them."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping
from concurrent.futures import Future, wait
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from ....evaluators.device.device_options import DeviceOptions
from ....evaluators.device.errors import AnswerMalformed, DeviceUnreachable
from ....evaluators.device.link import DeviceLink
from ....evaluators.device.lock import BUSY_SECONDS
from ....evaluators.device.remote.remote_device import RemoteDevice
from ....evaluators.device.remote.request import Reply, Request
from ....spaces.errors import ConfigError
from ....spaces.messages import one_line
from .cluster import Cluster, on_node
from .owner_actor import OwnerActor
from .places import Place

AGAIN_SECONDS = 2.0
START_SECONDS = 20.0
"""For which an owner may start before that is told."""
END_SECONDS = 3.0
"""For which an owner may close its device, which waits for a reading under way."""
AT_ONCE = 64
"""Requests that wait for a device in their order of promise, each in a thread of its owner; others wait before that."""
ASIDE = "aside"
"""The threads of an owner that are left for what does not wait for the device."""

_LOG = logging.getLogger("parefront")


@dataclass
class DeviceActors:
    """Ways to the devices of a search; can be sent to any process of the cluster, which then has them, too.

    Attributes:
        owners: the actors, by the device's name.
        places: where those run that do not run on the controller's node.
        several: the names of those that there are several like ones of.
        say: told in one line where a device is waited for, and when it is back.
        seconds: for which a device that is lost is waited for.
    """

    owners: Mapping[str, Any]
    places: Mapping[str, Place] = field(default_factory=dict)
    several: tuple[str, ...] = ()
    say: Callable[[str], None] = field(default=_LOG.warning)
    seconds: float = BUSY_SECONDS
    _started: set[str] = field(default_factory=set, init=False)

    @classmethod
    def start(
        cls, cluster: Cluster, devices: Mapping[str, DeviceOptions], seconds: float = BUSY_SECONDS
    ) -> DeviceActors:
        """Start an owner for each device, where ``device_nodes`` says, and otherwise on the controller's node.

        Raises:
            ConfigError: where Ray refuses what ``device_nodes`` says.
        """
        import ray

        asked = cluster.options.device_nodes or {}
        places = {name: Place.parse(asked[name]) for name in devices if name in asked}
        actor = ray.remote(num_cpus=0, max_restarts=-1, max_concurrency=AT_ONCE, concurrency_groups={ASIDE: 1})(
            OwnerActor
        )
        owners = {}
        for name, options in devices.items():
            where = places[name].options if name in places else on_node(cluster.node)
            try:
                owners[name] = actor.options(**where).remote(name, options)
            except ValueError as error:
                raise ConfigError(
                    f"executor.device_nodes: Ray refuses {places.get(name)}: {one_line(error)}"
                ) from error
        several = tuple(name for name, options in devices.items() if options.like)
        return cls(owners, places, several, seconds=seconds)

    def open(self, name: str, options: DeviceOptions) -> DeviceLink:
        """The way to a device; an ``OpenDevice``."""
        return RemoteDevice(name, options, partial(self._ask, name), by_content=True)

    def tell_news(self, say: Callable[[str], None], seconds: float = 0.0) -> None:
        """Ask the owners of several like devices what has befallen these, and say it once they answer.

        Args:
            say: told each line, as a rule from another thread.
            seconds: for which to wait for the answers.
        """

        def told(reply: Future[list[str]]) -> None:
            if reply.exception() is None:
                for line in reply.result():
                    say(line)

        replies = [self.owners[name].news.options(concurrency_group=ASIDE).remote().future() for name in self.several]
        for reply in replies:
            reply.add_done_callback(told)
        wait(replies, seconds)

    def close(self) -> None:
        """Close the devices, and end their owners."""
        import ray

        closing = [owner.close.options(concurrency_group=ASIDE).remote() for owner in self.owners.values()]
        if closing:
            ray.wait(closing, num_returns=len(closing), timeout=END_SECONDS)
        for owner in self.owners.values():
            ray.kill(owner)

    def _ask(self, name: str, request: Request) -> Reply:
        """The owner's reply; where owner or device are lost, once they are back.

        Raises:
            DeviceUnreachable: where they are not, for so many seconds, or the owner cannot be made.
        """
        import ray

        self._wait_for_start(name)
        began, said = time.monotonic(), False
        while True:
            try:
                reply: Reply = ray.get(self.owners[name].serve.remote(request))
                if said:
                    self.say(f"{_called(name)} can be reached again")
                return reply
            except ray.exceptions.RayTaskError as error:
                cause = error.cause
                if not isinstance(cause, DeviceUnreachable) or isinstance(cause, AnswerMalformed):
                    raise cause from None
                lost: Exception = cause
            except ray.exceptions.RayActorError as error:
                if error.actor_init_failed:
                    why = str(error).rstrip().rpartition("\n")[2].strip()
                    raise DeviceUnreachable(f"the owner of {_called(name)} could not be made: {why}") from None
                lost = error
            except ray.exceptions.ObjectLostError as error:  # the owner's node, with a reply that was under way
                lost = error
            if time.monotonic() - began > self.seconds:
                if isinstance(lost, DeviceUnreachable):
                    raise lost
                raise DeviceUnreachable(
                    f"the node that {_called(name)} is reached from has been lost for {self.seconds:.0f} s"
                ) from lost
            if not said:
                said = True
                self.say(f"waiting for {_called(name)}, which cannot be reached now")
            time.sleep(AGAIN_SECONDS)

    def _wait_for_start(self, name: str) -> None:
        """Wait until the owner has been started: what is asked of it before waits for ever where no node has its place.

        Raises:
            DeviceUnreachable: where it has not, for so many seconds.
        """
        import ray

        if name in self._started:
            return
        place = self.places.get(name)
        where = "the controller's node" if place is None else f"a node with {place}"
        is_ready = self.owners[name].__ray_ready__.options(concurrency_group=ASIDE).remote()
        began, said = time.monotonic(), False
        while not ray.wait([is_ready], timeout=min(START_SECONDS, self.seconds))[0]:
            waited = time.monotonic() - began
            if waited >= self.seconds:
                raise DeviceUnreachable(
                    f"the owner of {_called(name)} could not be started on {where} within {self.seconds:.0f} s: there "
                    "is none, or another search has it"
                )
            if not said:
                said = True
                self.say(f"waiting for {where}, which {_called(name)} is reached from")
        self._started.add(name)


def _called(name: str) -> str:
    return f"the device {name}".rstrip()
