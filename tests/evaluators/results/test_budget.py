"""Budgets: what parses to what, what does not and what the message says, and when a candidate meets one."""

from __future__ import annotations

import pytest

from parefront.evaluators.results.budget import Budget
from parefront.evaluators.results.candidate import Candidate
from parefront.evaluators.results.measurement import Measurement
from parefront.evaluators.results.metric import Metric, score
from parefront.spaces.errors import ConfigError
from parefront.spaces.policy import Policy

from ...conftest import MakeCandidate


@pytest.mark.parametrize(
    ("text", "metric", "at_most", "amount", "relative"),
    [
        ("latency <= 0.5x", "latency", True, 0.5, True),
        ("latency <= 50%", "latency", True, 0.5, True),
        ("latency <= 2.5ms", "latency", True, 2.5, False),
        ("latency <= 800us", "latency", True, 0.8, False),
        ("latency<=0.002 s", "latency", True, 2.0, False),
        ("size <= 300KB", "size", True, 300_000, False),
        ("size <= 1.5 MiB", "size", True, 1.5 * 2**20, False),
        ("size <= 0.25x", "size", True, 0.25, True),
        ("memory <= 10MB", "memory", True, 10_000_000, False),
        ("macs <= 40M", "macs", True, 40e6, False),
        ("params <= 1M", "params", True, 1e6, False),
        ("params <= 250000", "params", True, 250_000, False),
        ("energy <= 3mJ", "energy", True, 3.0, False),
        ("accuracy >= 0.9", "accuracy", False, 0.9, False),
        ("accuracy >= 90%", "accuracy", False, 0.9, False),
        ("accuracy >= -1.0pt", "accuracy", False, -0.01, True),
        ("accuracy >= +0.5pt", "accuracy", False, 0.005, True),
        ("Accuracy ≥ .9", "accuracy", False, 0.9, False),
        ("  latency  ≤  0.5x ", "latency", True, 0.5, True),
    ],
)
def test_parses(text: str, metric: str, at_most: bool, amount: float, relative: bool) -> None:
    budget = Budget.parse(text)
    assert (budget.metric.name, budget.at_most, budget.relative) == (metric, at_most, relative)
    assert budget.amount == pytest.approx(amount)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "does not parse; accepted forms: latency <= 0.5x"),
        ("latency", "does not parse"),
        ("latency <= fast", "does not parse"),
        ("latency <= 0.5x please", "does not parse"),
        ("latncy <= 0.5x", "did you mean 'latency'"),
        ("colour <= 3", "known: accuracy, energy, fps, latency"),
        ("latency_ms <= 3ms", "no budgets on 'latency_ms'"),
        ("latency >= 0.5x", "better when lower; write latency <="),
        ("latency < 0.5x", "write latency <="),
        ("accuracy <= 0.9", "better when higher; write accuracy >="),
        ("latency <= 0.5", "a unit for latency among 'us', 'ms', 's', 'x'"),
        ("latency <= 5KB", "unit 'kb' for latency"),
        ("size <= 0KB", "above zero"),
        ("size <= -3KB", "above zero"),
        ("accuracy >= 90", "between 0 and 1"),
        ("accuracy >= 1.0pt", "-1pt is a loss of 1 pt"),
        ("accuracy >= 3ms", "no unit 'ms' for accuracy"),
    ],
)
def test_says_what_is_wrong(text: str, says: str) -> None:
    with pytest.raises(ConfigError) as error:
        Budget.parse(text)
    assert says in str(error.value)


def test_a_share_of_latency_is_judged_by_the_interleaved_ratio(make_candidate: MakeCandidate) -> None:
    baseline = make_candidate(latency_ms=4.0, latency_ratio=1.0)
    candidate = make_candidate(1, latency_ms=1.0, latency_ratio=0.6)
    assert Budget.parse("latency <= 0.5x").violation(candidate, baseline) == pytest.approx(0.2)
    assert Budget.parse("latency <= 2ms").violation(candidate, baseline) == pytest.approx(-0.5)


def test_a_change_of_accuracy_is_the_paired_one_where_there_is_one(make_candidate: MakeCandidate) -> None:
    baseline = make_candidate(accuracy=0.93)
    budget = Budget.parse("accuracy >= -1.0pt")
    assert budget.met(make_candidate(1, accuracy=0.91, accuracy_change=-0.005), baseline)
    assert not budget.met(make_candidate(1, accuracy=0.91), baseline)
    assert budget.met(make_candidate(1, accuracy=0.921), baseline)


