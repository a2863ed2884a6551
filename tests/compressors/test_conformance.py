"""The project's own methods, in the suite that every method has to pass."""

from __future__ import annotations

from typing import Any, ClassVar

import pytest

from parefront.compressors.base import Compressor
from parefront.compressors.registry import create
from parefront.compressors.target import Target
from parefront.testing.compressors import CompressorConformance


class TestPruneChannels(CompressorConformance):
    @pytest.fixture
    def compressor(self) -> Compressor:
        return create("prune_channels", {"round_to": 4})


class TestDropBlocks(CompressorConformance):
    networks: ClassVar[tuple[str, ...]] = ("residual", "depthwise")

    @pytest.fixture
    def compressor(self) -> Compressor:
        return create("drop_blocks")


class TestLowRank(CompressorConformance):
    @pytest.fixture
    def compressor(self) -> Compressor:
        return create("low_rank", {"schemes": ["svd", "spatial", "tucker2", "cp"], "ranks": [0.5, 0.25]})


class TestLowRankByEnergy(CompressorConformance):
    networks: ClassVar[tuple[str, ...]] = ("plain", "concat")

    @pytest.fixture
    def compressor(self) -> Compressor:
        return create("low_rank", {"schemes": ["tucker2"], "ranks": [0.9, 0.5], "by": "energy", "round_to": 1})


class TestMerge(CompressorConformance):
    networks: ClassVar[tuple[str, ...]] = ("plain", "depthwise")

    @pytest.fixture
    def compressor(self) -> Compressor:
        return create("merge")


class TestSeparable(CompressorConformance):
    @pytest.fixture
    def compressor(self) -> Compressor:
        return create("separable")


class TestPruneWeights(CompressorConformance):
    @pytest.fixture
    def compressor(self) -> Compressor:
        return create("prune_weights")


class TestPruneWeightsByOneThreshold(CompressorConformance):
    networks: ClassVar[tuple[str, ...]] = ("residual",)

    @pytest.fixture
    def compressor(self) -> Compressor:
        return create("prune_weights", {"scope": "global"})


class TestPruneWeightsByPattern(CompressorConformance):
    networks: ClassVar[tuple[str, ...]] = ("residual", "depthwise")

    @pytest.fixture
    def compressor(self) -> Compressor:
        return create("prune_weights", {"pattern": "2:4"})


class TestShareWeights(CompressorConformance):
    @pytest.fixture
    def compressor(self) -> Compressor:
        return create("share_weights")


class TestQuantize(CompressorConformance):
    @pytest.fixture
    def compressor(self) -> Compressor:
        return create("quantize")


class TestQuantizeToFewBits(CompressorConformance):
    @pytest.fixture
    def compressor(self) -> Compressor:
        return create("quantize", {"bits": [32, "w8", 8, "w4", 4, "w3", 3, "w2", 2, "w1", 1]})


class TestQuantizeWithReconstruction(CompressorConformance):
    networks: ClassVar[tuple[str, ...]] = ("plain", "depthwise")

    @pytest.fixture
    def compressor(self) -> Compressor:
        return create("quantize", {"bits": [32, 8, 4], "rounding": "reconstruct", "equalize": True})


class TestQuantizePerTensor(CompressorConformance):
    networks: ClassVar[tuple[str, ...]] = ("plain",)

    @pytest.fixture
    def compressor(self) -> Compressor:
        return create("quantize", {"bits": [32, 8, "w4", 2], "granularity": "tensor"})


class TestQuantizeForArm(CompressorConformance):
    networks: ClassVar[tuple[str, ...]] = ("plain", "residual")

    @pytest.fixture
    def compressor(self) -> Compressor:
        options: dict[str, Any] = {"ranges": "mse", "bias_correction": False}
        return create("quantize", options, Target(vector_width=8, signed_activations=True, full_range_weights=False))
