"""The walk over the knobs as an environment of gymnasium's: its own checker, budgets, rewards."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env

from parefront.evaluators.results.candidate import Candidate
from parefront.search.agent.environment import INFEASIBLE, compression_environment
from parefront.spaces.errors import Infeasible
from parefront.spaces.policy import Policy

from ..probing import probe
from ..synthetic import SyntheticEvaluator

if TYPE_CHECKING:
    from parefront.search.agent.environment import Environment


@pytest.fixture
def evaluator() -> SyntheticEvaluator:
    return SyntheticEvaluator(blocks=3)


def made(evaluator: SyntheticEvaluator, folder: Path) -> Environment:
    def evaluate(policy: Policy) -> Candidate:
        return evaluator.evaluate(policy, folder / "artifact")

    return compression_environment(probe(evaluator), evaluate, evaluator.baseline(folder))


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_it_is_what_gymnasium_expects(evaluator: SyntheticEvaluator, tmp_path: Path) -> None:
    check_env(made(evaluator, tmp_path), skip_render_check=True)


def test_an_episode_ends_with_a_measured_policy_within_budget(evaluator: SyntheticEvaluator, tmp_path: Path) -> None:
    environment = made(evaluator, tmp_path)
    sensitivity = probe(evaluator)
    _, info = environment.reset(seed=3, options={"budget": 0.6})
    assert info["budget"] == 0.6
    ended = False
    rewards: list[Any] = []
    while not ended:
        _, reward, ended, _, info = environment.step(np.array([0.0], np.float32))
        rewards.append(reward)
    places = sensitivity.indices([evaluator.space.encode(info["policy"])])
    assert sensitivity.expected_cost("latency_ratio", places)[0] <= 0.6
    assert info["action"] > 0, "nothing was wanted, but the budget had to be met"
    accuracy = evaluator.exact(info["policy"])[0]
    assert rewards == [0.0] * (len(rewards) - 1) + [pytest.approx(accuracy - 1)]
    assert info["candidate"].policy == info["policy"]


def test_an_infeasible_policy_is_worth_no_right_answer(evaluator: SyntheticEvaluator, tmp_path: Path) -> None:
    def refuse(policy: Policy) -> Candidate:
        raise Infeasible("no block is left")

    environment = compression_environment(probe(evaluator), refuse, evaluator.baseline(tmp_path))
    environment.reset(seed=0)
    reward: Any = None
    ended, info = False, dict[str, Any]()
    while not ended:
        _, reward, ended, _, info = environment.step(np.array([1.0], np.float32))
    assert reward == INFEASIBLE
    assert "candidate" not in info


def test_without_gymnasium_the_error_says_how_to_get_it(
    evaluator: SyntheticEvaluator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "gymnasium", None)
    with pytest.raises(ImportError, match=r"pip install 'parefront\[rl\]'"):
        made(evaluator, tmp_path)
