"""Reconstruction: codes that keep a layer's output, against brute force and against the nearest."""

from __future__ import annotations

import itertools

import numpy as np
import torch

from parefront.compressors.integers.codes import dequantize, quantize_weight
from parefront.compressors.integers.rounding import reconstruct, second_moments

from ..conftest import MakeBench


def correlated(rows: int, width: int, seed: int = 0) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(rows, width, generator=generator) @ torch.randn(width, width, generator=generator)


def output_error(inputs: torch.Tensor, weight: torch.Tensor, codes: torch.Tensor, scale: torch.Tensor) -> float:
    return float((inputs @ (dequantize(codes, scale) - weight).flatten(1).T).square().mean())


def test_it_halves_the_output_error_of_rounding_to_the_nearest() -> None:
    inputs, weight = correlated(500, 32), torch.randn(16, 32, generator=torch.Generator().manual_seed(1))
    nearest, scale = quantize_weight(weight, 4)
    codes = reconstruct(weight, scale, 7, inputs.T @ inputs / 500)
    assert output_error(inputs, weight, codes, scale) < 0.5 * output_error(inputs, weight, nearest, scale)


def test_it_comes_closer_to_the_best_of_all_roundings_than_to_the_nearest() -> None:
    inputs, weight = correlated(100, 8), torch.randn(20, 8, generator=torch.Generator().manual_seed(2))
    nearest, scale = quantize_weight(weight, 4)
    low = torch.floor(weight / scale.view(-1, 1))
    ways = [(low + torch.tensor(up)).clamp(-7, 7) for up in itertools.product((0.0, 1.0), repeat=8)]
    errors = [((inputs @ (dequantize(way, scale) - weight).T) ** 2).mean(0) for way in ways]
    best = float(torch.stack(errors).amin(0).mean())
    codes = reconstruct(weight, scale, 7, inputs.T @ inputs / 100)
    ours, theirs = (output_error(inputs, weight, found, scale) for found in (codes, nearest))
    assert ours - best < (theirs - best) / 3


def test_where_inputs_are_independent_it_rounds_to_the_nearest() -> None:
    weight = torch.randn(4, 10, generator=torch.Generator().manual_seed(3))
    nearest, scale = quantize_weight(weight, 4)
    assert torch.equal(reconstruct(weight, scale, 7, torch.eye(10)), nearest)


def test_second_moments_are_those_of_the_patches_a_layer_reads(bench: MakeBench) -> None:
    subject = bench("plain", quantize={})
    layer = subject.graph.layers[-1].name
    moments = second_moments(subject.net, [layer], subject.calibration.inputs)
    node = next(node for node in subject.net.graph.nodes if node.target == layer)
    seen: list[torch.Tensor] = []
    handle = subject.net.get_submodule(layer).register_forward_pre_hook(lambda _, given: seen.append(given[0]))
    subject.outputs(subject.net)
    handle.remove()
    assert node.op == "call_module"
    np.testing.assert_allclose(moments[layer], seen[0].T @ seen[0] / len(seen[0]), rtol=1e-4)