def test_a_share_of_another_cost_is_of_the_uncompressed_models(make_candidate: MakeCandidate) -> None:
    baseline, candidate = make_candidate(size_bytes=1000), make_candidate(1, size_bytes=300)
    assert Budget.parse("size <= 0.25x").violation(candidate, baseline) == pytest.approx(0.2)


ERROR, PSNR = score("mean_squared_error", higher_is_better=False), score("psnr", higher_is_better=True)


@pytest.mark.parametrize(
    ("text", "amount", "relative"),
    [
        ("mean_squared_error <= 0.05", 0.05, False),
        ("mean_squared_error <= 1.2x", 1.2, True),
        ("accuracy <= 1.2x", 1.2, True),
        ("Quality ≤ 0.05", 0.05, False),
    ],
)
def test_an_error_is_bounded_from_above(text: str, amount: float, relative: bool) -> None:
    budget = Budget.parse(text, ERROR)
    assert (budget.metric, budget.at_most, budget.is_cost) == (ERROR, True, False)
    assert (budget.amount, budget.relative) == (amount, relative)


@pytest.mark.parametrize(
    ("text", "quality", "says"),
    [
        ("mean_squared_error >= 0.05", ERROR, "better when lower; write mean_squared_error <="),
        ("accuracy >= 0.9", ERROR, "mean_squared_error is better when lower"),
        ("psnr <= 30", PSNR, "better when higher; write psnr >="),
        ("psnr >= -1.0pt", PSNR, "no unit 'pt' for psnr; write its value (psnr >= 0.5) or a share"),
        ("psnr >= 98%", PSNR, "no unit '%' for psnr; write its value"),
        ("psnr >= -1x", PSNR, "expected a share above zero"),
        ("psrn >= 30", PSNR, "did you mean 'psnr'"),
    ],
)
def test_says_what_is_wrong_of_a_tasks_own_metric(text: str, quality: Metric, says: str) -> None:
    with pytest.raises(ConfigError) as error:
        Budget.parse(text, quality)
    assert says in str(error.value)


@pytest.mark.parametrize(
    ("text", "value", "violation", "shown"),
    [
        ("mean_squared_error <= 0.05", 0.06, 0.25, "mean_squared_error 0.06 (needs 0.05)"),
        ("mean_squared_error <= 1.5x", 0.05, -0.25, "mean_squared_error 1.250x"),
        ("mean_squared_error <= 1.5x", 0.08, 0.5, "mean_squared_error 2.000x (needs 1.5x)"),
    ],
)
def test_a_violation_of_an_error_is_in_units_of_the_uncompressed_models(
    make_candidate: MakeCandidate, text: str, value: float, violation: float, shown: str
) -> None:
    budget = Budget.parse(text, ERROR)
    baseline, candidate = make_candidate(mean_squared_error=0.04), make_candidate(1, mean_squared_error=value)
    assert budget.violation(candidate, baseline) == pytest.approx(violation)
    assert budget.value_at(violation, baseline) == pytest.approx(value)
    assert budget.describe(candidate, baseline) == shown


def test_a_violation_of_a_score_is_in_tenths_of_the_uncompressed_models(make_candidate: MakeCandidate) -> None:
    baseline, candidate = make_candidate(psnr=30.0), make_candidate(1, psnr=28.5)
    assert Budget.parse("psnr >= 29", PSNR).violation(candidate, baseline) == pytest.approx(0.5 / 3)
    share = Budget.parse("psnr >= 0.98x", PSNR)
    assert share.violation(candidate, baseline) == pytest.approx((29.4 - 28.5) / 3)
    assert share.value_at(share.violation(candidate, baseline), baseline) == pytest.approx(-28.5)
    assert not share.met(candidate, baseline)
    assert share.met(make_candidate(2, psnr=29.5), baseline)


def test_there_is_no_share_of_what_is_not_above_zero(make_candidate: MakeCandidate) -> None:
    baseline = make_candidate(psnr=-2.0)
    with pytest.raises(ConfigError, match=r"no share of the uncompressed model's psnr, which is -2; write the value"):
        Budget.parse("psnr >= 0.98x", PSNR).met(baseline, baseline)


def test_before_a_task_is_known_a_budget_on_a_quality_is_read_by_its_form_alone() -> None:
    for text in ("psnr >= 30", "mse <= 1.2x", "accuracy <= 0.05", "accuracy >= -1.0pt"):
        assert Budget.parse(text, quality=None).text == text
    with pytest.raises(ConfigError, match="latency is better when lower"):
        Budget.parse("latency >= 2ms", quality=None)


