"""The latency of a file on a device, interleaved with another one."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from rich.console import RenderableType

from ..config.models import DeviceConfig
from ..config.plain import plain
from ..config.schema import parse_device
from ..evaluators.device.device import Device, Shapes
from ..evaluators.device.device_options import DeviceOptions
from ..evaluators.device.device_profile import DeviceProfile
from ..evaluators.device.errors import RequestRefused
from ..evaluators.device.latency import Latency, LatencyProtocol
from ..evaluators.device.latency import measure as read_latency
from ..evaluators.restore.plain import plain as plain_weights
from ..evaluators.results.measurement import Measurement
from ..evaluators.results.views.units import plural
from ..evaluators.runtimes.choice import RuntimeChoice
from ..evaluators.runtimes.registry import runtime_of
from ..evaluators.storage.litert_file import LITERT, is_litert
from ..evaluators.storage.provenance import runtime_of_file
from ..spaces.errors import ConfigError
from ..spaces.files import write_bytes
from .artifact import check_runnable
from .latency_tables import beside, latency_table, remarks
from .rendered import rendered

PROTOCOL = LatencyProtocol(min_samples=200, min_seconds=2.0, max_seconds=6.0)
"""Longer than for the candidates of a search: one measurement is all there is."""
MEMORY_REPEATS = 3
"""Fresh processes that peak memory is read in."""


@dataclass(frozen=True, repr=False)
class LatencyReport:
    """The latency of a file against another one, and what else it costs.

    Attributes:
        model: the file.
        against: the other one; the same where it was measured against itself, which shows the noise.
        device: what the device is called.
        profile: what the device says of itself.
        threads: of the runtime.
        batch: inputs in one run, where the first axis is free.
        latency: milliseconds of both and their ratio, with intervals.
        memory: by which resident memory peaks, in bytes.
    """

    model: Path
    against: Path
    device: str
    profile: DeviceProfile
    threads: int
    batch: int
    latency: Latency
    memory: Measurement

    @property
    def latency_ms(self) -> Measurement:
        """Of one run of the model; lower is better."""
        return self.latency.latency_ms

    @property
    def ratio(self) -> Measurement:
        """Of the model's latency to the other one's; lower is better."""
        return self.latency.ratio

    @property
    def throughput(self) -> float:
        """Inputs a second, one batch behind the other; higher is better."""
        return 1000 * self.batch / self.latency_ms.value

    def to_json(self) -> dict[str, Any]:
        """What ``parefront measure --json`` prints."""
        device = {"name": self.device, **self.profile.to_json()}
        head = {"model": str(self.model), "against": str(self.against), "device": device}
        beside = {"throughput_per_s": self.throughput, "memory_bytes": self.memory.to_json()}
        return {**head, **self.latency.to_json(), "batch": self.batch, **beside}

    def parts(self) -> Iterator[RenderableType]:
        """What is shown of it, in the order to print it."""
        where = f"{self.device}: {self.profile.cpu}, {' and '.join(self.profile.all_run_on)}"
        yield latency_table(self.model, self.against, self.latency)
        yield beside(self.latency, self.batch, self.memory)
        yield remarks(self.latency, f"{where}, {plural(self.threads, 'thread')}")

    def __repr__(self) -> str:
        return rendered(*self.parts())


def measure(
    model: str | Path,
    against: str | Path | None = None,
    *,
    device: Mapping[str, Any] | None = None,
    shapes: Shapes | None = None,
    batch: int = 1,
) -> LatencyReport:
    """Measure the latency of a file, interleaved with another one; what ``parefront measure`` shows.

    Args:
        model: an ONNX file, or a ``.tflite`` file, which is run in LiteRT.
        against: the other one; by default the model itself, which shows the noise.
        device: where, as in a config, e.g. ``{"threads": 4}``; by default this machine, one thread. Where it names no
            runtime, a file is run in the one that it says it is for.
        shapes: of inputs with free axes beside the first, by name.
        batch: what a free first axis becomes.

    Raises:
        ConfigError: for a file that is neither, settings that cannot be, or a model that the runtime refuses.
        DeviceError: where the device cannot be used.
    """
    config = parse_device(plain(device or {}), "device")
    return latency_report(Path(model), Path(model if against is None else against), config, shapes, batch)


def latency_report(
    model: Path, against: Path, device: DeviceConfig, shapes: Shapes | None, batch: int
) -> LatencyReport:
    """As :func:`measure`, on a device whose settings are checked."""
    if batch < 1:
        raise ConfigError(f"batch: expected 1 or more, got {batch}")
    contents = {path: check_runnable(path) for path in (model, against)}
    options = _options_for(device, contents)
    with Device(options) as place, TemporaryDirectory(prefix="parefront-measure-") as folder:
        sent = _loadable(contents, options, Path(folder))
        try:
            latency = read_latency(place, sent[model], sent[against], replace(PROTOCOL, batch=batch), shapes)
            memory = place.memory(sent[model], shapes, repeats=MEMORY_REPEATS, batch=batch)
        except RequestRefused as refusal:
            which = f"{model}" if model == against else f"{model} against {against}"
            raise ConfigError(f"{which}: {refusal}") from refusal
        return LatencyReport(model, against, place.name, place.profile, options.threads, batch, latency, memory)


def _options_for(device: DeviceConfig, contents: Mapping[Path, bytes]) -> DeviceOptions:
    """The device as its settings say it; where they name no runtime, with those that the files say they are for.

    Files that say nothing run in the first one, which is then the usual one.
    """
    options = device.options()
    if device.model_fields_set & {"runtime", "precision"}:
        return options
    said = [_said_by(path, content) for path, content in contents.items()]
    usual = options.choices[0] if None in said else None
    first, *others = dict.fromkeys(choice for choice in (usual, *said) if choice is not None)
    try:
        return replace(options, runtime=first.runtime, precision=first.precision, others=tuple(others))
    except ValueError as error:
        raise ConfigError(f"device: {error}") from None


def _said_by(path: Path, content: bytes) -> RuntimeChoice | None:
    """What a file says it is for; None where it says nothing."""
    name = runtime_of_file(content)
    choice = RuntimeChoice.of(name)
    try:
        return DeviceOptions(runtime=choice.runtime, precision=choice.precision).choices[0] if name else None
    except (ConfigError, ValueError) as error:
        raise ConfigError(f"{path} says that it is for {name!r}: {error}; name the runtime to run it in") from None


def _loadable(contents: Mapping[Path, bytes], options: DeviceOptions, folder: Path) -> dict[Path, Path]:
    """The files as the runtime takes them: those whose weights are packed once more, with plain ones, where it has to.

    It computes the same of them, so that their time is that of the file as it would be deployed there.
    """
    found = {}
    for index, (path, content) in enumerate(contents.items()):
        runtime = runtime_of(_runtime_for(path, content, options))
        if is_litert(content) and runtime.name != LITERT:
            raise ConfigError(f"{path} is in LiteRT's format, which {runtime.name} does not load; run it in {LITERT}")
        loadable = content if runtime.takes_functions or is_litert(content) else plain_weights(content)
        found[path] = path
        if loadable is not content:
            found[path] = folder / f"{index}-{path.name}"
            write_bytes(found[path], loadable)
    return found


def _runtime_for(path: Path, content: bytes, options: DeviceOptions) -> str:
    """What a file is run in: of several runtimes the one that it says it is for.

    Raises:
        ConfigError: where that is none of the device's.
    """
    name = runtime_of_file(content) if options.others else ""
    try:
        return options.in_choice(name).runtime
    except KeyError:
        known = ", ".join(choice.name for choice in options.choices)
        raise ConfigError(
            f"{path} says that it is for {name}, which is not among the device's {known}; "
            "name it with them, or one runtime to run all files in"
        ) from None
