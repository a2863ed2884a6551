"""The project's own samplers and one of Optuna's, in the suite that every sampler has to pass."""

from __future__ import annotations

import pytest
from optuna.samplers import BaseSampler, NSGAIIISampler

from parefront.search import SAMPLERS, SamplerContext, SamplerFactory
from parefront.testing import SamplerConformance

SLOW = ("gp",)
"""A second a trial, from the eleventh on."""
REPLAYING = ("replay",)
"""Suggests nothing of its own; see ``tests/parefront/test_retarget_command.py``."""


class TestSamplers(SamplerConformance):
    @pytest.fixture(params=[name for name in SAMPLERS if name not in SLOW + REPLAYING])
    def sampler(self, request: pytest.FixtureRequest) -> SamplerFactory:
        return SAMPLERS[request.param]


class TestSlowSamplers(SamplerConformance):
    trials = 13

    @pytest.fixture(params=SLOW)
    def sampler(self, request: pytest.FixtureRequest) -> SamplerFactory:
        return SAMPLERS[request.param]


class TestAForeignSampler(SamplerConformance):
    @pytest.fixture
    def sampler(self) -> SamplerFactory:
        def factory(context: SamplerContext) -> BaseSampler:
            return NSGAIIISampler(seed=context.seed)

        return factory
