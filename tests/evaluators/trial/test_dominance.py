"""How a candidate stands against the front: called dominated only where it is, and refused only where it may be."""

from __future__ import annotations

import numpy as np
import pytest

from parefront.evaluators.results.budget import Budget
from parefront.evaluators.results.candidate import Candidate
from parefront.evaluators.results.fronts.front import Front
from parefront.evaluators.results.measurement import Measurement, paired_difference, proportion
from parefront.evaluators.trial.dominance import Standing, refuse_beyond_budget
from parefront.spaces.errors import Infeasible
from parefront.spaces.policy import Policy

BASE = 0.93
OBJECTIVES = ("accuracy", "latency")


def sampled(accuracy: float, ratio: float, **exact: float) -> dict[str, Measurement]:
    """Metrics with intervals: accuracy by half a point, latency by one per cent."""
    change, half, n = accuracy - BASE, 0.005, 2000
    return {
        "accuracy": Measurement(accuracy, accuracy - half, accuracy + half, n, "fraction"),
        "accuracy_change": Measurement(change, change - half, change + half, n, "fraction"),
        "latency_ratio": Measurement(ratio, 0.99 * ratio, 1.01 * ratio, 64, "x"),
        "latency_ms": Measurement(2 * ratio, 1.98 * ratio, 2.02 * ratio, 64, "ms"),
        **{key: Measurement.exact(value, "") for key, value in exact.items()},
    }


def member(trial: int, accuracy: float, ratio: float, **exact: float) -> Candidate:
    return Candidate(Policy({"a": trial}), sampled(accuracy, ratio, **exact), trial=trial)


def front_of(*members: Candidate, budget: tuple[str, ...] = (), objectives: tuple[str, ...] = OBJECTIVES) -> Front:
    baseline = Candidate(Policy(), sampled(BASE, 1.0, size_bytes=1000, macs=1000, params=1000))
    return Front.of(members, objectives, baseline, [Budget.parse(text) for text in budget])


FRONT = front_of(member(1, 0.92, 0.8), member(2, 0.90, 0.5))


@pytest.mark.parametrize(
    ("accuracy", "ratio", "by"),
    [
        (0.85, 0.6, 2),
        (0.85, 0.9, 1),
        (0.885, 0.6, 2),
        (0.895, 0.6, None),
        (0.95, 0.9, None),
        (0.85, 0.4, None),
        (0.85, 0.505, None),
    ],
    ids=["clearly", "by the first", "by more than the errors", "within the errors", "better", "faster", "as fast"],
)
def test_dominated_is_who_is_behind_by_more_than_the_errors(accuracy: float, ratio: float, by: int | None) -> None:
    rival = Standing(FRONT, looks=1).dominated_by(sampled(accuracy, ratio))
    assert (rival.trial if rival else None) == by


def test_against_an_empty_front_nobody_is_dominated() -> None:
    assert Standing(front_of(), looks=1).dominated_by(sampled(0.1, 2.0)) is None


def test_once_all_images_are_looked_at_only_latency_has_an_error() -> None:
    behind = sampled(0.8995, 0.6)
    assert Standing(FRONT, looks=1).dominated_by(behind) is None
    assert Standing(FRONT, looks=0, scored=True).dominated_by(behind) == FRONT.candidates[-1]
    assert Standing(FRONT, looks=0, scored=True).dominated_by(sampled(0.8995, 0.505)) is None
    assert Standing(FRONT, looks=0, scored=True).dominated_by(sampled(0.9005, 0.6)) is None


def test_more_looks_ask_for_a_clearer_lead() -> None:
    known = sampled(0.8905, 0.6)
    assert Standing(FRONT, looks=1).dominated_by(known) is not None
    assert Standing(FRONT, looks=40).dominated_by(known) is None


def test_without_all_objectives_nobody_is_dominated_yet_a_look_at_latency_may_tell() -> None:
    known = {key: m for key, m in sampled(0.85, 0.6).items() if not key.startswith("latency")}
    standing = Standing(FRONT, looks=1)
    assert standing.dominated_by(known) is None
    assert standing.is_close(known)
    good = {key: m for key, m in sampled(0.93, 0.6).items() if not key.startswith("latency")}
    assert not standing.is_close(good)


def test_a_rough_latency_deserves_a_better_look_where_a_member_is_ahead_by_its_value() -> None:
    standing = Standing(FRONT, looks=1)
    rough = {"latency_ratio": Measurement(0.52, 0.4, 0.64, 12, "x")}
    assert standing.dominated_by({**sampled(0.85, 0.5), **rough}) is None
    assert standing.is_close({**sampled(0.85, 0.5), **rough})
    faster = {"latency_ratio": Measurement(0.48, 0.36, 0.6, 12, "x")}
    assert not standing.is_close({**sampled(0.85, 0.5), **faster})


def test_a_handful_of_samples_shows_nothing() -> None:
    few = {"latency_ratio": Measurement(0.9, 0.9, 0.9, 1, "x", noisy=True)}
    assert Standing(FRONT, looks=1).dominated_by({**sampled(0.5, 0.9), **few}) is None


