"""Whose time it is: nodes of an artefact back to the modules of the network."""

from __future__ import annotations

import pytest

from parefront.evaluators.explain.shares import by_module


def test_a_module_that_runs_twice_takes_both_and_none_what_is_no_module_s() -> None:
    shares = {"conv": 0.25, "conv_1": 0.125, "head.matmul": 0.5, "add": 0.0625}
    found = by_module(shares, {"conv": "block.conv", "conv_1": "block.conv", "head": "head"})
    assert found == pytest.approx({"block.conv": 0.375, "head": 0.5})
