"""What an agent sees at a knob: the knob and its layer, how sensitive it is, what was saved and what is to come."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from ...spaces.knob import Knob
from ...spaces.network.graph import Layer
from .episode import Episode
from .knob_order import Route

Floats = NDArray[np.float32]

PROFILE = 4
"""Places, evenly along the choices, at which a knob's sensitivity is looked at."""

_LARGEST = 1e3
"""Divergences beyond it, infinite ones among them, are all the same to the agent."""

KINDS = ("conv", "depthwise", "grouped", "linear")


class States:
    """States of shape ``(width,)``, each entry about between 0 and 1.

    Of He et al. 2018 (equation 1): index and type of the layer, channels in and out, stride, kernel, size of its
    feature map, MACs, cost saved so far, cost that the rest can save, previous action. Of Galen (Krieger et al. 2022):
    the knob's divergence along its choices, and its savings likewise; zero where there are no probes. Added: the
    compressor, the number of choices, the budget, and which part of what can still be saved must be.
    """

    def __init__(self, route: Route, layers: Mapping[str, Layer]) -> None:
        knobs = tuple(route.sensitivity.space)
        compressors = sorted({knob.compressor for knob in knobs})
        main = [_main_layer(knob, layers) for knob in knobs]
        spread = np.linspace(0, 1, PROFILE + 1)[1:]
        divergence = [np.interp(spread, *_along(route.sensitivity.divergence[knob.name])) for knob in knobs]
        savings = [np.interp(spread, *_along(route.savings[place])) for place in range(len(knobs))]
        self._knobs = np.concatenate(
            [
                np.array([[place / max(1, len(knobs) - 1)] for place in range(len(knobs))]),
                np.array([[knob.compressor == name for name in compressors] for knob in knobs]),
                np.array([[layer is not None and layer.kind == kind for kind in KINDS] for layer in main]),
                _logarithmic(np.array([_sizes(layer) for layer in main])),
                _logarithmic(np.array([[len(knob.choices)] for knob in knobs])),
                _logarithmic(1e3 * _normal(np.clip(divergence, 0.0, _LARGEST))),
                _normal(np.array(savings)),
            ],
            axis=1,
        ).astype(np.float32)

    @property
    def width(self) -> int:
        return int(self._knobs.shape[1]) + 5

    def of(self, episode: Episode, previous: float) -> Floats:
        """The state at the episode's present knob.

        Args:
            episode: not at its end.
            previous: the action at the knob before, between 0 and 1.
        """
        assert episode.knob is not None
        needed = (episode.cost - episode.high) / max(episode.ahead, 1e-6)
        now = (episode.saved, episode.ahead, episode.high, float(np.clip(needed, -1, 1)), previous)
        return np.concatenate([self._knobs[episode.knob], np.array(now, dtype=np.float32)])


def _main_layer(knob: Knob, layers: Mapping[str, Layer]) -> Layer | None:
    """The layer that the knob is named after, or the first of those it is about."""
    if knob.target in layers:
        return layers[knob.target]
    return min((layers[name] for name in knob.layers if name in layers), key=lambda layer: layer.position, default=None)


def _sizes(layer: Layer | None) -> tuple[float, ...]:
    """Channels in and out, kernel, stride, pixels of the output, MACs."""
    if layer is None:
        return (0.0,) * 6
    counts = (layer.in_shape[:1], layer.out_shape[:1], layer.kernel, layer.stride, layer.out_shape[1:], (layer.macs,))
    return tuple(float(np.prod(count)) for count in counts)


def _along(values: Sequence[float]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    return np.linspace(0, 1, len(values)), np.asarray(values, dtype=float)


def _logarithmic(table: NDArray[np.float64]) -> NDArray[np.float64]:
    """On a logarithmic scale, from 0 to the column's largest."""
    return _normal(np.log1p(np.maximum(table, 0.0)))


def _normal(table: NDArray[np.float64]) -> NDArray[np.float64]:
    largest = np.abs(table).max(axis=0, keepdims=True)
    return np.asarray(table / np.where(largest > 0, largest, 1.0))
