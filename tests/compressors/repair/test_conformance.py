"""The project's own repairs, in the suite that every repair has to pass."""

from __future__ import annotations

import pytest

from parefront.compressors.repair import block_reconstruction
from parefront.compressors.repair.registry import repair_of
from parefront.compressors.repair.repair import Repair
from parefront.testing.repairs import RepairConformance


class TestLeastSquares(RepairConformance):
    @pytest.fixture
    def repair(self) -> Repair:
        return repair_of("least_squares")


class TestCovariance(RepairConformance):
    @pytest.fixture
    def repair(self) -> Repair:
        return repair_of("covariance")


class TestBatchNorm(RepairConformance):
    @pytest.fixture
    def repair(self) -> Repair:
        return repair_of("batch_norm")


class TestNone(RepairConformance):
    @pytest.fixture
    def repair(self) -> Repair:
        return repair_of("none")


class TestBlockReconstruction(RepairConformance):
    @pytest.fixture
    def repair(self, monkeypatch: pytest.MonkeyPatch) -> Repair:
        monkeypatch.setattr(block_reconstruction, "STEPS", 4)
        return repair_of("block_reconstruction")
