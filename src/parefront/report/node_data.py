"""Node data for Model Explorer: what each node of a member's file takes, in how many bits, and the width it kept.

The format is that of https://github.com/google-ai-edge/model-explorer/wiki (custom node data): of a graph ``results``
by node, each with a numeric ``value``, and a ``gradient`` of colours from the least (stop 0) to the greatest (stop 1).
Nodes go by their names, which is what Model Explorer's adapters for ONNX call them by.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..evaluators.results.candidate import Candidate
from ..inspection.artifact import check_model
from ..search.runs.run import Run
from ..spaces.errors import ConfigError
from ..spaces.files import write_text
from ..spaces.knob import EVERY_LAYER
from ..spaces.policy import Policy
from .network import Network

if TYPE_CHECKING:
    from onnx import NodeProto

WEIGHTED = frozenset({"Conv", "ConvTranspose", "Gemm", "MatMul", "MatMulNBits", "ConvInteger", "MatMulInteger"})
FLOAT_BITS = 32.0
GRADIENTS = {
    "milliseconds": ("#ffffff", "#c0392b"),
    "bits": ("#0b6e4f", "#ffffff"),
    "width_kept": ("#6639ba", "#ffffff"),
}
"""Colours of the least and of the greatest value."""


def write_node_data(run: Run, folder: Path) -> list[Path]:
    """A file for each quantity of each member of the front, ``trial_28_milliseconds.json``.

    Milliseconds are there where the final step has profiled the member.

    Raises:
        ConfigError: where the run's front has no member or tells of no layers, the file of one is damaged, or
            ``folder`` is a file.
        UnreadableFile: where a file of the run is damaged.
    """
    if folder.exists() and not folder.is_dir():
        raise ConfigError(f"--model-explorer: {folder} is a file; expected a folder")
    front = run.front
    if not len(front):
        raise ConfigError(f"--model-explorer: the front of run {run.name} is empty")
    network = Network.of(run.path, [member.policy for member in front])
    written = []
    for member in front:
        artifact = run.artifact(member.key)
        if not artifact.is_file():
            continue
        nodes = _nodes_by_layer(artifact, [layer.name for layer in network.layers])
        for quantity, values in _quantities(member, network):
            found = {nodes[layer]: value for layer, value in values.items() if layer in nodes}
            if found:
                path = folder / f"trial_{member.trial}_{quantity}.json"
                path.parent.mkdir(parents=True, exist_ok=True)
                write_text(path, json.dumps(_graph_data(found, GRADIENTS[quantity]), indent=1))
                written.append(path)
    if not written:
        raise ConfigError(f"--model-explorer: run {run.name} keeps no layers (graph.json) or no files of its front")
    return written


def _quantities(member: Candidate, network: Network) -> Iterator[tuple[str, dict[str, float]]]:
    """What is told of each layer, by name."""
    if member.profile is not None:
        yield "milliseconds", {layer.name: round(layer.us / 1000, 5) for layer in member.profile.layers}
    names = [layer.name for layer in network.layers]
    yield "bits", {name: _bits(member.policy, name) for name in names}
    kept = dict.fromkeys(names, 1.0)
    for knob, index in zip(network.knobs, network.encoded(member.policy), strict=True):
        if knob.compressor == "prune_channels" and (choice := knob.choices[index]) is not None:
            kept |= {names[layer]: 1 - float(choice) for layer in knob.layers}
    yield "width_kept", kept


def _bits(policy: Policy, layer: str) -> float:
    """Of its weights; those of a choice ``w4`` are 4."""
    choice = policy.get(f"quantize/{layer}", policy.get(f"quantize/{EVERY_LAYER}"))
    return FLOAT_BITS if choice is None else float(str(choice).removeprefix("w"))


def _nodes_by_layer(artifact: Path, layers: list[str]) -> dict[str, str]:
    """The name of the first node that runs each layer; a layer in factors has several."""
    import onnx

    steps = {re.sub(r"\W", "_", layer): layer for layer in layers}
    found: dict[str, str] = {}
    for node in onnx.ModelProto.FromString(check_model(artifact)).graph.node:
        layer = steps.get(node.name.partition(".")[0])
        if layer is not None and _is_weighted(node):
            found.setdefault(layer, node.name)
    return found


def _is_weighted(node: NodeProto) -> bool:
    return node.op_type in WEIGHTED


def _graph_data(values: Mapping[str, float], colours: tuple[str, str]) -> dict[str, Any]:
    """One graph's data as Model Explorer reads it."""
    gradient = [{"stop": stop, "bgColor": colour} for stop, colour in enumerate(colours)]
    return {"results": {node: {"value": value} for node, value in values.items()}, "gradient": gradient}
