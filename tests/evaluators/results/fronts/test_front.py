"""The front: who is on it, how to choose from it, and the JSON that scripts rely on."""

from __future__ import annotations

import csv
import dataclasses
import hashlib
import itertools
import json
from pathlib import Path

import moocore
import numpy as np
import pytest

from parefront.evaluators.results.budget import Budget
from parefront.evaluators.results.candidate import Candidate
from parefront.evaluators.results.errors import NoCandidate
from parefront.evaluators.results.fronts.front import Front
from parefront.evaluators.results.metric import score
from parefront.evaluators.storage.packed_file import load_packed
from parefront.spaces.errors import ConfigError, ParefrontError
from parefront.spaces.policy import Policy

from ....conftest import MakeCandidate

OBJECTIVES = ("accuracy", "latency")


@pytest.fixture
def baseline(make_candidate: MakeCandidate) -> Candidate:
    return make_candidate(accuracy=0.93, latency_ratio=1.0, latency_ms=2.0, size_bytes=1000)


@pytest.fixture
def front(make_candidate: MakeCandidate, baseline: Candidate) -> Front:
    """Five members and, as trials 6 and 7, two that are dominated."""
    numbers = [(0.93, 0.9), (0.92, 0.5), (0.91, 0.45), (0.88, 0.4), (0.70, 0.3), (0.90, 0.6), (0.92, 0.5)]
    candidates = [
        make_candidate(
            i, accuracy=a, accuracy_change=a - 0.93, latency_ratio=t, latency_ms=2 * t, size_bytes=400 - 10 * i
        )
        for i, (a, t) in enumerate(numbers, start=1)
    ]
    return Front.of(candidates, OBJECTIVES, baseline)


def trials(front: Front) -> list[int | None]:
    return [candidate.trial for candidate in front]


def test_members_are_the_non_dominated_best_first(front: Front) -> None:
    assert trials(front) == [1, 2, 3, 4, 5]


@pytest.mark.parametrize("objectives", [("accuracy", "latency"), ("accuracy", "latency", "size")])
def test_members_equal_moocores(
    make_candidate: MakeCandidate, baseline: Candidate, objectives: tuple[str, ...]
) -> None:
    numbers = np.round(np.random.default_rng(1).random((80, 3)), 1)
    candidates = [
        make_candidate(i, accuracy=a, latency_ratio=t, size_bytes=s) for i, (a, t, s) in enumerate(numbers.tolist())
    ]
    costs = (numbers * [-1, 1, 1])[:, : len(objectives)]
    expected = {i for i, kept in enumerate(moocore.is_nondominated(costs, keep_weakly=False)) if kept}
    assert {c.trial for c in Front.of(candidates, objectives, baseline)} == expected


@pytest.mark.parametrize("objectives", [("accuracy", "latency"), ("accuracy", "latency", "size")])
@pytest.mark.parametrize("budgets", [(), ("size <= 0.5x",), ("latency <= 0.6x", "accuracy >= 0.3")])
def test_a_front_that_grows_equals_the_one_of_all(
    make_candidate: MakeCandidate, objectives: tuple[str, ...], budgets: tuple[str, ...]
) -> None:
    baseline = make_candidate(accuracy=0.93, latency_ratio=1.0, size_bytes=10)
    bounds = [Budget.parse(text) for text in budgets]
    for seed in range(20):
        numbers = np.random.default_rng(seed).integers(0, 8, (60, 3)) / 8  # so coarse that many are equal
        candidates = [
            make_candidate(i, accuracy=a, latency_ratio=t, size_bytes=10 * s)
            for i, (a, t, s) in enumerate(numbers.tolist())
        ]
        growing = Front.of([], objectives, baseline, bounds)
        for count, candidate in enumerate(candidates, start=1):
            growing = growing.adding(candidate)
            assert growing == Front.of(candidates[:count], objectives, baseline, bounds)


def test_a_front_stays_itself_where_nothing_joins_it(front: Front, make_candidate: MakeCandidate) -> None:
    assert front.adding(make_candidate(8, accuracy=0.9, latency_ratio=0.6)) is front


