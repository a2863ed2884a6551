"""In which runtime candidates are scored: the device's own, on this machine, since accuracy is the runtime's too."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from ...spaces.errors import ConfigError
from ..device.device import DeviceOptions
from ..device.device_profile import DeviceProfile
from ..runtimes.registry import runtime_of
from ..runtimes.runtime import DEFAULT, Opener


def opener_on(options: DeviceOptions, profile: DeviceProfile) -> Opener:
    """Opens files in the runtime of a device, in the precision that is in effect there.

    Raises:
        RuntimeUnavailable: where it is not installed here, or the processor here has no such precision.
    """
    runtime = runtime_of(options.runtime)
    if options.runtime == DEFAULT:
        return Opener(runtime)
    return Opener(runtime, runtime.precision(profile.precision or options.precision))


def told_of(opener: Opener, profile: DeviceProfile, here: Callable[[], DeviceProfile]) -> dict[str, Any]:
    """What a run records of the runtime that its candidates were scored in; nothing of ONNX Runtime.

    Args:
        opener: that opens candidates.
        profile: of the device that they are measured on.
        here: gives this machine's.

    Returns:
        ``runtime``, ``version``, ``precision``, and in ``differences``, in words, what makes outputs on the device
        others than those that were scored: another version there, other instructions of the processor.
    """
    if opener.runtime.name == DEFAULT:
        return {}
    version = str(opener.runtime.version())
    found = []
    if profile.runtime_version != version:
        found.append(f"another version ({profile.runtime_version} on the device, {version} here)")
    if changed := set(profile.flags) ^ set(here().flags):
        found.append(f"other instructions of the CPU ({', '.join(sorted(changed))})")
    fields = {"runtime": opener.runtime.name, "version": version, "precision": opener.precision}
    return {"scored": {**fields, "differences": found}}


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
