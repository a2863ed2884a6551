"""How many steps there is time for, by what steps have taken."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
import torch
from torch.utils.data import TensorDataset

from parefront.compressors.recovery.precision import BFLOAT16, FLOAT32
from parefront.compressors.recovery.recipe import Recipe
from parefront.compressors.target import Target
from parefront.evaluators.results.candidate import Candidate
from parefront.evaluators.results.measurement import Measurement
from parefront.evaluators.trial.builder import Builder
from parefront.evaluators.trial.training.trainer import Trainer
from parefront.search.recovery.pace import Pace, steps_in_time
from parefront.search.runs.recover_settings import RecoverSettings
from parefront.search.runs.stores.recovered_store import Round
from parefront.spaces.policy import Policy
from parefront.spaces.task import Task
from parefront.testing.networks import plain, random_images

MakePace = Callable[..., Pace]


@pytest.fixture(scope="module")
def builder() -> Builder:
    data = TensorDataset(random_images(64, 1), torch.zeros(64, dtype=torch.int64))
    methods: dict[str, dict[str, Any]] = {"prune_channels": {"round_to": 4}, "quantize": {"bits": [32, 2]}}
    return Builder(Task(plain()[0], data, data, data), methods, Target())


@pytest.fixture(scope="module")
def trainer(builder: Builder) -> Trainer:
    return Trainer(builder, Recipe(batch=16), None)


@pytest.fixture
def make_pace(trainer: Trainer) -> MakePace:
    return lambda **settings: Pace(RecoverSettings(**settings), trainer)


def member(macs: float, **choices: Any) -> Candidate:
    return Candidate(Policy(choices), {"macs": Measurement.exact(macs, "MACs")})


def test_what_is_prescribed_is_taken(make_pace: MakePace) -> None:
    assert make_pace(precision=BFLOAT16, threads=1).chosen(member(1e6)) == (BFLOAT16, 1)
    precision, threads = make_pace(precision=FLOAT32).chosen(member(1e6))
    assert precision == FLOAT32
    assert threads >= 1


def test_steps_follow_from_what_they_have_taken(make_pace: MakePace) -> None:
    pace, one, twice = make_pace(precision=FLOAT32, threads=1), member(1e6, a=1), member(2e6, b=1)
    step = 1.5 * pace.seconds(one, 1)
    pace.learn(one, step)
    assert pace.steps(one, 100.5 * step) == 100
    assert pace.steps(twice, 100.5 * step) == 50, "it has twice the multiplications, and was not trained yet"
    pace.learn(twice, 4 * step)
    assert pace.steps(twice, 100.5 * step) == 25
    assert pace.steps(one, 100.5 * step) == 100, "it is known"
    assert pace.seconds(one, 30) == pytest.approx(30 * step)
    assert pace.steps(one, 0.01 * step) == 1


def test_a_machine_that_is_busy_by_now_is_probed_again(make_pace: MakePace, trainer: Trainer) -> None:
    pace, one = make_pace(precision=FLOAT32, threads=1), member(1e6)
    pace.chosen(one)
    pace.learn(one, 0.1)
    pace.learn(one, 5.0)
    assert pace.seconds(one, 1) < 1.0, "a step of so small a network takes milliseconds"


def test_one_that_is_trained_in_integers_is_not_judged_by_one_in_floats(make_pace: MakePace, builder: Builder) -> None:
    pace, floats = make_pace(precision=FLOAT32, threads=1), member(1e6)
    integers = replace(floats, policy=builder.space.uniform({"quantize": 2}))
    pace.chosen(floats)
    pace.learn(floats, 1e-9)
    assert pace.seconds(floats, 1) == pytest.approx(1e-9)
    assert pace.seconds(integers, 1) > 1e-5, "it was probed itself"


def test_threads_are_what_they_were_afterwards(make_pace: MakePace) -> None:
    before = torch.get_num_threads()
    with make_pace(threads=1).as_planned(Round(1, 0.1, FLOAT32, before + 1)):
        assert torch.get_num_threads() == before + 1
    assert torch.get_num_threads() == before


def test_a_round_that_is_late_is_shortened_to_its_time() -> None:
    assert steps_in_time(10, 100, elapsed=11.0, seconds=100.0) == 100, "it is late, but not by much"
    assert steps_in_time(10, 100, elapsed=40.0, seconds=100.0) == 25
    assert steps_in_time(50, 100, elapsed=200.0, seconds=100.0) == 51, "one more ends the cycle"
    assert steps_in_time(1, 100, elapsed=40.0, seconds=100.0) == 100, "the first steps are slower"