def test_what_a_budget_on_another_metric_lets_through_stays(make_candidate: MakeCandidate, baseline: Candidate) -> None:
    large = make_candidate(1, accuracy=0.92, latency_ratio=0.5, size_bytes=500)
    small = make_candidate(2, accuracy=0.91, latency_ratio=0.6, size_bytes=200)
    smaller = make_candidate(3, accuracy=0.90, latency_ratio=0.7, size_bytes=190)
    budget = Budget.parse("size <= 300B")
    front = Front.of([large, small, smaller], OBJECTIVES, baseline, [budget])
    assert trials(front) == [1, 2]
    assert front.select().trial == 2


def test_select_gives_the_most_accurate_within_the_budgets(front: Front) -> None:
    assert front.select("latency <= 0.5x").trial == 2
    assert front.select("latency <= 0.92ms").trial == 3
    assert front.select().trial == 1


def test_select_by_another_metric(front: Front) -> None:
    assert front.select("accuracy >= -2.5pt", by="latency").trial == 3
    assert front.select("accuracy >= -2.5pt", by="size").trial == 3


@pytest.mark.parametrize(
    ("where", "trial"),
    [
        (("accuracy >= -2.5pt",), 3),
        (("accuracy >= 0.87",), 4),
        (("latency <= 0.5x",), 2),
        (("size <= 385B",), 2),
        (("accuracy >= -2.5pt", "latency <= 0.5x"), 2),
    ],
)
def test_the_best_within_budgets_is_so_in_what_they_leave_free(
    front: Front, where: tuple[str, ...], trial: int
) -> None:
    assert front.select(*where).trial == trial


def test_select_without_a_budget_goes_by_those_of_the_run(front: Front) -> None:
    with_budget = dataclasses.replace(front, budgets=(Budget.parse("latency <= 0.42x"),))
    assert with_budget.select().trial == 4
    assert with_budget.select("latency <= 0.5x").trial == 2


def test_select_names_the_nearest_and_what_binds(front: Front) -> None:
    with pytest.raises(NoCandidate) as error:
        front.select("latency <= 0.2x", "accuracy >= -6pt")
    first, *nearest = str(error.value).splitlines()
    assert first.startswith("none of 5 candidates meets latency <= 0.2x and accuracy >= -6pt")
    assert "latency <= 0.2x is met by none" in first
    assert nearest[0] == "  trial 4: latency 0.400x (needs 0.2x), accuracy -5.00 pt"
    assert error.value.nearest[0].trial == 4
    assert error.value.binding == ("latency <= 0.2x",)
    assert error.value.exit_code == 4


def test_select_says_where_only_the_combination_binds(front: Front) -> None:
    with pytest.raises(NoCandidate, match="each alone is met, not together") as error:
        front.select("latency <= 0.4x", "accuracy >= -1pt")
    assert error.value.binding == ()


def test_select_by_an_unknown_metric_names_the_nearest(front: Front) -> None:
    with pytest.raises(ConfigError, match="did you mean 'latency'"):
        front.select(by="latencies")


def test_an_empty_front_has_no_candidate(baseline: Candidate) -> None:
    empty = Front.of([], OBJECTIVES, baseline)
    with pytest.raises(NoCandidate, match="empty"):
        empty.select("latency <= 0.5x")
    with pytest.raises(NoCandidate, match="empty"):
        empty.knee()
    assert empty.hypervolume() == 0.0


def test_knee_is_farthest_from_the_chord(front: Front) -> None:
    numbers = np.array([[-c.metrics["accuracy"].value, c.metrics["latency_ratio"].value] for c in front])
    scaled = (numbers - numbers.min(0)) / np.ptp(numbers, axis=0)
    first, last = scaled[0], scaled[-1]
    chord = (last - first) / np.linalg.norm(last - first)
    distances = [abs(chord[0] * (p - first)[1] - chord[1] * (p - first)[0]) for p in scaled]
    assert front.knee() is front[int(np.argmax(distances))]


def test_knee_of_one_candidate_is_that_one(make_candidate: MakeCandidate, baseline: Candidate) -> None:
    only = make_candidate(1, accuracy=0.9, latency_ratio=0.5)
    assert Front.of([only], OBJECTIVES, baseline).knee() is only


