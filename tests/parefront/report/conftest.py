"""Runs on disk as a search leaves them, of candidates whose numbers are a formula."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from parefront.config.schema import parse_config
from parefront.evaluators.quality.picture import png_of
from parefront.evaluators.results.candidate import Candidate
from parefront.evaluators.results.classes.amplification import Amplification
from parefront.evaluators.results.classes.class_counts import ClassCount
from parefront.evaluators.results.classes.confidence import Confidence
from parefront.evaluators.results.classes.flips import Flip, Flips
from parefront.evaluators.results.finding import Finding
from parefront.evaluators.results.measurement import Measurement
from parefront.evaluators.results.profile import LayerTime, Profile
from parefront.report.page import write_report
from parefront.search.runs.record import Outcome, TrialRecord
from parefront.search.runs.run import Run
from parefront.search.runs.stores.beside_store import Given
from parefront.spaces.account import account_json
from parefront.spaces.files import write_json
from parefront.spaces.knob import Choice
from parefront.spaces.network.graph import ChannelGroup, Layer, ModelGraph
from parefront.spaces.policy import Policy

from ..conftest import FormulaEvaluator, candidate
from .browser import Browser, chromium

WriteRun = Callable[..., Run]
ENVIRONMENT = {
    "metric": {"name": "accuracy", "higher_is_better": True, "unit": "fraction"},
    "versions": {"python": "3.11.7", "onnxruntime": "1.32.0"},
    "device": {"cpu": "Some CPU", "onnxruntime": "1.32.0", "cores": 2, "flags": ["avx2"]},
}
POLICIES: Sequence[dict[str, Choice]] = (
    {f"quantize/{layer}": 8 for layer in ("stem", "body", "head")},
    {"quantize/stem": 8, "prune_channels/stem": 0.5},
    {"prune_channels/body": 0.25},
    {"quantize/body": 8, "quantize/head": 8, "prune_channels/stem": 0.25},
    {f"prune_channels/{layer}": 0.5 for layer in ("stem", "body", "head")},
    {"quantize/head": 8},
    {**{f"quantize/{layer}": 8 for layer in ("stem", "body", "head")}, "prune_channels/head": 0.5},
)
PROFILE = Profile(
    (LayerTime("stem", 120.0, 400.25), LayerTime("head", 1500.0, 1400.0)),
    2000.0,
    2100.0,
    (Finding("channels", ("head",), 300.0, "head has 5 output channels", "round to a multiple of 8"),),
)
"""Without the layer that a policy has dropped."""
IMAGE = np.random.default_rng(0).normal(size=(3, 32, 32)).astype(np.float32)
GROUPS = (ClassCount("day", 1500, 1400, 20, 18), ClassCount("<i>night", 500, 450, 60, 5))
FLIPS = Flips(40, 2000, (Flip(17, 3, 3, 5, png_of(IMAGE)), Flip(1800, 4, 9, 4)))


def _share(value: float, half: float) -> Measurement:
    return Measurement.around(value, value - half, value + half, 2000, "fraction")


CONFIDENCE = Confidence(
    _share(0.03, 0.005), _share(0.05, 0.006), _share(0.02, 0.004), _share(0.9, 0.01), _share(0.95, 0.01)
)

LEANING = Amplification(_share(0.01, 0.012), _share(0.05, 0.015), _share(0.04, 0.01))


def measured(policy: Policy, trial: int | None) -> Candidate:
    """Every choice of 8 bits saves 15 % of the time, and all of the channels a fifth."""
    ratio, accuracy = 1.0, 0.93
    for name, choice in policy.items():
        ratio -= 0.15 if name.startswith("quantize") else 0.2 * float(choice)
        accuracy -= 0.001 if name.startswith("quantize") else 0.02 * float(choice)
    return replace(
        candidate(policy, accuracy, ratio, trial=trial), timings={"accuracy": 0.5, "latency": 0.4, "total": 1}
    )


def finalised(made: Candidate) -> Candidate:
    tested = {f"test_{key}": made.metrics[key] for key in ("accuracy", "accuracy_change")}
    return replace(made, metrics={**made.metrics, **tested})


def place_beside(run: Run, name: str, accuracy: float, ratio: float) -> str:
    """Keep a network of the user's own beside a run, as if it had been measured; the SHA-256 of its file."""
    file = hashlib.sha256(f"{name} {accuracy} {ratio}".encode()).hexdigest()
    made = finalised(candidate(Policy(), accuracy, ratio))
    metrics = {key: each for key, each in made.metrics.items() if key != "params"}
    with run.lock():
        run.write_beside(Given(name, file, replace(made, metrics=metrics), 2.0))
    return file