def with_interval(key: str, value: float, low: float, high: float, unit: str) -> Candidate:
    return Candidate(Policy(), {key: Measurement(value, low, high, 64, unit)}, trial=1)


@pytest.mark.parametrize(
    ("high", "met", "shown"),
    [(0.499, True, "latency up to 0.499x"), (0.51, False, "latency up to 0.510x (needs 0.5x)")],
)
def test_a_cost_is_judged_by_its_upper_bound(make_candidate: MakeCandidate, high: float, met: bool, shown: str) -> None:
    budget, baseline = Budget.parse("latency <= 0.5x"), make_candidate(latency_ratio=1.0)
    candidate = with_interval("latency_ratio", 0.49, 0.48, high, "x")
    assert budget.met(candidate, baseline) is met
    assert budget.violation(candidate, baseline) == pytest.approx((high - 0.5) / 0.5)
    assert budget.describe(candidate, baseline) == shown


def test_a_share_of_a_sampled_cost_is_its_upper_bound_over_the_uncompressed_models_value(
    make_candidate: MakeCandidate,
) -> None:
    budget, baseline = Budget.parse("memory <= 0.5x"), make_candidate(memory_bytes=1000)
    candidate = with_interval("memory_bytes", 480, 470, 520, "bytes")
    assert budget.measured(candidate, baseline) == pytest.approx(0.52)
    assert budget.describe(candidate, baseline) == "memory up to 0.520x (needs 0.5x)"


def test_accuracy_is_judged_by_its_value(make_candidate: MakeCandidate) -> None:
    baseline = make_candidate(accuracy=0.93)
    change = with_interval("accuracy_change", -0.009, -0.014, -0.004, "fraction")
    assert Budget.parse("accuracy >= -1.0pt").met(change, baseline)
    assert Budget.parse("accuracy >= -1.0pt").describe(change, baseline) == "accuracy -0.90 pt"
    assert Budget.parse("accuracy >= 0.9").met(with_interval("accuracy", 0.901, 0.89, 0.91, "fraction"), baseline)


def test_violations_of_two_metrics_can_be_compared(make_candidate: MakeCandidate) -> None:
    baseline = make_candidate(accuracy=0.93, latency_ratio=1.0)
    candidate = make_candidate(1, accuracy=0.90, latency_ratio=0.55)
    assert Budget.parse("latency <= 0.5x").violation(candidate, baseline) == pytest.approx(0.1)
    assert Budget.parse("accuracy >= -2.0pt").violation(candidate, baseline) == pytest.approx(0.1)


@pytest.mark.parametrize(
    ("text", "metrics", "shown"),
    [
        ("latency <= 0.5x", {"latency_ratio": 0.612}, "latency 0.612x (needs 0.5x)"),
        ("latency <= 2ms", {"latency_ms": 2.5}, "latency 2.50 ms (needs 2 ms)"),
        ("size <= 300KB", {"size_bytes": 250_000}, "size 250 KB"),
        ("accuracy >= -1.0pt", {"accuracy_change": -0.0213}, "accuracy -2.13 pt (needs -1.00 pt)"),
        ("accuracy >= 0.9", {"accuracy": 0.85}, "accuracy 85.00 % (needs 90 %)"),
        ("macs <= 40M", {"macs": 52_340_000}, "macs 52.3M (needs 40 M)"),
    ],
)
def test_describes_a_candidate(make_candidate: MakeCandidate, text: str, metrics: dict[str, float], shown: str) -> None:
    assert Budget.parse(text).describe(make_candidate(1, **metrics), make_candidate(**metrics)) == shown


POINTED = score("psnr", higher_is_better=True, unit="dB", point=0.1)
RATE = score("error_rate", higher_is_better=False, unit="fraction")


def quality_of(metric: Metric, value: float, change: float | None = None) -> Candidate:
    metrics = {metric.key: Measurement.exact(value, metric.unit)}
    if change is not None:
        metrics[f"{metric.key}_change"] = Measurement.exact(change, metric.unit)
    return Candidate(Policy(), metrics)


