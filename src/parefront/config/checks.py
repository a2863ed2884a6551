"""What the sections of a config name that only other packages know: metrics, budgets, devices, samplers, methods."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import partial

from pydantic import ValidationError

from ..callbacks.registry import check_callbacks
from ..compressors.registry import find
from ..compressors.repair.registry import repair_of
from ..evaluators.results.budget import Budget
from ..evaluators.results.metric import device_of
from ..evaluators.trial.timing.timer import longer
from ..search.executors.ray.places import Place
from ..search.registry import check_options, sampler_names
from ..search.runs.recover_settings import RecoverSettings
from ..search.runs.run_config import RunConfig
from ..search.runs.settings import SearchSettings
from ..spaces.errors import ConfigError
from ..spaces.messages import did_you_mean
from ..spaces.variables import expanded
from .invalid import explain
from .models import DEFAULT_COMPRESSORS, Config, DeviceConfig, SearchConfig


def unknown_names(config: Config) -> Iterator[tuple[str, str]]:
    """Key and problem of what other packages do not accept: metrics, budgets, device, samplers, compressors."""
    checks: dict[str, Callable[[], object]] = {
        "objectives": lambda: SearchSettings.of(RunConfig(objectives=tuple(config.objectives)), quality=None),
        "budget": lambda: SearchSettings.of(RunConfig(budget=tuple(config.budget)), quality=None),
        "device": config.device.options,
        "devices": lambda: _check_devices(config),
        "latency": lambda: _check_latency(config),
        "executor.device_nodes": lambda: _check_device_nodes(config),
        "search.storage": lambda: expanded(config.search.storage, "search.storage"),
        "search.sampler": lambda: _check_sampler(config.search.sampler),
        "search.reuse_scores": lambda: _check_reuse(config.search),
        "search.sampler_options": lambda: check_options(config.search.sampler, config.search.sampler_options),
        "recover": lambda: RecoverSettings.of(config.recover.model_dump()),
        "recover.repair": lambda: repair_of(config.recover.repair or "none"),
        "callbacks": lambda: check_callbacks(config.callbacks),
        "compress": lambda: _check_any(config.compress),
        **{f"compress.{name}": partial(_check_compressor, name, config) for name in config.compress},
    }
    for key, check in checks.items():
        try:
            check()
        except ConfigError as error:
            yield key, str(error)


def _check_devices(config: Config) -> None:
    if config.devices and config.device != DeviceConfig():
        raise ConfigError("devices: expected either device or devices, got both")
    config.places()
    for name in [*config.objectives, *(Budget.parse(text, quality=None).metric.name for text in config.budget)]:
        if device_of(name) and device_of(name) not in config.devices:
            known = did_you_mean(device_of(name), list(config.devices)) or "; devices: {NAME: {…}} names some"
            raise ConfigError(f"{name}: no device {device_of(name)!r}{known}")


def _check_latency(config: Config) -> None:
    final = longer(config.latency.protocol())
    longest = final.warmup_seconds + final.max_seconds
    units = [(name, unit) for name, device in config.places().items() for unit in device.units]
    for name, device in units:
        if longest >= device.deadline_seconds:
            where = f"devices.{name}" if name else "device"
            raise ConfigError(
                f"latency: the final step measures for up to {longest:.0f} s, and {where}.deadline_seconds is "
                f"{device.deadline_seconds:.0f}; raise that, or lower max_seconds"
            )


def _check_device_nodes(config: Config) -> None:
    names = list(config.places())
    for name, place in config.executor.device_nodes.items():
        if name not in names:
            raise ConfigError(f"executor.device_nodes: no device {name!r}; known: {', '.join(map(repr, names))}")
        try:
            Place.parse(place)
        except ConfigError as error:
            raise ConfigError(f"executor.device_nodes: {error}") from None


def _check_sampler(name: str) -> None:
    if ":" not in name and name not in sampler_names():
        hint = did_you_mean(name, sampler_names())
        raise ConfigError(f"search.sampler: no sampler {name!r}{hint} (or package.module:Class of an Optuna sampler)")


def _check_reuse(search: SearchConfig) -> None:
    if search.reuse_scores and (search.sampler, search.sampler_options.get("run")) != ("replay", search.reuse_scores):
        raise ConfigError(
            f"search.reuse_scores: only policies of run {search.reuse_scores} have scores to take over; write "
            f"sampler: replay and sampler_options: {{run: {search.reuse_scores}}}"
        )


def _check_any(compressors: Mapping[str, object]) -> None:
    if not compressors:
        raise ConfigError(f"compress: expected one or more of {', '.join(DEFAULT_COMPRESSORS)}, got none")


def _check_compressor(name: str, config: Config) -> None:
    try:
        options = find(name).Options
    except ConfigError as error:
        raise ConfigError(f"compress: {error}") from None
    try:
        options.model_validate(config.compress[name])
    except ValidationError as error:
        raise ConfigError(explain(error, options, prefix=f"compress.{name}.")[0]) from None
