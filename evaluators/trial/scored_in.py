"""In which runtime candidates are scored, and where: the device's own, since accuracy is the runtime's, too."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from ...spaces.errors import ConfigError
from ..device.device import DeviceOptions
from ..device.device_profile import DeviceProfile
from ..device.link import DeviceLink
from ..runtimes.registry import runtime_of
from ..runtimes.runtime import Opener, Runtime
from .scored_there import DeviceOpener


@dataclass(frozen=True)
class Scored:
    """How candidates are scored.

    Attributes:
        opens: opens their files.
        why: in words, why that is done on the device, though it is slower; nothing where it is done here.
    """

    opens: Opener | DeviceOpener
    why: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """What a run records of it, as ``scored``; nothing of ONNX Runtime, in which files give the same anywhere."""
        opens = self.opens
        if opens.runtime.is_exact:
            return {}
        here = isinstance(opens, Opener)
        where = {"on": "this machine" if here else "the device", "because": list(self.why)}
        return {"scored": {"runtime": opens.runtime.name, "precision": opens.precision, **where}}


def scored_in(device: DeviceLink, here: Callable[[], DeviceProfile]) -> Scored:
    """In the runtime and precision of a device: on this machine where that gives the same outputs, else on the device.

    Args:
        device: that candidates are measured on.
        here: gives this machine's profile.
    """
    runtime, profile = runtime_of(device.options.runtime), device.profile
    if runtime.is_exact:
        return Scored(Opener(runtime))
    why = tuple(_apart(runtime, profile, here))
    return Scored(DeviceOpener(runtime, profile.precision, device) if why else Opener(runtime, profile.precision), why)


def _apart(runtime: Runtime, profile: DeviceProfile, here: Callable[[], DeviceProfile]) -> Iterator[str]:
    """What makes outputs on a device others than those on this machine."""
    version = runtime.version()
    if version is None:
        yield f"{runtime.name} is not installed on this machine"
    elif profile.runtime_version != version:
        yield f"another {runtime.name} ({profile.runtime_version} on the device, {version} here)"
    if changed := set(profile.flags) ^ set(here().flags):
        yield f"other instructions of the CPU ({', '.join(sorted(changed))})"


def check_one_runtime(places: Mapping[str, DeviceOptions]) -> None:
    """Raise ``ConfigError`` where devices have several runtimes or precisions: accuracy is computed in one."""
    used = {name: (o.runtime, o.precision) for name, o in places.items()}
    if len(set(used.values())) > 1:
        listed = ", ".join(f"{name} has {runtime} in {precision}" for name, (runtime, precision) in used.items())
        raise ConfigError(
            f"devices: expected one runtime and precision for all, since accuracy is computed in it; {listed}; "
            "search on one of them, and measure its candidates on the others by `parefront retarget`"
        )


def scores_differ(there: DeviceProfile, here: DeviceProfile) -> bool:
    """Whether what a run scored for one device says too little of another: in another runtime, or in one that is not
    exact another version, precision or processor."""
    if there.runtime != here.runtime:
        return True
    if runtime_of(here.runtime).is_exact:
        return False
    return bool(there.other_runtime(here)) or there.flags != here.flags