@pytest.fixture
def write_run(tmp_path: Path) -> WriteRun:
    """``write_run(name="demo", budget=[…], classes=…)``: a run under ``tmp_path / "runs"``.

    After a trial for each policy come one that failed and one that is infeasible.
    """

    def write(
        name: str = "demo",
        policies: Sequence[dict[str, Choice]] = POLICIES,
        budget: Sequence[str] = (),
        finished: bool = True,
        graph: ModelGraph | None = None,
        reason: str = "ValueError: no such layer",
        classes: tuple[ClassCount, ...] = (),
        profile: Profile | None = None,
        tested: bool = False,
        environment: Mapping[str, Any] = ENVIRONMENT,
    ) -> Run:
        settings = {"task": "task.py:task", "budget": list(budget), "search": {"trials": 9, "seed": 7}}
        run = Run.create(tmp_path / "runs" / name, parse_config(settings, "search.yaml").resolved(), tmp_path / "runs")
        run.write_environment(environment)
        run.write_baseline(measured(Policy(), None), 3.0)
        traced = FormulaEvaluator()
        write_json(run.path / "graph.json", account_json(graph or traced.traced.graph, traced.space))
        for number, choices in enumerate(policies):
            made = measured(Policy(choices), number)
            run.write_record(TrialRecord(number, made.policy, Outcome.COMPLETE, made, seconds=1.25))
        for number, outcome in enumerate((Outcome.FAILED, Outcome.INFEASIBLE), len(policies)):
            policy = Policy({"quantize/stem": 8, "prune_channels/body": 0.25 * (number - len(policies) + 1)})
            run.write_record(TrialRecord(number, policy, outcome, reason=reason, seconds=0.5))
        if finished:
            run.write_final_baseline(finalised(measured(Policy(), None)), 1.0)
            for member in run.front:
                made = replace(finalised(member), classes=classes, profile=profile)
                run.write_finalised(
                    replace(made, confidence=CONFIDENCE, flips=FLIPS, subgroups=GROUPS, amplification=LEANING)
                    if tested
                    else made,
                    0.5,
                )
            run.write_front(run.front_of(run.finalised.values(), run.baseline))
        run.log("search ended by its trials: all 9 trials are done")
        return run

    return write


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    with chromium(tmp_path_factory.mktemp("profile")) as browser:
        yield browser


@pytest.fixture
def opened(browser: Browser, write_run: WriteRun) -> Iterator[Run]:
    """A run whose page is open, in a light window of a desk; whatever is done to it, it never complains."""
    run = write_run()
    page = write_report(run)
    browser.show_as(1280)
    browser.open(page)
    yield run
    assert browser.complaints == []


def network_of(*names: str) -> ModelGraph:
    """Convolutions of those names; the first one's channels are a group that the others read."""
    layers = tuple(
        Layer(name, "conv", (16, 8, 8), (16, 8, 8), 2304, 147456, 1, (3, 3), (1, 1), position)
        for position, name in enumerate(names)
    )
    return ModelGraph(layers, (), (ChannelGroup(names[0], 16, 1, (), 0),), ())
