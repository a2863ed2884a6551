"""Stands for a device in a process that does not own it: asks the owner."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from ...results.measurement import Measurement
from ...results.span import Span
from ..device import Shapes
from ..device_options import DeviceOptions
from ..device_profile import DeviceProfile
from ..outputs import Arrays
from ..profiled_run import ProfiledRun
from ..readings import Readings
from ..timing import Timing
from .request import Content, Method, Reply, Request

Ask = Callable[[Request], Reply]
"""Takes a request to the owner and its reply, or the error that it raised, back; called by several threads at once."""


class RemoteDevice:
    """A ``DeviceLink`` to a device that another process owns.

    Args:
        name: of the device in the search; ``""`` for the only one.
        options: as the owner has them.
        ask: the way to the owner.
        by_content: whether artefacts are sent as bytes, each once as long as the owner keeps it, instead of as paths.
    """

    def __init__(self, name: str, options: DeviceOptions, ask: Ask, by_content: bool = False) -> None:
        self.options = options
        self._device, self._ask, self._by_content = name, ask, by_content
        self._rank = 0
        self._readings = Readings()

    @property
    def name(self) -> str:
        return self.options.name

    @cached_property
    def profile(self) -> DeviceProfile:
        profile: DeviceProfile = self._asked("profile")
        return profile

    def prefer(self, rank: int) -> None:
        """As :meth:`..link.DeviceLink.prefer`."""
        self._rank = rank

    def time(
        self, candidate: Path, reference: Path, protocol: Mapping[str, float], shapes: Shapes | None = None
    ) -> Timing:
        timing: Timing = self._asked("time", candidate, reference, protocol=dict(protocol), shapes=shapes)
        return timing

    def time_anchor(
        self, candidate: Path, reference: Path, protocol: Mapping[str, float], shapes: Shapes | None = None
    ) -> Timing:
        timing: Timing = self._asked("time_anchor", candidate, reference, protocol=dict(protocol), shapes=shapes)
        return timing

    def operators(
        self, candidate: Path, reference: Path, shapes: Shapes | None = None, rounds: int = 8, batch: int = 1
    ) -> tuple[ProfiledRun, ProfiledRun]:
        found: tuple[ProfiledRun, ProfiledRun] = self._asked(
            "operators", candidate, reference, shapes=shapes, rounds=rounds, batch=batch
        )
        return found

    def memory(self, artifact: Path, shapes: Shapes | None = None, repeats: int = 3, batch: int = 1) -> Measurement:
        peak: Measurement = self._asked("memory", artifact, shapes=shapes, repeats=repeats, batch=batch)
        return peak

    def outputs(self, artifact: Path, feeds: Arrays) -> dict[str, NDArray[Any]]:
        found: dict[str, NDArray[Any]] = self._asked("outputs", artifact, feeds=dict(feeds))
        return found

    def take_readings(self) -> tuple[Span, ...]:
        return self._readings.take()

    def close(self) -> None:
        """The device is its owner's to close."""

    def _asked(self, method: Method, *artifacts: Path, **arguments: Any) -> Any:
        contents = tuple(_content(path) for path in artifacts) if self._by_content else ()
        request = Request(self._device, method, tuple(_bare(c) for c in contents) or artifacts, arguments, self._rank)
        reply = self._ask(request)
        if reply.missing:
            sent = tuple(c if c.sha256 in reply.missing else _bare(c) for c in contents)
            reply = self._ask(replace(request, artifacts=sent))
        while reply.missing:  # the owner has let one go meanwhile
            reply = self._ask(replace(request, artifacts=contents))
        self._readings.add(reply.readings)
        return reply.value


def _content(path: Path) -> Content:
    content = path.read_bytes()
    return Content(hashlib.sha256(content).hexdigest(), content)


def _bare(content: Content) -> Content:
    return replace(content, content=None)