@pytest.mark.parametrize(
    ("text", "metric", "value", "violation", "says"),
    [
        ("psnr >= -5pt", POINTED, 29.6, -0.1, "psnr -4.00 pt"),
        ("psnr >= -5pt", POINTED, 29.4, 0.1, "psnr -6.00 pt (needs -5.00 pt)"),
        ("psnr >= 29dB", POINTED, 29.4, -0.4, "psnr 29.4 dB"),
        ("psnr >= 0.9x", POINTED, 30.0, -3.0, "psnr 1.000x"),
        ("error_rate <= +2pt", RATE, 0.13, 0.1, "error_rate +3.00 pt (needs +2.00 pt)"),
        ("error_rate <= 12%", RATE, 0.11, -0.1, "error_rate 11.00 %"),
        ("error_rate <= 1.5x", RATE, 0.2, 0.5, "error_rate 2.000x (needs 1.5x)"),
        ("accuracy <= +2pt", RATE, 0.11, -0.1, "error_rate +1.00 pt"),
    ],
)
def test_points_units_and_shares_of_any_quality(
    text: str, metric: Metric, value: float, violation: float, says: str
) -> None:
    """The uncompressed model has 30 dB, or an error rate of 0.1."""
    whole = 30.0 if metric is POINTED else 0.1
    baseline, candidate = quality_of(metric, whole), quality_of(metric, value, value - whole)
    budget = Budget.parse(text, metric)
    assert budget.violation(candidate, baseline) == pytest.approx(violation)
    assert budget.value_at(violation, baseline) == pytest.approx(metric.sign * value)
    assert budget.describe(candidate, baseline) == says


@pytest.mark.parametrize(
    ("text", "metric", "says"),
    [
        ("psnr >= 5pt", POINTED, "write the sign of a change; -5pt is a loss of 5 pt"),
        ("error_rate <= 5pt", RATE, "write the sign of a change; +5pt is a loss of 5 pt"),
        ("error_rate <= 7", RATE, "a fraction between 0 and 1; write 0.9, 90% or +1.0pt"),
        ("psnr >= 5ms", POINTED, "no unit 'ms' for psnr; write its value"),
        ("mse <= +1pt", score("mse", False), 'points are of fractions: pf.Task(metric=…, metric_unit="fraction")'),
    ],
)
def test_a_budget_that_a_quality_has_not_is_refused(text: str, metric: Metric, says: str) -> None:
    with pytest.raises(ConfigError) as error:
        Budget.parse(text, metric)
    assert says in str(error.value)


def on_both_splits(search: float, test: float, trial: int | None = 1) -> Candidate:
    """A candidate of an uncompressed model that has 93 % on the search split and 92 % on the test split."""
    values = {"accuracy": 0.93 + search, "test_accuracy": 0.92 + test}
    if trial is not None:
        values |= {"accuracy_change": search, "test_accuracy_change": test}
    metrics = {key: Measurement(value, value - 0.003, value + 0.003, 2000, "fraction") for key, value in values.items()}
    return Candidate(Policy(), metrics, trial=trial)


@pytest.mark.parametrize(
    ("text", "test", "met"),
    [
        ("accuracy >= -0.5pt", -0.004, True),
        ("accuracy >= -0.5pt", -0.011, False),
        ("accuracy >= 92.5%", -0.001, False),
        ("accuracy >= 91.5%", -0.001, True),
        ("accuracy >= 0.99x", -0.009, True),
        ("accuracy >= 0.99x", -0.011, False),
    ],
)
def test_a_quality_must_hold_on_the_test_split_too(text: str, test: float, met: bool) -> None:
    assert Budget.parse(text).met(on_both_splits(-0.002, test), on_both_splits(0, 0, None)) is met


def test_a_better_test_split_does_not_make_up_for_the_search_split() -> None:
    assert not Budget.parse("accuracy >= -0.5pt").met(on_both_splits(-0.006, 0.01), on_both_splits(0, 0, None))


def test_a_message_tells_both_splits() -> None:
    told = Budget.parse("accuracy >= -0.5pt").describe(on_both_splits(-0.004, -0.011), on_both_splits(0, 0, None))
    assert told == "accuracy -0.40 pt, -1.10 pt on the test split (needs -0.50 pt)"


def test_an_error_must_be_low_on_the_test_split_too() -> None:
    mse = score("mse", higher_is_better=False)
    exact = {"mse": Measurement.exact(1.0, "score"), "test_mse": Measurement.exact(1.5, "score")}
    made, base = Candidate(Policy(), exact, trial=1), Candidate(Policy(), dict.fromkeys(exact, exact["mse"]))
    assert not Budget.parse("mse <= 1.2x", mse).met(made, base)
    assert Budget.parse("mse <= 1.6x", mse).met(made, base)
