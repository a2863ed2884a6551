"""In which runtime candidates are scored, and where: the device's own, since accuracy is the runtime's, too."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from ....spaces.errors import ConfigError
from ...device.device_options import DeviceOptions
from ...device.device_profile import DeviceProfile
from ...device.link import DeviceLink
from ...runtimes.registry import runtime_of
from ...runtimes.runtime import Opener, Runtime
from .openers import AnyOpener, Openers
from .scored_there import DeviceOpener


@dataclass(frozen=True)
class Scored:
    """How candidates are scored in one runtime.

    Attributes:
        opens: opens their files.
        why: in words, why that is done on the device, though it is slower; nothing where it is done here.
    """

    opens: AnyOpener
    why: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """What a run records of it, as ``scored``; nothing of ONNX Runtime, in which files give the same anywhere."""
        opens = self.opens
        if opens.runtime.is_exact:
            return {}
        here = isinstance(opens, Opener)
        where = {"on": "this machine" if here else "the device", "because": list(self.why)}
        return {"scored": {"runtime": opens.runtime.name, "precision": opens.precision, **where}}


@dataclass(frozen=True)
class ScoredIn:
    """How candidates are scored, in each runtime that the device has for them.

    Attributes:
        by_name: by the name of the choice, the first one first.
    """

    by_name: Mapping[str, Scored]

    @property
    def opens(self) -> Openers:
        """Opens their files."""
        return Openers({name: scored.opens for name, scored in self.by_name.items()})

    @property
    def why(self) -> tuple[str, ...]:
        """In words, why some are scored on the device."""
        return tuple(dict.fromkeys(why for scored in self.by_name.values() for why in scored.why))

    def to_json(self) -> dict[str, Any]:
        """What a run records of it: ``scored``; of several the names of the choices as ``runtimes``, and ``scored_in``,
        a list of the same for those that are not ONNX Runtime."""
        told = [scored.to_json() for scored in self.by_name.values()]
        if len(told) == 1:
            return told[0]
        return {"runtimes": list(self.by_name), "scored_in": [each["scored"] for each in told if each]}


def scored_in(device: DeviceLink, here: Callable[[], DeviceProfile]) -> ScoredIn:
    """In the runtimes and precisions of a device: on this machine where that gives the same outputs, else on the
    device.

    Args:
        device: that candidates are measured on.
        here: gives this machine's profile.
    """
    return ScoredIn({choice.name: _scored_in(choice.name, device, here) for choice in device.options.choices})


def _scored_in(choice: str, device: DeviceLink, here: Callable[[], DeviceProfile]) -> Scored:
    runtime, profile = runtime_of(device.options.in_choice(choice).runtime), device.profile.in_choice(choice)
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
    used = {name: o.choices for name, o in places.items()}
    if len(set(used.values())) > 1:
        worded = {n: " and ".join(f"{c.runtime} in {c.precision}" for c in choices) for n, choices in used.items()}
        listed = ", ".join(f"{name} has {text}" for name, text in worded.items())
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
