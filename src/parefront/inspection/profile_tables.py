"""A profile as tables: layers, coupled groups, knobs, and what is excluded and why."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

from rich import box
from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from ..evaluators.results.views.units import count, plural
from ..spaces.account import ends_of, listed, offered_params
from ..spaces.knob import Choice, Knob
from ..spaces.network.graph import Exclusion, Layer, ModelGraph, Port
from ..spaces.space import SearchSpace


def profile_tables(graph: ModelGraph, space: SearchSpace, memory: str = "") -> Iterator[RenderableType]:
    """The profile as rich tables, in the order to print them; ``memory`` is a line behind them."""
    if graph.inputs:
        yield Text(f"{_ports(graph.inputs)} → {_ports(graph.outputs)}", style="bold")
    yield _layers(graph)
    if graph.groups:
        yield _groups(graph)
    yield _knobs(space)
    left_out = listed(graph, space)
    if left_out:
        yield _excluded(left_out, offered_params(graph, space))
    if memory:
        yield Text(memory)


def _ports(ports: Sequence[Port]) -> str:
    """``image 3×12×12, mask 12×12 bool``: the type where it is not float32."""
    shown = ((port.name, _by(port.shape), "" if port.dtype == "float32" else port.dtype) for port in ports)
    return ", ".join(" ".join(filter(None, words)) for words in shown)


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
        ends = ends_of(group)
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
    for (compressor, choices, neutral), targets in _alike((*space.knobs, *space.fixed)).items():
        row = Text(", ").join(Text(str(choice), style="dim" if choice == neutral else "") for choice in choices)
        table.add_row(compressor, str(len(targets)), row, ", ".join(targets))
    return table


def _excluded(left_out: Sequence[Exclusion], offered: int) -> Table:
    """What is left out; no number of parameters stands beside a layer that another method takes."""
    left = sum(exclusion.params for exclusion in left_out)
    table = _table(f"{len(left_out)} excluded, with {count(left)} of the model's {count(left + offered)} parameters")
    table.add_column("what", overflow="fold")
    table.add_column("params", justify="right", no_wrap=True)
    table.add_column("why", overflow="fold")
    for exclusion in left_out:
        table.add_row(exclusion.name, count(exclusion.params) if exclusion.params else "", exclusion.reason)
    return table


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
