"""``parefront measure``: the latency of an ONNX file on a device, interleaved with another one."""

from __future__ import annotations

import json
import shlex
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from rich.console import Console
from rich.table import Table
from rich.text import Text

from ..config.models import DeviceConfig
from ..config.schema import parse_device
from ..config.yaml_mapping import read_setting, read_yaml_mapping
from ..evaluators.device.device import Device
from ..evaluators.device.errors import RequestRefused
from ..evaluators.device.latency import Latency, LatencyProtocol, measure
from ..evaluators.device.worker import RequestError, has_external_data
from ..evaluators.results.measurement import Measurement
from ..spaces.errors import ConfigError
from ..spaces.messages import first_line
from ..terminal.tables import NOISY_MEANS
from ..units import count, milliseconds, plural, size

PROTOCOL = LatencyProtocol(min_samples=200, min_seconds=2.0, max_seconds=6.0)
"""Longer than for the candidates of a search: one measurement is all there is."""


def show_latency(
    model: Path, against: Path, device: Sequence[str], shapes: Sequence[str], batch: int, as_json: bool
) -> None:
    """Measure, and print a table or JSON."""
    for path in (model, against):
        check_model(path)
    options = read_device(device).options()
    free = read_shapes(shapes)
    with Device(options) as place:
        try:
            latency = measure(place, model, against, replace(PROTOCOL, batch=batch), free)
            memory = place.memory(model, free, batch=batch)
        except RequestRefused as refusal:
            which = f"{model}" if model == against else f"{model} against {against}"
            raise ConfigError(f"{which}: {refusal}") from refusal
        profile = place.profile
    if as_json:
        head = {"model": str(model), "against": str(against), "device": {"name": place.name, **profile.to_json()}}
        beside = {"batch": batch, "throughput_per_s": _throughput(latency, batch), "memory_bytes": memory.to_json()}
        print(json.dumps({**head, **latency.to_json(), **beside}, indent=2))
        return
    console = Console(highlight=False)
    console.print(_table(model, against, latency))
    console.print(_beside(latency, batch, memory))
    threads = plural(options.threads, "thread")
    console.print(_remarks(latency, f"{place.name}: {profile.cpu}, onnxruntime {profile.onnxruntime}, {threads}"))


def read_device(settings: Sequence[str]) -> DeviceConfig:
    """A device from ``key=value`` settings and config files, the later ones over the earlier ones.

    Raises:
        ConfigError: for a file that is not there, an unknown key or a value that cannot be.
    """
    mapping: dict[str, object] = {}
    for setting in settings:
        if "=" in setting:
            key, value = read_setting(setting, "--device")
            mapping[key] = value
        else:
            config = read_yaml_mapping(Path(setting))
            if "device" not in config:
                several = ", ".join(config.get("devices") or {})
                hint = f"; it has devices: {several}; put the one to measure on under device" if several else ""
                raise ConfigError(f"{setting}: expected a section device: {{…}}{hint}")
            section = config["device"] or {}
            if not isinstance(section, dict):
                raise ConfigError(f"{setting}: device: expected a mapping, got {section!r}")
            mapping |= section
    return parse_device(mapping, "--device")


def check_model(path: Path) -> None:
    """Raise ``ConfigError`` where there is no ONNX model at ``path``, or one whose weights lie in other files."""
    import onnx
    from google.protobuf.message import DecodeError

    if not path.is_file():
        raise ConfigError(f"there is no file {path}; expected an ONNX model")
    try:
        nodes = len(onnx.load_model(path, load_external_data=False).graph.node)
        scattered = has_external_data(memoryview(path.read_bytes()))
    except (DecodeError, ValueError, RequestError) as error:
        raise ConfigError(f"{path} is not an ONNX model: {first_line(error)}") from None
    if nodes == 0:
        raise ConfigError(f"{path} is not an ONNX model, or an empty one: its graph has no nodes")
    if scattered:
        program = f"import onnx; onnx.save(onnx.load({str(path)!r}), 'single.onnx')"
        raise ConfigError(
            f"{path} keeps weights in other files (external data); expected a single file: "
            f"python -c {shlex.quote(program)} writes single.onnx"
        )


def read_shapes(texts: Sequence[str]) -> dict[str, list[int]]:
    """Shapes by the input's name from ``name=1x3x224x224``; ``ConfigError`` for anything else."""
    return dict(map(_shape, texts))


def _shape(text: str) -> tuple[str, list[int]]:
    name, _, sizes = text.partition("=")
    try:
        return name, [int(size) for size in sizes.split("x")]
    except ValueError:
        raise ConfigError(f"--shape: expected NAME=1x3x224x224, got {text!r}") from None


def _table(model: Path, against: Path, latency: Latency) -> Table:
    table = Table.grid(padding=(0, 3))
    table.add_column(overflow="fold")
    table.add_column(justify="right", no_wrap=True)
    table.add_column(no_wrap=True)
    by_name = model.name != against.name
    table.add_row(model.name if by_name else str(model), *_cells(latency.latency_ms, "ms"))
    other = "itself" if against == model else against.name if by_name else str(against)
    table.add_row(f"against {other}", *_cells(latency.reference_ms, "ms"))
    table.add_row(Text("ratio", style="bold"), *_cells(latency.ratio, "x"))
    return table


def _throughput(latency: Latency, batch: int) -> float:
    """Inputs a second, one batch behind the other."""
    return 1000 * batch / latency.latency_ms.value


def _beside(latency: Latency, batch: int, memory: Measurement) -> Text:
    """What else a user has to pay for: loading, memory, energy; and how much comes through."""
    energy = "unknown" if latency.energy_mj is None else f"{latency.energy_mj.value:.3g} mJ a run"
    return Text(
        f"{count(_throughput(latency, batch))} inputs/s at batch {batch}, loads in "
        f"{milliseconds(1000 * latency.session_seconds)} ms, peak memory {size(memory.value)}, energy {energy}"
    )


def _remarks(latency: Latency, where: str) -> Text:
    """What stands below the table: single runs, what was dropped, the device."""
    quantiles = {"p50": latency.p50_ms, "p90": latency.p90_ms, "p99": latency.p99_ms}
    spread = ", ".join(f"{name} {milliseconds(value)}" for name, value in quantiles.items())
    runs = f"{plural(latency.runs, 'run')}, {spread} ms of {latency.clock} time; {latency.dropped} preempted dropped"
    remarks = Text(f"{runs}\n{where}", style="dim")
    if not latency.noisy:
        return remarks
    return Text.assemble((f"{NOISY_MEANS} ({'; '.join(latency.why_noisy)})\n", "yellow"), remarks)


def _cells(measurement: Measurement, unit: str) -> tuple[str, str]:
    digits = 3 if unit == "x" or measurement.value < 10 else 2
    interval = f"[{measurement.low:.{digits}f}, {measurement.high:.{digits}f}]"
    return f"{measurement.value:.{digits}f} {unit}" if unit != "x" else f"{measurement.value:.{digits}f}x", interval
