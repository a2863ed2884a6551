"""The project's own methods, in the suite that every method has to pass."""

from __future__ import annotations

from typing import Any, ClassVar

import pytest

from parefront.compressors import Compressor, Target, create
from parefront.testing import CompressorConformance


class TestPruneChannels(CompressorConformance):
    @pytest.fixture
    def compressor(self) -> Compressor:
        return create("prune_channels", {"round_to": 4})


class TestDropBlocks(CompressorConformance):
    networks: ClassVar[tuple[str, ...]] = ("residual", "depthwise")

    @pytest.fixture
    def compressor(self) -> Compressor:
        return create("drop_blocks")


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


class TestQuantizeForArm(CompressorConformance):
    networks: ClassVar[tuple[str, ...]] = ("plain", "residual")

    @pytest.fixture
    def compressor(self) -> Compressor:
        options: dict[str, Any] = {"ranges": "mse", "bias_correction": False}
        return create("quantize", options, Target(vector_width=8, signed_activations=True, full_range_weights=False))
