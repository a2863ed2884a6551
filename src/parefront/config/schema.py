"""The config of a search: its sections, how it is read, and one clear line where it cannot be."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from ..compressors.registry import find
from ..evaluators.device.device import DeviceOptions
from ..evaluators.device.latency import LatencyProtocol
from ..evaluators.results.budget import Budget
from ..evaluators.results.metrics import device_of
from ..evaluators.trial.timer import longer
from ..search.registry import check_options, sampler_names
from ..search.runs.settings import SearchSettings
from ..spaces.errors import ConfigError
from ..spaces.masking import MASK
from ..spaces.messages import did_you_mean
from .invalid import explain
from .yaml_mapping import OVERRIDE, override, read_yaml_mapping

DEFAULT_COMPRESSORS = ("prune_channels", "drop_blocks", "quantize")
PROTOCOL = LatencyProtocol()


def _listed(value: Any) -> Any:
    """One budget without its list."""
    return [value] if isinstance(value, str) else value


def _split(value: Any) -> Any:
    """A command as one string."""
    return shlex.split(value) if isinstance(value, str) else value


def _with_options(value: Any) -> Any:
    """A compressor with nothing behind it: its defaults."""
    return {k: {} if v is None else v for k, v in value.items()} if isinstance(value, dict) else value


Positive = Annotated[int, Field(ge=1)]
Natural = Annotated[int, Field(ge=0)]
PositiveFloat = Annotated[float, Field(gt=0)]
DeviceName = Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]+$")]
Texts = Annotated[list[str], BeforeValidator(_listed)]
Command = Annotated[list[str], BeforeValidator(_split)]
Compressors = Annotated[dict[str, dict[str, Any]], BeforeValidator(_with_options)]


class Section(BaseModel):
    """A part of the config; unknown keys and values of another type are errors."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class DeviceConfig(Section):
    """Where latency is measured; see :class:`parefront.evaluators.device.device.DeviceOptions`."""

    command: Command = []
    threads: Positive = 1
    spinning: bool = False
    providers: list[str] = ["CPUExecutionProvider"]
    provider_options: dict[str, dict[str, Any]] = {}
    python: str | None = None
    optimisation: str = "enable_all"
    core: Natural | None = None
    quote: bool | None = None
    deadline_seconds: PositiveFloat = 120.0

    def options(self) -> DeviceOptions:
        """The same, for the evaluators.

        Raises:
            ConfigError: where the values do not fit together.
        """
        values = self.model_dump() | {"command": tuple(self.command), "providers": tuple(self.providers)}
        try:
            return DeviceOptions(**values)
        except ValueError as error:
            raise ConfigError(f"device: {error}") from None


class LatencyConfig(Section):
    """How long latency is measured; see :class:`parefront.evaluators.device.latency.LatencyProtocol`."""

    min_samples: Positive = PROTOCOL.min_samples
    min_seconds: PositiveFloat = PROTOCOL.min_seconds
    max_seconds: PositiveFloat | None = None
    half_width: PositiveFloat = PROTOCOL.half_width
    warmup_seconds: Annotated[float, Field(ge=0)] = PROTOCOL.warmup_seconds
    batch: Positive | None = None

    def protocol(self) -> LatencyProtocol:
        """The same, for the evaluators; without ``max_seconds`` it is the default, or twice ``min_seconds``.

        Raises:
            ConfigError: where the values do not fit together.
        """
        longest = self.max_seconds or max(PROTOCOL.max_seconds, 2 * self.min_seconds)
        try:
            return LatencyProtocol(**self.model_dump() | {"max_seconds": longest, "batch": self.batch or 1})
        except ValueError as error:
            raise ConfigError(f"latency: {error}") from None


class SearchConfig(Section):
    """Which candidates to try, and how many.

    Attributes:
        sampler: a name that ``parefront doctor`` lists, or ``package.module:Class`` of an Optuna sampler.
        sampler_options: of the sampler, e.g. ``{reward: error_log_cost}`` for ``amc``; arguments of an Optuna sampler.
        trials: different policies to evaluate, infeasible and failed ones included.
        seed: of the sampler.
        images: at most this many of the search split score a candidate; by default all.
        racing: whether a candidate is measured only until it is clear that another one dominates it.
        storage: URL of an Optuna storage; by default ``study.db`` in the run's folder.
        keep_artifacts: the ONNX files of the ``"front"``, of ``"all"`` candidates, or, by default, the front's and as
            many of the others as fit in 1 GB.
        warm_start: name or path of a run of the same model, whose probes are taken over.
        reuse_scores: name or path of a run of the same model on another device, whose artefacts (built again where
            they were not kept) and accuracies are taken over, since those do not depend on the device.
    """

    sampler: str = "auto"
    sampler_options: dict[str, Any] = {}
    trials: Positive = 150
    seed: Natural = 0
    images: Positive | None = None
    racing: bool = True
    storage: str | None = None
    keep_artifacts: Literal["auto", "front", "all"] = "auto"
    warm_start: str | None = None
    reuse_scores: str | None = None