def test_hypervolume_is_a_share_of_the_box(make_candidate: MakeCandidate, baseline: Candidate) -> None:
    half = Front.of([make_candidate(1, accuracy=0.93, latency_ratio=0.5)], OBJECTIVES, baseline)
    assert half.hypervolume() == pytest.approx(0.5)
    quarter = Front.of([make_candidate(1, accuracy=0.88, latency_ratio=0.5)], OBJECTIVES, baseline)
    assert quarter.hypervolume() == pytest.approx(0.25)
    useless = Front.of([make_candidate(1, accuracy=0.5, latency_ratio=0.1)], OBJECTIVES, baseline)
    assert useless.hypervolume() == 0.0


def test_hypervolume_equals_moocores(front: Front) -> None:
    points = [[(0.93 - c.metrics["accuracy"].value) / 0.93, c.metrics["latency_ratio"].value / 2] for c in front]
    expected = moocore.hypervolume(np.array(points), ref=[1, 1])
    assert front.hypervolume(reference=(0.0, 2.0)) == pytest.approx(expected)


@pytest.mark.parametrize("reference", [(0.95, 1.0), (0.5,), (0.5, 0.0)])
def test_a_reference_must_be_worse_than_the_ideal(front: Front, reference: tuple[float, ...]) -> None:
    with pytest.raises(ConfigError, match=r"accuracy < 0\.93, latency > 0"):
        front.hypervolume(reference)


def test_json_is_the_contract(front: Front, tmp_path: Path) -> None:
    member = dataclasses.replace(front[0], artifact=tmp_path / "artifacts" / "abc.onnx")
    shown = dataclasses.replace(front, candidates=(member,), folder=tmp_path).to_json()
    assert list(shown) == ["objectives", "budget", "metric", "baseline", "candidates"]
    assert shown["objectives"] == ["accuracy", "latency"]
    assert shown["metric"] == {"name": "accuracy", "higher_is_better": True, "unit": "fraction"}
    assert shown["baseline"]["accuracy"] == {"value": 0.93, "low": 0.93, "high": 0.93, "n": 1, "unit": "fraction"}
    (entry,) = shown["candidates"]
    assert list(entry) == ["trial", "digest", "artifact", "policy", "done", "metrics"]
    assert entry["trial"] == 1
    assert entry["digest"] == member.policy.digest
    assert entry["artifact"] == "artifacts/abc.onnx"
    assert entry["policy"] == {"prune_channels": {"conv": 1}}
    assert entry["metrics"]["latency_ratio"] == {"value": 0.9, "low": 0.9, "high": 0.9, "n": 1, "unit": "x"}


def test_csv_has_a_row_for_the_uncompressed_model_and_a_row_a_member(front: Front, tmp_path: Path) -> None:
    with front.to_csv(tmp_path / "front.csv").open() as stream:
        rows = list(csv.DictReader(stream))
    assert [row["trial"] for row in rows] == ["base", "1", "2", "3", "4", "5"]
    assert (rows[0]["done"], rows[0]["policy"], float(rows[0]["accuracy"])) == ("unchanged", "{}", 0.93)
    assert float(rows[2]["latency_ratio"]) == 0.5
    assert Policy.from_dict(json.loads(rows[2]["policy"])) == front[1].policy
    assert {"accuracy", "accuracy_low", "accuracy_high"} <= rows[0].keys()


@pytest.fixture
def errors(make_candidate: MakeCandidate) -> Front:
    """Three members and, as trial 4, one that is dominated; the objective called accuracy is an error."""
    numbers = [(0.04, 0.9), (0.05, 0.5), (0.09, 0.2), (0.06, 0.6)]
    candidates = [make_candidate(i, error=e, latency_ratio=t) for i, (e, t) in enumerate(numbers, start=1)]
    baseline = make_candidate(error=0.04, latency_ratio=1.0)
    return Front.of(candidates, OBJECTIVES, baseline, quality=score("error", higher_is_better=False))


def test_the_front_of_an_error_has_the_least_error_first(errors: Front) -> None:
    assert trials(errors) == [1, 2, 3]
    assert [metric.name for metric in errors.objectives] == ["error", "latency"]


