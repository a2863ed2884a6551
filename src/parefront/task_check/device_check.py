"""Checks what is asked of the devices before anything is written: metrics, threads and providers that they have not."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from ..evaluators.device.device_options import DeviceOptions
from ..evaluators.device.device_profile import DeviceProfile
from ..evaluators.results.metric import Metric, device_of, on_any_device
from ..evaluators.runtimes.runtime import DEFAULT
from ..spaces.errors import ConfigError

ENERGY = "energy_mj"


def check_devices(
    metrics: Iterable[Metric], places: Mapping[str, DeviceOptions], profiles: Mapping[str, DeviceProfile]
) -> None:
    """Raise ``ConfigError``, in one line, for the first thing that a device cannot do.

    Args:
        metrics: that objectives and budgets are about.
        places: how the devices are reached and used, by name; ``""`` is the only one of a config that names none.
        profiles: what they say of themselves.
    """
    for name, options in places.items():
        _check_use(name, options, profiles[name])
    for metric in metrics:
        name = device_of(metric.name) or next(iter(places))
        if on_any_device(metric.key) == ENERGY and not profiles[name].energy:
            raise ConfigError(
                f"{metric.name}: {_called(name)} ({profiles[name].cpu or 'of an unknown CPU'}) tells no energy: it has "
                "no RAPL counters under /sys/class/powercap, or hides them from this user; leave the metric out"
            )


def _check_use(name: str, options: DeviceOptions, profile: DeviceProfile) -> None:
    section = f"devices.{name}" if name else "device"
    if options.threads > profile.cores > 0:
        raise ConfigError(
            f"{section}.threads: expected at most the {profile.cores} cores that {_called(name)} has to use, got "
            f"{options.threads}; threads that share a core wait for each other"
        )
    if options.runtime == DEFAULT and options.providers[0] not in profile.providers:
        raise ConfigError(
            f"{section}.providers: onnxruntime on {_called(name)} has no {options.providers[0]!r}; it has "
            f"{', '.join(profile.providers)}"
        )


def _called(name: str) -> str:
    return f"the device {name!r}" if name else "the device"
