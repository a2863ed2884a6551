"""From a config to an evaluator: what the config asks for is measured."""

from __future__ import annotations

import pytest

from parefront.evaluator_spec import needs_memory
from parefront.search.runs.settings import SearchSettings


@pytest.mark.parametrize(
    ("objectives", "budget", "needed"),
    [
        (["accuracy", "latency"], [], False),
        (["accuracy", "latency"], ["size <= 300KB"], False),
        (["accuracy", "memory"], [], True),
        (["accuracy", "memory_bytes"], [], True),
        (["accuracy", "latency"], ["memory <= 10MB"], True),
    ],
)
def test_memory_is_measured_for_every_candidate_where_it_is_judged_by(
    objectives: list[str], budget: list[str], needed: bool
) -> None:
    assert needs_memory(SearchSettings.from_config({"objectives": objectives, "budget": budget})) is needed
