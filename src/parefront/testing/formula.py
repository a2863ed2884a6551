"""A network that is a formula, for the suite of samplers: its knobs, its measurements, its probes."""

from __future__ import annotations

from collections.abc import Collection

from ..evaluators.results.candidate import Candidate
from ..evaluators.results.measurement import Measurement
from ..evaluators.results.metric import ACCURACY, Metric, score
from ..evaluators.results.metrics import metric_key
from ..search.surrogate.sensitivity import Sensitivity
from ..spaces.knob import Choice, Knob
from ..spaces.network.graph import Layer
from ..spaces.policy import Policy
from ..spaces.space import SearchSpace

BLOCKS = 4
ERROR = score("mean_squared_error", higher_is_better=False)
"""Another quality of the formula's network than its accuracy: better when lower."""

_LOSS = {"drop_blocks": 0.008, "prune_channels": 0.006, "quantize": 0.0003}
_LATENCY = {"drop_blocks": 0.2, "prune_channels": 0.1, "quantize": 0.06}
_SIZE = {"drop_blocks": 0.24, "prune_channels": 0.2, "quantize": 0.09}
_MACS = {"drop_blocks": 0.22, "prune_channels": 0.18, "quantize": 0.0}


def formula_space(blocks: int = BLOCKS) -> SearchSpace:
    """Blocks of two layers: droppable, the first layer's width in four choices, both layers in int8 or not."""
    knobs, removes = [], {}
    for block in range(blocks):
        layers = [f"block{block}.conv{i}" for i in (1, 2)]
        drop = Knob("drop_blocks", f"block{block}", (False, True), False, frozenset(layers), 2 * block)
        removes[drop.name] = drop.layers
        width = Knob("prune_channels", layers[0], (0.0, 0.25, 0.5, 0.75), 0.0, frozenset(layers[:1]), 2 * block)
        bits = [Knob("quantize", layers[i], (32, 8), 32, frozenset([layers[i]]), 2 * block + i) for i in (0, 1)]
        knobs += [drop, width, *bits]
    return SearchSpace.of(knobs, removes)


def formula_layers(blocks: int = BLOCKS) -> dict[str, Layer]:
    """The layers by name: 16 channels at 16 pixels a side in the first of four stages, twice as many at half in each
    next."""
    layers = {}
    for position in range(2 * blocks):
        block, index = divmod(position, 2)
        stage = BLOCKS * block // blocks
        channels, side = 16 * 2**stage, 16 // 2**stage
        weights = 9 * channels**2
        shape, name = (channels, side, side), f"block{block}.conv{index + 1}"
        layers[name] = Layer(name, "conv", shape, shape, weights, weights * side**2, 1, (3, 3), (1, 1), position)
    return layers


def measured(policy: Policy, quality: Metric = ACCURACY, blocks: int = BLOCKS) -> Candidate:
    """The candidate that a policy gives: every change costs quality, and saves time and bytes.

    ``quality`` is accuracy or :data:`ERROR`, which rises by what accuracy falls.
    """
    accuracy, latency, size, macs = 0.93, 1.0, 1.0, 1.0
    for name, choice in policy.items():
        share = _share(name, choice) * BLOCKS / blocks
        accuracy -= _loss(name, choice, blocks)
        latency -= share * _LATENCY[name.split("/")[0]]
        size -= share * _SIZE[name.split("/")[0]]
        macs -= share * _MACS[name.split("/")[0]]
    ratio, size, macs = max(latency, 0.05), max(size, 0.02), max(macs, 0.02)
    value = accuracy if quality.higher_is_better else 0.1 + (0.93 - accuracy)
    metrics = {
        quality.key: Measurement(value, value - 0.005, value + 0.005, 2000, quality.unit),
        "latency_ratio": Measurement(ratio, 0.99 * ratio, 1.01 * ratio, 64, "x"),
        "latency_ms": Measurement.exact(2 * ratio, "ms"),
        "size_bytes": Measurement.exact(1e6 * size, "bytes"),
        "macs": Measurement.exact(1e7 * macs, "MACs"),
    }
    return Candidate(policy, metrics)


def probed(objectives: Collection[str | Metric], blocks: int = BLOCKS) -> Sensitivity:
    """What each choice does alone: its divergence, and what it saves of those objectives that are costs."""
    space, part = formula_space(blocks), BLOCKS / blocks

    def saves(shares: dict[str, float]) -> dict[str, tuple[float, ...]]:
        return {k.name: tuple(_share(k.name, c) * part * shares[k.compressor] for c in k.choices) for k in space}

    wanted = set(map(metric_key, objectives))
    known = {"latency_ratio": _LATENCY, "size_bytes": _SIZE, "macs": _MACS}
    tables = {key: table for key, table in known.items() if key in wanted}
    return Sensitivity(
        space,
        base={knob.name: knob.start for knob in space},
        divergence={knob.name: tuple(_loss(knob.name, choice, blocks) for choice in knob.choices) for knob in space},
        base_costs=dict.fromkeys(tables, 1.0),
        savings={cost: saves(table) for cost, table in tables.items()},
    )


def _loss(name: str, choice: Choice, blocks: int) -> float:
    """Accuracy that a choice loses, more in later blocks."""
    block = int(name.rsplit("block", 1)[1].split(".")[0])
    return (1 + block * BLOCKS / blocks) * _share(name, choice) * BLOCKS / blocks * _LOSS[name.split("/")[0]]


def _share(name: str, choice: Choice) -> float:
    """How much of a knob's greatest effect a choice has; a prune ratio of 1 would have all of it."""
    return float(choice) if name.startswith("prune_channels") else float(choice not in (False, 32))
