"""``parefront profile``: layers, coupled groups, knobs, and what is excluded and why."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from rich import box
from rich.console import Console, RenderableType
from rich.table import Table
from rich.text import Text

from ..config.schema import load_config
from ..search.runs.events import Warned
from ..session import Job
from ..spaces.knob import Choice, Knob
from ..spaces.network.graph import ChannelGroup, Exclusion, Layer, ModelGraph
from ..spaces.space import SearchSpace
from ..terminal.progress import view_for
from ..units import count, plural
from .quiet import quiet


def show_profile(path: Path, overrides: list[str], as_json: bool) -> None:
    """Print what tracing finds in the model of a config."""
    quiet()
    job = Job.from_file(load_config(path, overrides), path, None)
    with (
        view_for(Console(stderr=True, quiet=as_json), path.name) as view,
        job.evaluator(view.phase, lambda message: view.event(Warned(message))) as evaluator,
    ):
        graph, space = evaluator.traced.graph, evaluator.space
    if as_json:
        print(json.dumps(profile_json(graph, space), indent=2))
        return
    console = Console(highlight=False)
    for table in profile_tables(graph, space):
        console.print(table)


def profile_json(graph: ModelGraph, space: SearchSpace) -> dict[str, Any]:
    """The profile as plain values."""
    listed = _listed(graph, space)
    return {
        "params": graph.params,
        "macs": graph.macs,
        "model_params": {
            "total": sum(layer.owned for layer in graph) + sum(exclusion.params for exclusion in graph.excluded),
            "offered": _offered_params(graph, space),
            "listed": sum(exclusion.params for exclusion in listed),
        },
        "layers": [
            {
                "name": layer.name,
                "kind": layer.kind,
                "in_shape": list(layer.in_shape),
                "out_shape": list(layer.out_shape),
                "kernel": list(layer.kernel),
                "stride": list(layer.stride),
                "groups": layer.groups,
                "params": layer.params,
                "macs": layer.macs,
                "model_params": layer.owned,
            }
            for layer in graph.layers
        ],
        "groups": [
            {"name": group.name, "channels": group.channels, "unit": group.unit, **_ends(group)}
            for group in graph.groups
        ],
        "knobs": [
            {
                "name": knob.name,
                "compressor": knob.compressor,
                "target": knob.target,
                "choices": list(knob.choices),
                "neutral": knob.neutral,
            }
            for knob in space
        ],
        "excluded": [{"name": e.name, "reason": e.reason, "model_params": e.params} for e in listed],
    }


def profile_tables(graph: ModelGraph, space: SearchSpace) -> Iterator[RenderableType]:
    """The profile as rich tables, in the order to print them."""
    yield _layers(graph)
    if graph.groups:
        yield _groups(graph)
    yield _knobs(space)
    listed = _listed(graph, space)
    if listed:
        yield _excluded(listed, _offered_params(graph, space))


def _layers(graph: ModelGraph) -> Table:
    layers, params, macs = plural(len(graph.layers), "layer"), count(graph.params), count(graph.macs)
    table = _table(f"{layers}, {params} parameters, {macs} MACs")
    table.add_column("layer", overflow="fold")
    table.add_column("kind", overflow="fold")
    table.add_column("in → out", overflow="fold")
    for heading in ("params", "MACs", "%"):
        table.add_column(heading, justify="right", no_wrap=True)
    for layer in graph.layers:
        table.add_row(
            layer.name,
            _kind(layer),
            f"{_by(layer.in_shape)} → {_by(layer.out_shape)}",
            count(layer.params),
            count(layer.macs),
            f"{100 * layer.macs / max(1, graph.macs):.1f}",
        )
    return table


def _groups(graph: ModelGraph) -> Table:
    """One row a group; ``by 4`` behind the channels where they go four at a time."""
    table = _table(f"{plural(len(graph.groups), 'group')} of coupled channels")
    table.add_column("group", overflow="fold")
    table.add_column("channels", justify="right", no_wrap=True)
    table.add_column("also written by", overflow="fold")
    table.add_column("read by", overflow="fold")
    for group in graph.groups:
        ends = _ends(group)
        table.add_row(
            group.name,
            f"{group.channels} by {group.unit}" if group.unit > 1 else str(group.channels),
            "\n".join(name for name in ends["writers"] if name != group.name),
            "\n".join(ends["readers"]),
        )
    return table


def _knobs(space: SearchSpace) -> Table:
    table = _table(f"{plural(len(space), 'knob')}, {_policies(space.knobs)} policies")
    table.add_column("compressor")
    table.add_column("knobs", justify="right")
    table.add_column("choices", overflow="fold")
    table.add_column("targets", overflow="fold")
    for (compressor, choices, neutral), targets in _alike(space.knobs).items():
        row = Text(", ").join(Text(str(choice), style="dim" if choice == neutral else "") for choice in choices)
        table.add_row(compressor, str(len(targets)), row, ", ".join(targets))
    return table


def _excluded(listed: Sequence[Exclusion], offered: int) -> Table:
    """What is left out; no number of parameters stands beside a layer that another method takes."""
    left = sum(exclusion.params for exclusion in listed)
    table = _table(f"{len(listed)} excluded, with {count(left)} of the model's {count(left + offered)} parameters")
    table.add_column("what", overflow="fold")
    table.add_column("params", justify="right", no_wrap=True)
    table.add_column("why", overflow="fold")
    for exclusion in listed:
        table.add_row(exclusion.name, count(exclusion.params) if exclusion.params else "", exclusion.reason)
    return table


def _listed(graph: ModelGraph, space: SearchSpace) -> list[Exclusion]:
    """All that is excluded, with the parameters of layers that no knob is about; these are listed too."""
    offered, methods = _offered(space), ", ".join(dict.fromkeys(knob.compressor for knob in space))
    left = {layer.name: layer.owned for layer in graph if layer.name not in offered}
    reason = f"none of the methods chosen has more than one choice for it ({methods})"
    others = [Exclusion(name, reason) for name in left if name not in {e.name for e in graph.excluded}]
    return [replace(e, params=left.pop(e.name, e.params)) for e in (*graph.excluded, *others)]


def _offered_params(graph: ModelGraph, space: SearchSpace) -> int:
    offered = _offered(space)
    return sum(layer.owned for layer in graph if layer.name in offered)


def _offered(space: SearchSpace) -> frozenset[str]:
    """The layers that knobs are about."""
    return frozenset().union(*(knob.layers for knob in space))


def _ends(group: ChannelGroup) -> Mapping[str, list[str]]:
    return {
        "writers": list(dict.fromkeys(s.layer for s in group.writers)),
        "readers": list(dict.fromkeys(s.layer for s in group.readers)),
    }


def _alike(knobs: Sequence[Knob]) -> dict[tuple[str, tuple[Choice, ...], Choice], list[str]]:
    """Targets of the knobs that offer the same choices."""
    found: dict[tuple[str, tuple[Choice, ...], Choice], list[str]] = {}
    for knob in sorted(knobs, key=lambda knob: knob.compressor):
        found.setdefault((knob.compressor, knob.choices, knob.neutral), []).append(knob.target)
    return found


def _policies(knobs: Sequence[Knob]) -> str:
    digits = sum(math.log10(len(knob.choices)) for knob in knobs)
    return f"10^{digits:.0f}" if digits >= 6 else str(math.prod(len(knob.choices) for knob in knobs))


def _kind(layer: Layer) -> str:
    """``conv 3×3 /2`` for a kernel and its stride; ``grouped 3×3 ×32`` for 32 groups."""
    text = f"{layer.kind} {_by(layer.kernel)}".rstrip()
    if any(step != 1 for step in layer.stride):
        text += f" /{_by(layer.stride) if len(set(layer.stride)) > 1 else layer.stride[0]}"
    return f"{text} ×{layer.groups}" if layer.kind == "grouped" else text


def _by(shape: Sequence[int]) -> str:
    return "×".join(map(str, shape))


def _table(title: str) -> Table:
    return Table(title=title, title_justify="left", title_style="bold", box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0))
