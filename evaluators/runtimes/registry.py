"""Runtimes by name: the project's own, and those of other packages, found through entry points."""

from __future__ import annotations

from functools import cache

from ...spaces.errors import ConfigError
from ...spaces.installed import entry_points
from ...spaces.messages import did_you_mean
from .litert_runtime import LiteRt
from .ncnn_runtime import Ncnn
from .onnx_runtime import OnnxRuntime
from .openvino_runtime import OpenVino
from .runtime import Runtime

GROUP = "parefront.runtimes"
"""Entry-point group by which other packages register a subclass of :class:`Runtime`."""

BUILT_IN: dict[str, type[Runtime]] = {kind.name: kind for kind in (OnnxRuntime, OpenVino, Ncnn, LiteRt)}
"""The project's own."""


def runtime_names() -> list[str]:
    """The names that ``device: {runtime: …}`` may have, those of installed packages included."""
    others = {point.name for point in entry_points(group=GROUP)}
    return [*BUILT_IN, *sorted(others - BUILT_IN.keys())]


def runtime_of(name: str) -> Runtime:
    """The runtime of that name.

    Raises:
        ConfigError: for an unknown name, with the known ones; for one that is registered and is no runtime.
    """
    return BUILT_IN[name]() if name in BUILT_IN else _registered(name)


@cache
def _registered(name: str) -> Runtime:
    for point in entry_points(group=GROUP, name=name):
        try:
            found = point.load()
        except (ImportError, AttributeError) as error:
            raise ConfigError(f"runtime {name!r} cannot be imported from {point.value}: {error}") from error
        if not (isinstance(found, type) and issubclass(found, Runtime)):
            raise ConfigError(f"runtime {name!r}: expected a subclass of Runtime, got {found!r}")
        return found()
    raise ConfigError(f"unknown runtime {name!r}{did_you_mean(name, runtime_names())}")