class Config(Section):
    """The whole config.

    Attributes:
        task: ``file.py:callable`` (the file relative to the config) or ``package.module:callable``.
        objectives: two or more metrics; ``accuracy`` and ``quality`` mean the task's own, whatever it is called.
        budget: constraints such as ``"latency <= 0.5x"``.
        compress: options by compressor name; each compressor checks its own.
        device: where latency is measured.
        devices: or several such, by name; then ``latency@name`` is the latency on one of them, and ``latency`` that
            on the first, which candidates are built for.
        latency: for how long.
        search: which candidates to try, and how many.
    """

    task: str
    objectives: list[str] = ["accuracy", "latency"]
    budget: Texts = []
    compress: Compressors = {name: {} for name in DEFAULT_COMPRESSORS}
    device: DeviceConfig = DeviceConfig()
    devices: dict[DeviceName, DeviceConfig] = {}
    latency: LatencyConfig = LatencyConfig()
    search: SearchConfig = SearchConfig()

    def places(self) -> dict[str, DeviceOptions]:
        """The devices by name; the only one of a config that names none is called ``""``.

        Raises:
            ConfigError: where values do not fit together.
        """
        return {name: device.options() for name, device in self.devices.items()} or {"": self.device.options()}

    def resolved(self) -> dict[str, Any]:
        """Every setting, defaults included, as plain values for YAML."""
        return self.model_dump(mode="json")


def load_config(path: Path, overrides: Sequence[str] = ()) -> Config:
    """Read a config file.

    Args:
        path: a YAML file.
        overrides: ``"search.trials=40"``: a dotted key and a value in YAML, put over what the file says.

    Raises:
        ConfigError: one line that names the file, the key and what was expected.
    """
    mapping = read_yaml_mapping(path)
    keys = [override(mapping, text) for text in overrides]
    return parse_config(mapping, path.name, keys)


def parse_config(mapping: Mapping[str, Any], source: str, overridden: Sequence[str] = ()) -> Config:
    """Check a mapping and make a config of it.

    Args:
        mapping: as read from YAML; sections with nothing in them have their defaults.
        source: what messages call it, e.g. ``"search.yaml"``.
        overridden: dotted keys that came from ``--set``; messages about them say so.

    Raises:
        ConfigError: one line that names the source, the key and what was expected.
    """
    try:
        config = Config.model_validate({key: value for key, value in mapping.items() if value is not None})
        _refuse_masked(config.resolved(), source)
        key, problem = next(_unknown_names(config), ("", ""))
    except ValidationError as error:
        problem, key = explain(error, Config)
    if problem:
        by_option = any(f"{key}.".startswith(f"{o}.") or o.startswith(f"{key}.") for o in overridden)
        raise ConfigError(f"{OVERRIDE if by_option else source}: {problem}")
    return config


def parse_device(mapping: Mapping[str, Any], source: str) -> DeviceConfig:
    """The section ``device`` alone.

    Raises:
        ConfigError: one line that names the source, the key and what was expected.
    """
    _refuse_masked({"device": dict(mapping)}, source)
    try:
        return DeviceConfig.model_validate(dict(mapping))
    except ValidationError as error:
        raise ConfigError(f"{source}: {explain(error, DeviceConfig)[0]}") from None


def _refuse_masked(config: Mapping[str, Any], source: str) -> None:
    """What a run has masked when it wrote its config cannot be used from there."""
    devices = {"device": config.get("device"), **{f"devices.{n}": d for n, d in (config.get("devices") or {}).items()}}
    read = {
        f"{key}.{part}": (d or {}).get(part) for key, d in devices.items() for part in ("command", "provider_options")
    }
    for key, value in {**read, "search.storage": (config.get("search") or {}).get("storage")}.items():
        if MASK in str(value):
            raise ConfigError(
                f"{source}: the secret in {key} is masked ({MASK}), as in the config that a run keeps; "
                "give the real one, as in the config that the run was made with"
            )


def _unknown_names(config: Config) -> Iterator[tuple[str, str]]:
    """Key and problem of what other packages do not accept: metrics, budgets, device, samplers, compressors."""
    checks: dict[str, Callable[[], object]] = {
        "objectives": lambda: SearchSettings.from_config({"objectives": config.objectives}, quality=None),
        "budget": lambda: SearchSettings.from_config({"budget": config.budget}, quality=None),
        "device": config.device.options,
        "devices": lambda: _check_devices(config),
        "latency": lambda: _check_latency(config),
        "search.sampler": lambda: _check_sampler(config.search.sampler),
        "search.reuse_scores": lambda: _check_reuse(config.search),
        "search.sampler_options": lambda: check_options(config.search.sampler, config.search.sampler_options),
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
    for name, device in (config.devices or {"": config.device}).items():
        if longest >= device.deadline_seconds:
            where = f"devices.{name}" if name else "device"
            raise ConfigError(
                f"latency: the final step measures for up to {longest:.0f} s, and {where}.deadline_seconds is "
                f"{device.deadline_seconds:.0f}; raise that, or lower max_seconds"
            )


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
