"""The project's own samplers and one of Optuna's, in the suite that every sampler has to pass."""

from __future__ import annotations

import pytest
from optuna.samplers import BaseSampler, NSGAIIISampler

from parefront.search.registry import SAMPLERS, SamplerFactory
from parefront.search.samplers.context import SamplerContext
from parefront.testing.formula import ERROR
from parefront.testing.samplers import SamplerConformance, suggestions

SLOW = ("gp",)
"""A second a trial, from the eleventh on."""
REPLAYING = ("given", "replay")
"""Suggest nothing of their own; see ``samplers/test_given.py`` and ``tests/parefront/test_retarget_command.py``."""


class TestSamplers(SamplerConformance):
    @pytest.fixture(params=[name for name in SAMPLERS if name not in SLOW + REPLAYING])
    def sampler(self, request: pytest.FixtureRequest) -> SamplerFactory:
        return SAMPLERS[request.param]


class TestSlowSamplers(SamplerConformance):
    trials = 12

    @pytest.fixture(params=SLOW)
    def sampler(self, request: pytest.FixtureRequest) -> SamplerFactory:
        return SAMPLERS[request.param]


@pytest.mark.parametrize("name", ["auto", "bisect", "cmaes", "nsga2", "random", "uniform"])
@pytest.mark.parametrize(
    ("by_accuracy", "by_error"), [("accuracy >= -2.0pt", "quality <= 1.2x"), ("latency <= 0.7x",) * 2]
)
def test_an_error_that_rises_as_accuracy_falls_gives_the_same_search(
    name: str, by_accuracy: str, by_error: str
) -> None:
    searched = suggestions(SAMPLERS[name], budgets=(by_accuracy,))
    assert suggestions(SAMPLERS[name], budgets=(by_error,), quality=ERROR) == searched


class TestAForeignSampler(SamplerConformance):
    @pytest.fixture
    def sampler(self) -> SamplerFactory:
        def factory(context: SamplerContext) -> BaseSampler:
            return NSGAIIISampler(seed=context.seed)

        return factory