def test_counted_objectives_have_no_error() -> None:
    front = front_of(member(1, 0.92, 0.8, size_bytes=500), objectives=("accuracy", "size"))
    standing = Standing(front, looks=1)
    assert standing.dominated_by(sampled(0.85, 0.1, size_bytes=500)) is not None
    assert standing.dominated_by(sampled(0.85, 0.1, size_bytes=499)) is None


def test_where_it_may_meet_the_budgets_only_a_member_that_does_is_enough() -> None:
    large, small = member(1, 0.92, 0.5, size_bytes=900), member(2, 0.90, 0.7, size_bytes=200)
    standing = Standing(front_of(large, small, budget=("size <= 300B",)), looks=1)
    fits, too_large = (sampled(0.88, 0.6, size_bytes=size) for size in (250, 400))
    assert standing.dominated_by(fits) is None
    assert standing.dominated_by(too_large) is not None
    assert standing.dominated_by(sampled(0.88, 0.8, size_bytes=250)) is not None


def test_who_is_called_dominated_is() -> None:
    """Accuracy by images drawn in growing blocks, latency with an error: wrong in less than one of a hundred draws."""
    generator = np.random.default_rng(0)
    images, looks, draws = 2000, (128, 256, 512, 1024, 2000), 1500
    wrong = stopped = 0
    for _ in range(draws):
        base = generator.random(images) < BASE
        rival_loss, loss = generator.uniform(0, 0.1), generator.uniform(0, 0.2)
        rival_time, time = generator.uniform(0.3, 0.6), generator.uniform(0.3, 0.6)
        rival = Candidate(Policy(), measured(generator, base, rival_loss, rival_time, images), trial=1)
        standing = Standing(front_of(rival), len(looks))
        right = base & (generator.random(images) > loss)
        latency = timed(generator, time)
        for count in looks:
            change = paired_difference(right[:count], base[:count])
            known = {**latency, "accuracy": proportion(int(right[:count].sum()), count), "accuracy_change": change}
            if standing.dominated_by(known):
                stopped += 1
                wrong += loss < rival_loss or time < rival_time
                break
    assert stopped > draws / 8
    assert wrong <= stopped / 100


@pytest.mark.parametrize(("loss", "time"), [(0.02, 0.5), (0.05, 0.45)], ids=["as good", "faster"])
def test_who_belongs_on_the_front_is_hardly_ever_called_dominated(loss: float, time: float) -> None:
    """A member loses 2 % at 0.5x; these are not dominated by it."""
    generator = np.random.default_rng(1)
    images, draws, wrong = 2000, 600, 0
    for _ in range(draws):
        base = generator.random(images) < BASE
        rival = Candidate(Policy(), measured(generator, base, 0.02, 0.5, images), trial=1)
        standing = Standing(front_of(rival), looks=5)
        right, latency = base & (generator.random(images) > loss), timed(generator, time)
        wrong += any(
            standing.dominated_by(
                {
                    **latency,
                    "accuracy": proportion(int(right[:count].sum()), count),
                    "accuracy_change": paired_difference(right[:count], base[:count]),
                }
            )
            is not None
            for count in (128, 256, 512, 1024, 2000)
        )
    assert wrong <= draws / 100


def measured(
    generator: np.random.Generator, base: np.ndarray, loss: float, time: float, images: int
) -> dict[str, Measurement]:
    right = base & (generator.random(images) > loss)
    accuracy = proportion(int(right.sum()), images)
    return {**timed(generator, time), "accuracy": accuracy, "accuracy_change": paired_difference(right, base)}


def timed(generator: np.random.Generator, time: float) -> dict[str, Measurement]:
    """A ratio that errs by one per cent, and knows it."""
    value = time * (1 + 0.01 * generator.normal())
    return {"latency_ratio": Measurement(value, value - 0.0196 * time, value + 0.0196 * time, 40, "x")}


def test_beyond_a_budget_by_what_is_counted_is_refused_once_something_fits() -> None:
    large = Candidate(Policy(), {"size_bytes": Measurement.exact(412_000, "bytes")})
    budget = ("size <= 300KB", "latency <= 0.9x")
    nothing_fits = front_of(member(1, 0.92, 0.8, size_bytes=500_000), budget=budget)
    refuse_beyond_budget(large, nothing_fits)
    too_slow = front_of(member(1, 0.92, 0.95, size_bytes=200_000), budget=budget)
    refuse_beyond_budget(large, too_slow)
    fits = front_of(member(1, 0.92, 0.8, size_bytes=200_000), budget=budget)
    with pytest.raises(Infeasible, match=r"^size 412 KB \(needs 300 KB\)$"):
        refuse_beyond_budget(large, fits)
    refuse_beyond_budget(Candidate(Policy(), {"size_bytes": Measurement.exact(300_000, "bytes")}), fits)
