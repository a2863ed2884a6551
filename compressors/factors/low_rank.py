"""Low rank: a dense layer becomes a chain of thinner ones, by SVD, Tucker-2, CP or separable filters."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, ClassVar, Literal

import torch
from pydantic import Field, field_validator, model_validator
from torch import Tensor, fx, nn

from ...spaces.knob import Choice, Knob
from ...spaces.network.channels.joined import reads_as
from ...spaces.network.channels.parts import replace_layer
from ...spaces.network.graph import Layer, ModelGraph
from ...spaces.network.layers import input_origin_of, origin_of
from ..base import Compressor
from ..context import Context
from ..options import CompressorOptions, RoundTo, one_of
from ..plan import Plan
from ..repaired import CompensatedOptions
from ..stage import Stage
from ..statistics.calibration import Calibration
from ..statistics.input_moments import InputMoments
from ..statistics.sampling import is_dense
from ..statistics.spectrum import Spectrum, moments_of
from ..target import step_of
from .chains import SCHEMES, Chain, Dense, Ranks, Scheme, scheme_for, weights_of

FULL = 1.0


class LowRankOptions(CompensatedOptions):
    """Options of ``low_rank``.

    Attributes:
        schemes: factorisations to choose from, for each layer.
        ranks: fractions of what ``by`` says to keep; 1 leaves a layer as it is.
    """

    schemes: tuple[Annotated[str, one_of(SCHEMES)], ...] = ("svd",)
    ranks: tuple[float, ...] = (1.0, 0.75, 0.5, 0.375, 0.25, 0.125)
    by: Literal["rank", "energy"] = Field(
        default="rank", description="what ranks are fractions of: the full rank, or the energy to keep"
    )
    data_aware: bool = Field(default=True, description="weigh by the covariance of inputs and outputs")
    round_to: RoundTo = Field(
        default="auto", description="ranks are a multiple of this; auto: the device's vector width"
    )

    @field_validator("ranks")
    @classmethod
    def _ranks(cls, value: tuple[float, ...]) -> tuple[float, ...]:
        if not value or any(not 0 < share <= 1 for share in value):
            raise ValueError("expected fractions above 0 and at most 1")
        return tuple(sorted({FULL, *map(float, value)}, reverse=True))

    @model_validator(mode="after")
    def _schemes(self) -> LowRankOptions:
        without = [name for name in self.schemes if SCHEMES[name].energy is None]
        if not self.schemes:
            raise ValueError(f"schemes: expected at least one of {', '.join(SCHEMES)}")
        if self.by == "energy" and without:
            raise ValueError(f"by energy: {', '.join(without)} has no energies; use by: rank")
        return self


class LowRank(Compressor):
    """Factorises convolutions and linear layers. A knob per layer: the share of the full rank (or of the energy) kept.

    With more than one scheme a choice also names it, as in ``"tucker2 0.5"``. Ranks that would not reduce the layer's
    MACs and weights are not offered; those by energy, which are known only with the data, leave a layer as it is where
    they would not.

    Both sides are weighted by data of the uncompressed network: inputs by the square root of their channels'
    covariance, so that the error of the *output* is what is least (places of a kernel taken as alike and independent);
    ``svd`` takes principal components of the outputs themselves. The mean error goes into the bias. The last part is
    then re-solved by the compensation of the whole network.
    """

    name = "low_rank"
    stage = Stage.FACTORISE
    Options: ClassVar[type[CompressorOptions]] = LowRankOptions
    options: LowRankOptions

    def plan(self, graph: ModelGraph) -> Plan:
        layers = {layer.name: layer for layer in graph.layers if _is_dense(layer)}

        def change(net: fx.GraphModule, choices: Mapping[str, Choice], context: Context) -> fx.GraphModule:
            calibration = context.calibration
            calls: dict[str, list[str]] = {}
            for node in net.graph.nodes:
                calls.setdefault(str(node.target), []).append(node.name)
            for name, choice in choices.items():
                layer = net.get_submodule(name) if name in calls else None
                if isinstance(layer, nn.Conv2d | nn.Linear) and is_dense(layer):
                    seen = calibration.input_moments[reads_as(net, name)].of(input_origin_of(layer))
                    outputs = _outputs(layer, calibration, calls[name])
                    chain = self._chain(layers[name], layer, choice, seen, outputs)
                    if chain is not None:
                        replace_layer(net, name, chain)
            net.recompile()
            return net

        offered = [(layer, self._choices(layer)) for layer in layers.values()]
        knobs = [
            Knob(self.name, layer.name, choices, FULL, frozenset({layer.name}), layer.position)
            for layer, choices in offered
            if len(choices) > 1
        ]
        return Plan(self.name, self.stage, knobs, change, repair=self.options.compensate)

    def _chain(
        self,
        before: Layer,
        layer: nn.Conv2d | nn.Linear,
        choice: Choice,
        moments: InputMoments,
        outputs: Spectrum | None,
    ) -> Chain | None:
        """The parts, or None where they would not be smaller than the layer ``before`` compression."""
        scheme_name, share = self._read(choice)
        dense = Dense(layer, Spectrum(torch.eye(len(moments.mean))))
        if self.options.data_aware:
            dense = Dense(layer, moments.spectrum, outputs)
        shape = dense.kernel.shape
        scheme, step = scheme_for(scheme_name, shape), self._step(shape)
        if self.options.by == "energy":
            assert scheme.energy is not None
            ranks = scheme.energy(dense, share, step)
        else:
            ranks = scheme.ranks(shape, share, step)
        if not _saves(scheme, shape, ranks, before):
            return None
        chain = scheme.build(dense, ranks)
        if weights_of(chain) > weights_of([layer]):
            return None
        if self.options.data_aware:
            _settle(chain, layer, moments.mean)
        return chain

    def _choices(self, layer: Layer) -> tuple[Choice, ...]:
        """Full rank first, then what saves, the most MACs first; by energy, whatever is asked for."""
        shape = _shape(layer)
        offered: dict[tuple[str, Ranks], tuple[float, Choice]] = {}
        named = len(self.options.schemes) > 1
        for name in self.options.schemes:
            if named and shape[2:].numel() == 1 and name != self.options.schemes[0]:
                continue
            for share in self.options.ranks[1:]:
                choice = f"{name} {share:g}" if named else share
                scheme = scheme_for(name, shape)
                if self.options.by == "energy":
                    offered[name, (len(offered),)] = (-share, choice)
                    continue
                ranks = scheme.ranks(shape, share, self._step(shape))
                if _saves(scheme, shape, ranks, layer):
                    offered.setdefault((name, ranks), (-_macs(scheme, shape, ranks, layer), choice))
        ordered = sorted(offered.values(), key=lambda found: found[0])
        return (FULL, *(choice for _, choice in ordered))

    def _read(self, choice: Choice) -> tuple[str, float]:
        if isinstance(choice, str):
            name, _, share = choice.partition(" ")
            return name, float(share)
        return self.options.schemes[0], float(choice)

    def _step(self, shape: torch.Size) -> int:
        """The multiple, halved until the narrower side holds at least four of it."""
        return step_of(self.options.round_to, self.target, min(shape[:2]), least=4)


def _is_dense(layer: Layer) -> bool:
    return layer.kind == "linear" or (layer.kind == "conv" and len(layer.kernel) == 2)


def _shape(layer: Layer) -> torch.Size:
    """Of the kernel: ``(out, in, height, width)``."""
    if layer.kind == "linear":
        return torch.Size((layer.out_shape[-1], layer.in_shape[-1], 1, 1))
    return torch.Size((layer.out_shape[0], layer.in_shape[0], *layer.kernel))


def _macs(scheme: Scheme, shape: torch.Size, ranks: Ranks, layer: Layer) -> float:
    """For one output place."""
    tall = wide = 1.0
    if layer.kind != "linear":
        tall, wide = (a / b for a, b in zip(layer.in_shape[1:], layer.out_shape[1:], strict=True))
    return scheme.multiplies(shape, ranks, tall, wide)


def _saves(scheme: Scheme, shape: torch.Size, ranks: Ranks, layer: Layer) -> bool:
    before = shape.numel()
    weights = scheme.multiplies(shape, ranks, 1.0, 1.0) + sum(ranks)
    return max(_macs(scheme, shape, ranks, layer), weights) < before


def _outputs(layer: nn.Module, calibration: Calibration, nodes: Sequence[str]) -> Spectrum | None:
    """The covariance of what the uncompressed layer gives in all its calls, in the channels that are left."""
    known = [calibration.targets[node].outputs for node in nodes if node in calibration.targets]
    if not known:
        return None
    outputs = torch.cat(known) if len(known) > 1 else known[0]
    spectrum = calibration.once(("output covariance", *nodes), lambda: Spectrum(moments_of(outputs)[1]))
    return spectrum.of(origin_of(layer))


def _settle(chain: Chain, layer: nn.Module, mean: Tensor) -> None:
    """Give the last part the bias that makes the chain answer to the mean input as the layer does."""
    if isinstance(layer, nn.Conv2d):
        side = [4 * (k - 1) * d + 1 for k, d in zip(layer.kernel_size, layer.dilation, strict=True)]
        given = mean.view(1, -1, 1, 1).expand(1, -1, *side)
    else:
        given = mean.unsqueeze(0)
    with torch.no_grad():
        wanted, got = layer(given), nn.Sequential(*chain)(given)
        gap = (wanted - got).flatten(2)[0] if wanted.dim() > 2 else (wanted - got).T
        chain[-1].get_parameter("bias").add_(gap[:, gap.shape[1] // 2])
