"""Racing on a real artefact: who is clearly dominated is stopped after a few images, who is not is measured in full."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import onnxruntime as ort
import pytest
import torch
from torch.utils.data import TensorDataset

from parefront.evaluators.quality.accuracy import open_session
from parefront.evaluators.quality.scoring.builtin import BUILT_IN
from parefront.evaluators.results.candidate import Candidate
from parefront.evaluators.results.fronts.front import Front
from parefront.evaluators.results.measurement import Measurement
from parefront.evaluators.trial.dominance import Standing
from parefront.evaluators.trial.race import Raced, race, time_only
from parefront.evaluators.trial.scores.split import Split
from parefront.evaluators.trial.stopwatch import Stopwatch
from parefront.spaces.network.emit import emit
from parefront.spaces.policy import Policy
from parefront.spaces.tensors.batch import alone

from ...flat import chain, op

IMAGES = 1000


@dataclass
class Timed:
    """Looks at a latency of ``ratio``: the first with an interval of 10 %, then of one."""

    ratio: float
    taken: list[str] = field(default_factory=list)
    ranks: list[int] = field(default_factory=list)

    def closer(self) -> dict[str, Measurement] | None:
        if not self.taken:
            self.taken.append("short")
            return latency(self.ratio, 0.1)
        return self.full()

    def full(self) -> dict[str, Measurement] | None:
        if "full" in self.taken:
            return None
        self.taken.append("full")
        return latency(self.ratio, 0.01)

    def prefer(self, rank: int) -> None:
        self.ranks.append(rank)


def latency(ratio: float, error: float) -> dict[str, Measurement]:
    return {"latency_ratio": Measurement(ratio, ratio * (1 - error), ratio * (1 + error), 40, "x")}


@pytest.fixture(scope="module")
def sessions(tmp_path_factory: pytest.TempPathFactory) -> dict[str, ort.InferenceSession]:
    """A network whose outputs are its inputs, and one that exchanges the first two of ten classes."""
    folder: Path = tmp_path_factory.mktemp("artefacts")
    x = torch.zeros(2, 10)
    swap = op("Gather", {1: [1, 0, *range(2, 10)]}, axis=1)
    nets = {"same": chain(x, same=op("Identity")), "swapped": chain(x, swap=swap)}
    return {name: open_session(emit(net, folder / f"{name}.onnx", x).path, threads=1) for name, net in nets.items()}


@pytest.fixture(scope="module")
def split(sessions: dict[str, ort.InferenceSession]) -> Split:
    """Images whose greatest pixel is their class, sorted by class: without a random order the first would mislead."""
    labels = torch.arange(IMAGES) // (IMAGES // 10)
    made = Split.of("", TensorDataset(torch.nn.functional.one_hot(labels, 10).float(), labels))
    made.score_reference(sessions["same"])
    return made


def front_of(*members: tuple[float, float]) -> Front:
    """Members of a given change in accuracy and latency ratio, by trial from 1."""
    made = []
    for trial, (change, ratio) in enumerate(members, start=1):
        metrics = {
            "accuracy": Measurement.exact(1 + change, "fraction"),
            "accuracy_change": Measurement(change, change - 0.01, change + 0.01, IMAGES, "fraction"),
            **latency(ratio, 0.01),
        }
        made.append(Candidate(Policy({"a": trial}), metrics, trial=trial))
    baseline = Candidate(Policy(), {"accuracy": Measurement.exact(1.0, "fraction"), **latency(1.0, 0.01)})
    return Front.of(made, ("accuracy", "latency"), baseline)


def run(split: Split, session: ort.InferenceSession, looks: Timed, front: Front) -> Raced:
    return race(split, session, {}, looks, Standing(front, split.looks), Stopwatch())


def test_who_is_clearly_dominated_is_stopped_after_the_first_images(
    split: Split, sessions: dict[str, ort.InferenceSession]
) -> None:
    looks = Timed(0.9)
    raced = run(split, sessions["swapped"], looks, front_of((0.0, 0.5)))
    assert raced.why == f"after 128 of {IMAGES} images, dominated by trial 1"
    assert looks.taken == ["short"]
    change = raced.metrics["accuracy_change"]
    assert change.n == raced.metrics["accuracy"].n == raced.metrics["divergence"].n == 128
    assert change.low < -0.2 < change.high, "the true loss is within the interval: the images were in random order"


def test_what_is_told_of_a_stopped_one_is_dominated_in_its_values(
    split: Split, sessions: dict[str, ort.InferenceSession]
) -> None:
    front = front_of((0.0, 0.5), (-0.1, 0.3))
    raced = run(split, sessions["swapped"], Timed(0.9), front)
    told = Candidate(Policy({"a": 9}), raced.metrics, trial=9)
    again = Front.of([*front, told], front.objectives, front.baseline)
    assert {member.trial for member in again} == {1, 2}


def test_who_is_accurate_enough_is_timed_once_and_in_full(
    split: Split, sessions: dict[str, ort.InferenceSession]
) -> None:
    looks = Timed(0.9)
    raced = run(split, sessions["same"], looks, front_of((0.0, 0.5), (-0.1, 0.3)))
    assert raced.why == ""
    assert looks.taken == ["full"]
    assert raced.metrics["accuracy"].n == IMAGES


def test_who_loses_much_and_is_fast_is_measured_in_full(
    split: Split, sessions: dict[str, ort.InferenceSession]
) -> None:
    looks = Timed(0.4)
    raced = run(split, sessions["swapped"], looks, front_of((0.0, 0.5)))
    assert raced.why == ""
    assert looks.taken == ["short", "full"]
    assert raced.metrics["accuracy"].value == pytest.approx(0.8)
    assert raced.metrics["latency_ratio"].half_width == pytest.approx(0.004)


def test_a_latency_that_the_short_look_leaves_open_is_measured_in_full_before_more_images(
    split: Split, sessions: dict[str, ort.InferenceSession]
) -> None:
    looks = Timed(0.54)
    raced = run(split, sessions["swapped"], looks, front_of((0.0, 0.5)))
    assert looks.taken == ["short", "full"]
    assert raced.why.startswith("after 128 of")
    assert raced.stopped is not None
    assert raced.stopped.images == 128


def test_without_rivals_everybody_is_measured_in_full(split: Split, sessions: dict[str, ort.InferenceSession]) -> None:
    looks = Timed(3.0)
    raced = run(split, sessions["swapped"], looks, front_of())
    assert raced.why == ""
    assert looks.taken == ["full"]
    whole = split.score(sessions["swapped"])
    assert {key: raced.metrics[key] for key in whole} == whole


def test_growing_parts_are_prefixes_of_the_whole(split: Split, sessions: dict[str, ort.InferenceSession]) -> None:
    parts = list(split.growing(sessions["swapped"]))
    assert [part.count for part in parts] == [128, 256, 512, IMAGES]
    assert split.looks == len(parts)
    assert all(np.array_equal(alone(part.outputs), alone(parts[-1].outputs)[: part.count]) for part in parts)


def test_of_whom_accuracy_is_known_a_short_look_may_settle_it() -> None:
    scores = {
        "accuracy": Measurement.exact(0.9, "fraction"),
        "accuracy_change": Measurement(-0.1, -0.11, -0.09, IMAGES, "fraction"),
    }
    standing = Standing(front_of((0.0, 0.5)), 0, scored=True)
    for ratio, against, taken, why in [
        (0.9, standing, ["short"], "dominated by trial 1"),
        (0.4, standing, ["short", "full"], ""),
        (0.9, None, ["full"], ""),
    ]:
        looks = Timed(ratio)
        raced = time_only(scores, looks, against, Stopwatch())
        assert (looks.taken, raced.why) == (taken, why)
        assert raced.metrics["latency_ratio"].value == ratio


def test_an_error_of_single_samples_is_raced_in_its_own_direction(sessions: dict[str, ort.InferenceSession]) -> None:
    """Outputs are targets and noise; the swapped ones have a far greater error, and lower is better."""
    generator = torch.Generator().manual_seed(0)
    images = torch.randn(IMAGES, 10, generator=generator)
    mse = BUILT_IN["mse"]
    split = Split.of("", TensorDataset(images, images + 0.1 * torch.randn(IMAGES, 10, generator=generator)), mse)
    error = split.score_reference(sessions["same"])["mse"].value
    baseline = Candidate(Policy(), {"mse": Measurement.exact(error, "score"), **latency(1.0, 0.01)})

    def ahead_by(change: float) -> Front:
        metrics = {"mse": Measurement.exact(error + change, "score"), **latency(0.5, 0.01)}
        metrics["mse_change"] = Measurement(change, change - 0.001, change + 0.001, IMAGES, "score")
        member = Candidate(Policy({"a": 1}), metrics, trial=1)
        return Front.of([member], ("mse", "latency"), baseline, quality=mse.metric)

    raced = run(split, sessions["swapped"], Timed(0.9), ahead_by(0.01))
    assert raced.why == f"after 128 of {IMAGES} images, dominated by trial 1"
    assert raced.metrics["mse"].value > 0.2
    whole = run(split, sessions["same"], Timed(0.9), ahead_by(0.01))
    assert whole.why == ""
    assert whole.metrics["mse"].n == IMAGES
