"""The network that a run compresses, as its ``graph.json`` tells: layers in order, and which layers a knob is about."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from ..evaluators.results.fields import Fields
from ..search.runs.identity.recorded_space import GRAPH, graph_of
from ..spaces.knob import EVERY_LAYER, Choice
from ..spaces.policy import Policy


@dataclass(frozen=True)
class LayerRow:
    """A layer of the uncompressed network.

    Attributes:
        name: as in the user's model.
        kind: ``conv``, ``linear``, …
        shape: what it takes and gives, in words, e.g. ``16×32×32 → 16×32×32, 3×3``.
        macs: multiplications of one sample.
        params: its parameters.
    """

    name: str
    kind: str
    shape: str
    macs: float
    params: float


@dataclass(frozen=True)
class KnobRow:
    """A knob, and where in the network it is.

    Attributes:
        compressor: its method.
        target: the layer, group or block that it is about.
        choices: "leave as is" (None), then those that any policy of the run has chosen.
        layers: indices of the layers that it changes: all of a block, those that write the channels of a group.
        readers: indices of the layers that read the channels of a group.
    """

    compressor: str
    target: str
    choices: tuple[Choice | None, ...]
    layers: tuple[int, ...] = ()
    readers: tuple[int, ...] = ()


@dataclass(frozen=True)
class Network:
    """Layers in execution order, and the knobs that any policy of the run has turned.

    Attributes:
        layers: empty where the run does not tell.
        knobs: in their order in the search space.
    """

    layers: tuple[LayerRow, ...]
    knobs: tuple[KnobRow, ...]

    @classmethod
    def of(cls, folder: Path, policies: Sequence[Policy]) -> Network:
        """What a run's folder tells of its network.

        Args:
            folder: of the run.
            policies: all that the page shows.

        Raises:
            UnreadableFile: where ``graph.json`` is damaged.
        """
        graph = graph_of(folder) or Fields(folder / GRAPH, {"layers": [], "groups": [], "knobs": []})
        layers = tuple(map(_layer, graph.each("layers")))
        places = _Places.of(graph, [layer.name for layer in layers])
        names = [knob.text("name") for knob in graph.each("knobs")]
        chosen: dict[str, dict[Choice, None]] = {}
        for policy in policies:
            for name, choice in policy.items():
                chosen.setdefault(name, {}).setdefault(choice)
        order = {name: index for index, name in enumerate(names)}
        turned = sorted(chosen, key=lambda name: (order.get(name, len(order)), name))
        return cls(layers, tuple(places.knob(name, tuple(sorted(chosen[name], key=_rank))) for name in turned))

    def encoded(self, policy: Policy) -> list[int]:
        """The policy as an index into the choices of every knob; 0 is "leave as is"."""
        return [self._choices(knob).get(policy.get(f"{knob.compressor}/{knob.target}"), 0) for knob in self.knobs]

    def left_alone(self, policy: Policy) -> set[str]:
        """Names of the layers that a policy does not change, nor the channels that they read.

        None where it turns a knob of which it is not known what it is about.
        """
        turned = [knob for knob, choice in zip(self.knobs, self.encoded(policy), strict=True) if choice]
        if not all(knob.layers for knob in turned):
            return set()
        changed = {index for knob in turned for index in (*knob.layers, *knob.readers)}
        return {layer.name for index, layer in enumerate(self.layers) if index not in changed}

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @staticmethod
    def _choices(knob: KnobRow) -> dict[Choice | None, int]:
        return {choice: index for index, choice in enumerate(knob.choices)}


@dataclass(frozen=True)
class _Places:
    """Where targets of knobs are: indices of layers by name, and the writers and readers of groups."""

    layers: dict[str, int]
    writers: dict[str, tuple[int, ...]]
    readers: dict[str, tuple[int, ...]]

    @classmethod
    def of(cls, graph: Fields, names: Sequence[str]) -> _Places:
        layers = {name: index for index, name in enumerate(names)}
        ends = {group.text("name"): group for group in graph.each("groups")}

        def known(group: Fields, end: str) -> tuple[int, ...]:
            return tuple(layers[name] for name in group.texts(end) if name in layers)

        writers = {name: known(group, "writers") for name, group in ends.items()}
        return cls(layers, writers, {name: known(group, "readers") for name, group in ends.items()})

    def knob(self, name: str, chosen: tuple[Choice, ...]) -> KnobRow:
        compressor, _, target = name.partition("/")
        if compressor == "prune_channels" and target in self.writers:
            return KnobRow(compressor, target, (None, *chosen), self.writers[target], self.readers[target])
        return KnobRow(compressor, target, (None, *chosen), tuple(self._at(target)))

    def _at(self, target: str) -> Iterable[int]:
        """The layer of that name, or all of them, else the layers inside of a block of that name."""
        if target == EVERY_LAYER:
            return self.layers.values()
        if target in self.layers:
            return [self.layers[target]]
        return [index for name, index in self.layers.items() if name.startswith(f"{target}.")]


def _layer(fields: Fields) -> LayerRow:
    taken, given, kernel = ("×".join(map(str, _sizes(fields, key))) for key in ("in_shape", "out_shape", "kernel"))
    shape = f"{taken} → {given}" + (f", {kernel}" if kernel else "")
    return LayerRow(fields.text("name"), fields.text("kind"), shape, fields.number("macs"), fields.number("params"))


def _sizes(fields: Fields, key: str) -> list[int]:
    value = fields.values.get(key)
    if not isinstance(value, list) or not all(isinstance(size, int) for size in value):
        raise fields.damaged(f"key {fields.within}.{key}: expected a list of whole numbers, got {value!r:.40}")
    return value


def _rank(choice: Choice) -> tuple[int, float, str]:
    """Numbers by size, then texts."""
    return (1, 0.0, choice) if isinstance(choice, str) else (0, float(choice), "")