@pytest.mark.parametrize("name", ["accuracy", "quality", "error"])
def test_the_best_by_an_error_has_the_least(errors: Front, name: str) -> None:
    assert errors.select(by=name).trial == 1
    assert errors.select("latency <= 0.6x", by=name).trial == 2
    assert errors.select(f"{name} <= 1.5x", by="latency").trial == 2
    assert errors.select(f"{name} <= 0.1", by="latency").trial == 3


def test_the_hypervolume_of_errors_counts_up_to_twice_the_uncompressed_models(errors: Front) -> None:
    points = [[(c.metrics["error"].value - 0.04) / 0.04, c.metrics["latency_ratio"].value] for c in errors]
    assert errors.hypervolume() == pytest.approx(moocore.hypervolume(np.array(points), ref=[1, 1]))
    with pytest.raises(ConfigError, match=r"error > 0\.04, latency > 0"):
        errors.hypervolume((0.03, 1.0))


def test_json_and_csv_call_an_error_by_its_name(errors: Front, tmp_path: Path) -> None:
    shown = errors.to_json()
    assert shown["metric"] == {"name": "error", "higher_is_better": False, "unit": "score"}
    assert shown["baseline"].keys() == {"error", "latency_ratio", "speedup"}
    with errors.to_csv(tmp_path / "front.csv").open() as stream:
        assert "error_low" in next(csv.reader(stream))


def test_members_do_not_depend_on_the_order_of_trials(make_candidate: MakeCandidate, baseline: Candidate) -> None:
    candidates = [make_candidate(i, accuracy=0.9 + 0.01 * i, latency_ratio=0.4 + 0.1 * i) for i in range(4)]
    for order in itertools.permutations(candidates):
        assert trials(Front.of(order, OBJECTIVES, baseline)) == [3, 2, 1, 0]


def exportable(folder: Path) -> Candidate:
    artifact = folder / "artifact.onnx"
    artifact.write_bytes(b"a model")
    policy = Policy({"quantize/conv1": 8})
    return Candidate(policy, {}, artifact, hashlib.sha256(b"a model").hexdigest(), trial=4)


def test_export_copies_the_artefact_and_writes_the_policy_beside_it(tmp_path: Path) -> None:
    path = exportable(tmp_path).export(tmp_path / "out" / "small.onnx")
    assert path.read_bytes() == b"a model"
    assert Policy.from_yaml((tmp_path / "out" / "small.yaml").read_text()) == Policy({"quantize/conv1": 8})


def test_export_refuses_what_is_not_there_or_has_changed(tmp_path: Path) -> None:
    candidate = exportable(tmp_path)
    assert candidate.artifact is not None
    candidate.artifact.write_bytes(b"another")
    with pytest.raises(ParefrontError, match="has changed since it was measured"):
        candidate.export(tmp_path / "small.onnx")
    candidate.artifact.unlink()
    with pytest.raises(ParefrontError, match="trial 4 has no artefact"):
        candidate.export(tmp_path / "small.onnx")
    with pytest.raises(ConfigError, match=r"model\.onnx"):
        candidate.export(tmp_path)


@pytest.mark.parametrize("name", ["small.onnx", "small.ONNX", "small"])
def test_export_writes_the_model_under_a_name_that_says_so(name: str, tmp_path: Path) -> None:
    assert exportable(tmp_path).export(tmp_path / name).read_bytes() == b"a model"


@pytest.mark.parametrize("name", ["small.pt", "small.tflite", "small.yaml", "small.onnx.gz"])
def test_export_refuses_a_name_that_claims_another_format(name: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=rf"ends in \.onnx \(an ONNX model\) or \.pfz .*, got {name}$"):
        exportable(tmp_path).export(tmp_path / name)
    assert [path.name for path in tmp_path.iterdir()] == ["artifact.onnx"]


def test_export_packs_a_model_whose_name_says_packed(tmp_path: Path) -> None:
    candidate = exportable(tmp_path)
    model = b"\x08\x0a"
    assert candidate.artifact is not None
    candidate.artifact.write_bytes(model)
    packed = dataclasses.replace(candidate, sha256=hashlib.sha256(model).hexdigest()).export(tmp_path / "small.pfz")
    assert load_packed(packed) == model
    assert (tmp_path / "small.yaml").is_file()
