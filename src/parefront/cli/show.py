"""``parefront show``: what an ONNX or LiteRT file is, and where it comes from."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from ..evaluators.results.measurement import Measurement
from ..evaluators.results.views.units import count, plural, size
from ..evaluators.results.views.written import is_change, worded
from ..evaluators.storage.provenance import METRIC
from ..inspection.file_facts import FileFacts, facts_of_file
from ..inspection.tflite_facts import is_tflite, tflite_facts
from ..spaces.messages import printable

NAMES = {
    "params": "parameters",
    "macs": "MACs",
    "size_bytes": "size",
    "memory_bytes": "peak memory",
    "latency_ms": "latency",
    "latency_ratio": "of uncompressed",
    "p99_ms": "99th percentile",
    "energy_mj": "energy",
}
"""What is measured of a candidate in words, by key, where they are not those of the key itself."""


def show_file(path: Path, as_json: bool) -> None:
    """Print what the file says of itself, as a table or as JSON."""
    facts = tflite_facts(path) if is_tflite(path) else facts_of_file(path)
    if as_json:
        print(json.dumps(facts.to_json(), indent=2))
        return
    table = Table(box=box.SIMPLE_HEAD, show_header=False, pad_edge=False)
    table.add_column(style="dim", no_wrap=True)
    table.add_column(overflow="fold")
    for name, value in (*_origin(facts), *_model(facts)):
        table.add_row(Text(printable(name)), Text(printable(value)))
    Console(highlight=False).print(table)


def _origin(facts: FileFacts) -> Iterator[tuple[str, str]]:
    """Where it comes from, in the order in which people ask."""
    if facts.text:
        yield "what it is", facts.text
    for key in ("run", "trial", "version", "date", "changes", "trained", "policy", "task"):
        if key in facts.origin:
            yield {"version": "parefront"}.get(key, key), str(facts.origin[key])
    for key, value in facts.origin.items():
        if key.startswith(METRIC):
            name = key.removeprefix(METRIC)
            yield NAMES.get(name, name.replace("_", " ")), _measured(value, is_change(name))
    yield from _devices(facts.origin.get("devices"))
    if facts.intact is not None:
        artifact = facts.origin.get("measured", facts.origin["artifact"])
        state = "its bytes are here unchanged" if facts.intact else "the file was changed since"
        yield "measured file", f"{artifact}; {'made into this one' if 'measured' in facts.origin else state}"
    yield from facts.metadata.items()


def _measured(value: Any, change: bool) -> str:
    """A measurement with its interval and unit; as it stands where it is none."""
    try:
        return worded(Measurement.from_json(value), change=change)
    except (LookupError, TypeError, ValueError):
        return str(value)


def _devices(devices: Any) -> Iterator[tuple[str, str]]:
    for name, told in devices.items() if isinstance(devices, Mapping) else ():
        if isinstance(told, Mapping):
            runtime = told.get("runtime")
            versions = f"{runtime.get('name')} {runtime.get('version')}" if isinstance(runtime, Mapping) else ""
            threads = plural(told["threads"], "thread") if isinstance(told.get("threads"), int) else None
            parts = (told.get("cpu"), versions, told.get("precision"), threads)
            yield (
                f"device {name}".strip(),
                ", ".join(str(part) for part in (*parts, f"batch {told.get('batch')}") if part),
            )


def _model(facts: FileFacts) -> Iterator[tuple[str, str]]:
    yield "file", f"{facts.file}, {size(facts.size_bytes)}"
    yield "SHA-256", facts.sha256
    yield (
        "written by",
        f"{facts.producer or 'unknown'}; {facts.format} {facts.ir_version}, model version {facts.version}",
    )
    if facts.opsets:
        yield "opsets", ", ".join(f"{domain} {version}" for domain, version in facts.opsets.items())
    yield from (("input", text) for text in _ports(facts.inputs))
    yield from (("output", text) for text in _ports(facts.outputs))
    held = ", ".join(f"{size(number)} of {name}" for name, number in facts.weight_types.items())
    yield "weights", f"{count(facts.weights)} numbers" + (f": {held}" if held else "")
    yield "operators", ", ".join(f"{number} {name}" for name, number in facts.operators.items())
    if facts.functions:
        yield "functions", ", ".join(facts.functions)


def _ports(ports: Iterable[Mapping[str, Any]]) -> Iterator[str]:
    for port in ports:
        yield f"{port['name']}: {port['type']} [{', '.join(map(str, port['shape']))}]"
