"""The run folder: made, found by name or path, gone on with only where it is the same search."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
import yaml

from parefront.evaluators.results.candidate import Stopped
from parefront.evaluators.results.classes.class_counts import ClassCount
from parefront.evaluators.results.errors import RunBusy, RunNotFound
from parefront.evaluators.results.metric import ACCURACY
from parefront.search.runs.record import Outcome, TrialRecord
from parefront.search.runs.run import Run
from parefront.spaces.errors import ConfigError, ParefrontError
from parefront.spaces.files import UnreadableFile, write_bytes

from ..conftest import SearchIn
from ..synthetic import SyntheticEvaluator

CONFIG = {"task": "task.py:task", "objectives": ["accuracy", "latency"], "search": {"trials": 5, "seed": 1}}


def test_opens_by_name_and_by_path(tmp_path: Path) -> None:
    made = Run.create("demo", CONFIG, root=tmp_path)
    assert made.path == tmp_path / "demo"
    for name in ("demo", tmp_path / "demo", str(tmp_path / "demo") + "/"):
        run = Run.open(name, root=tmp_path)
        assert (run.path, run.name, run.config) == (made.path, "demo", CONFIG)
        assert (run.settings.trials, run.settings.seed, run.settings.sampler) == (5, 1, "auto")


def test_a_missing_run_names_those_that_are_near(tmp_path: Path) -> None:
    Run.create("resnet56", CONFIG, root=tmp_path)
    with pytest.raises(RunNotFound, match="did you mean 'resnet56'"):
        Run.open("resnet65", root=tmp_path)
    with pytest.raises(RunNotFound, match="there are: resnet56"):
        Run.open("zzz", root=tmp_path)
    with pytest.raises(RunNotFound, match="there are none under"):
        Run.open("zzz", root=tmp_path / "nowhere")


def test_is_not_made_over_something_else(tmp_path: Path) -> None:
    (tmp_path / "demo").mkdir()
    (tmp_path / "demo" / "thesis.tex").write_text("")
    with pytest.raises(ConfigError, match="in the way"):
        Run.create("demo", CONFIG, root=tmp_path)
    Run.create("other", CONFIG, root=tmp_path)
    with pytest.raises(ConfigError, match="already"):
        Run.create("other", CONFIG, root=tmp_path)


def test_making_one_that_was_killed_halfway_starts_over(tmp_path: Path) -> None:
    (tmp_path / "demo" / "trials").mkdir(parents=True)
    (tmp_path / "demo" / ".config.yaml.123.tmp").write_text("task: ta")
    assert Run.resume_or_create("demo", CONFIG, root=tmp_path).config == CONFIG


def test_goes_on_with_more_trials_but_not_with_another_config(tmp_path: Path) -> None:
    Run.resume_or_create("demo", CONFIG, root=tmp_path)
    longer = Run.resume_or_create("demo", {**CONFIG, "search": {"trials": 9, "seed": 1}}, root=tmp_path)
    assert longer.settings.trials == 9
    assert Run.open("demo", root=tmp_path).settings.trials == 9
    with pytest.raises(ConfigError, match=r"search\.seed: 1 there, 2 here"):
        Run.resume_or_create("demo", {**CONFIG, "search": {"trials": 9, "seed": 2}}, root=tmp_path)


def test_a_run_reads_its_objectives_in_terms_of_the_metric_it_has_recorded(tmp_path: Path) -> None:
    config = {"objectives": ["accuracy", "latency"], "budget": ["psnr >= 30", "quality >= 0.98x"]}
    run = Run.create("demo", config, root=tmp_path)
    run.write_environment({"metric": {"name": "psnr", "higher_is_better": True, "unit": "score"}})
    for read in (run, Run.open("demo", root=tmp_path)):
        assert [metric.key for metric in read.settings.objectives] == ["psnr", "latency_ratio"]
        assert [budget.metric.name for budget in read.settings.budgets] == ["psnr", "psnr"]
        assert read.settings.quality.higher_is_better


@pytest.mark.parametrize(
    ("metric", "says"),
    [
        ({"name": "mse", "unit": "score"}, "there is no key 'metric.higher_is_better'"),
        ({"name": 3, "higher_is_better": True, "unit": "score"}, "key 'metric.name': expected text, got 3"),
        (
            {"name": "mse", "higher_is_better": 1, "unit": "dB"},
            "expected true or false, got 1",
        ),
        (
            {"name": "psnr", "higher_is_better": True, "unit": "dB", "point": -1},
            "key 'metric.point': expected a number, 0 or more, got -1",
        ),
        ("mse", "key 'metric': expected a map, got 'mse'"),
    ],
)
def test_a_metric_that_was_edited_badly_is_named(tmp_path: Path, metric: object, says: str) -> None:
    run = Run.create("demo", CONFIG, root=tmp_path)
    (run.path / "environment.json").write_text(json.dumps({"metric": metric}))
    with pytest.raises(ParefrontError) as error:
        _ = Run.open("demo", root=tmp_path).settings
    assert says in str(error.value)
    assert "environment.json" in str(error.value)


def test_a_run_that_names_no_metric_is_one_of_top1_accuracy(tmp_path: Path) -> None:
    run = Run.create("demo", CONFIG, root=tmp_path)
    run.write_environment({"device": "of an older version"})
    assert run.quality == ACCURACY


@pytest.mark.parametrize(
    ("config", "says"),
    [
        ({"objectives": ["accuracy"]}, "two or more"),
        ({"objectives": ["latency", "latency_ratio"]}, "two or more different"),
        ({"objectives": ["accuracy", "latencie"]}, "did you mean 'latency'"),
        ({"budget": ["latency <= quick"]}, "does not parse"),
        ({"search": {"trials": 0}}, "search.trials"),
        ({"search": {"seed": -1}}, "search.seed"),
        ({"search": {"keep_artifacts": "some"}}, "front, all"),
    ],
)
def test_a_config_that_cannot_be_is_refused_and_nothing_written(
    tmp_path: Path, config: dict[str, object], says: str
) -> None:
    with pytest.raises(ConfigError, match=says):
        Run.create("demo", config, root=tmp_path)
    assert not (tmp_path / "demo").exists()


def test_only_one_process_searches_in_it(tmp_path: Path) -> None:
    run = Run.create("demo", CONFIG, root=tmp_path)
    busy = pytest.raises(RunBusy, match=r"demo is being searched by process \d+")
    with run.lock(), busy, Run.open(run.path).lock():
        pass
    with Run.open(run.path).lock():
        pass


def test_before_anything_is_measured_there_is_no_front(tmp_path: Path) -> None:
    run = Run.create("demo", CONFIG, root=tmp_path)
    assert (run.trials, run.finished, run.seconds) == ([], False, 0.0)
    with pytest.raises(ParefrontError, match="has measured nothing yet"):
        _ = run.front


def test_what_a_search_leaves_behind(search_in: SearchIn) -> None:
    run, front = search_in(SyntheticEvaluator(blocks=4), trials=12, keep_artifacts="front")
    assert {p.name for p in run.path.iterdir() if not p.name.startswith(".")} >= {
        *("config.yaml", "environment.json", "study.db", "trials", "artifacts", "front.json", "front.csv", "log.txt")
    }
    assert yaml.safe_load((run.path / "config.yaml").read_text()) == run.config
    assert json.loads((run.path / "environment.json").read_text()) == run.environment == {"device": "formula"}
    kept = {p.stem for p in (run.path / "artifacts").glob("*.onnx")}
    assert kept == {"baseline"} | {candidate.policy.digest for candidate in front}
    assert not list(run.path.rglob("*.tmp"))


def test_json_is_the_contract(search_in: SearchIn) -> None:
    run, front = search_in(SyntheticEvaluator(blocks=4), trials=12)
    shown = run.to_json()
    assert list(shown) == [
        *("run", "date", "trials", "seconds", "device", "task"),
        *("objectives", "budget", "metric", "baseline", "candidates", "picks", "best", "landmarks"),
    ]
    members = {candidate.trial for candidate in front}
    assert [name for pick in shown["picks"] for name in pick["names"]] == ["safe", "knee", "fastest"]
    assert all({pick["trial"], *pick["ties"]} <= members for pick in shown["picks"])
    assert shown["run"] == "run"
    assert list(shown["trials"]) == ["complete", "infeasible", "failed"]
    assert sum(shown["trials"].values()) == 12
    assert shown["seconds"] > 0
    assert [c["trial"] for c in shown["candidates"]] == [c.trial for c in front]
    assert {"accuracy", "test_accuracy", "latency_ms", "latency_ratio", "size_bytes", "macs", "params"} <= set(
        shown["candidates"][0]["metrics"]
    )
    assert all((run.path / c["artifact"]).is_file() for c in shown["candidates"])
    assert json.loads((run.path / "front.json").read_text()) == json.loads(json.dumps(shown))


def test_a_trial_is_read_as_it_was_written(search_in: SearchIn) -> None:
    run, _ = search_in(SyntheticEvaluator(blocks=2, noise=0.01), trials=6, keep_artifacts="all")
    for record in run.trials:
        shown = json.loads((run.path / "trials" / f"{record.number:06d}.json").read_text())
        assert shown["state"] == record.outcome
        assert shown["policy"] == record.policy.to_dict()
        if record.outcome is Outcome.COMPLETE:
            assert record.candidate is not None
            assert record.candidate.artifact == run.artifact(record.policy.digest)
            assert record.candidate.artifact.is_file()
            assert record.candidate.metrics["accuracy"].to_json() == shown["metrics"]["accuracy"]
            assert {"ask", "total"} <= shown["timings"].keys()


def test_a_file_that_was_edited_badly_is_named(search_in: SearchIn) -> None:
    run, _ = search_in(SyntheticEvaluator(blocks=2), trials=3)
    (run.path / "trials" / "000001.json").write_text("{")
    with pytest.raises(ConfigError, match=r"000001\.json is not JSON"):
        _ = run.trials


def test_a_write_that_fails_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "file"
    write_bytes(path, b"old")

    def full(*_: object) -> None:
        raise OSError("no space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(OSError, match="no space"):
        write_bytes(path, b"new")
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_run_is_one_line_and_a_page(search_in: SearchIn, tmp_path: Path) -> None:
    empty = Run.create("empty", {"objectives": ["accuracy", "latency"]}, root=tmp_path)
    assert repr(empty) == "<Run empty: 0 trials, unfinished>"
    assert empty._repr_html_() == "<p>&lt;Run empty: 0 trials, unfinished&gt;</p>"
    run, front = search_in(SyntheticEvaluator(blocks=3, noise=0.01), trials=8)
    assert repr(run).startswith("<Run run: 8 trials (7 complete, 1 infeasible), ")
    assert f"{len(front)} on the front, best trial {front.best.trial}: accuracy " in repr(run)
    page = run._repr_html_()
    assert page.count("<tr") == len(front) + 2
    assert "<b>run</b>" in page
    assert "knee</b>: trial" in page
    (run.path / "front.json").write_text("{")
    assert "front.json" in repr(run), "damaged, in a line"


def test_a_stopped_candidate_tells_which_trial_dominates_it(search_in: SearchIn) -> None:
    run, front = search_in(SyntheticEvaluator(blocks=2), trials=4)
    for stopped in (Stopped(3, 128), Stopped(3), None):
        record = TrialRecord(9, front[0].policy, Outcome.COMPLETE, replace(front[0], trial=9, stopped=stopped))
        run.write_record(record)
        read = next(r.candidate for r in run.trials if r.number == 9)
        assert read is not None
        assert (read.stopped, read.stopped_early) == (stopped, stopped is not None)


def test_a_record_says_which_of_several_like_devices_have_read_it_and_nothing_of_a_single_one(
    search_in: SearchIn,
) -> None:
    run, front = search_in(SyntheticEvaluator(blocks=2), trials=4)
    for units in (("ssh pi1", "ssh pi2"), ()):
        candidate = replace(front[0], trial=9, units=units)
        run.write_record(TrialRecord(9, candidate.policy, Outcome.COMPLETE, candidate))
        file = run.path / "trials" / "000009.json"
        assert TrialRecord.read(file, run.path).candidate == candidate
        assert ("units" in json.loads(file.read_text())) is bool(units)


def test_a_candidate_keeps_what_it_changed_in_each_class(search_in: SearchIn) -> None:
    run, front = search_in(SyntheticEvaluator(blocks=2), trials=4)
    file = run.path / "final" / "000009.json"
    classes = (ClassCount(0, 50, 45, 3, 1), ClassCount(7, 40, 40, 0, 0))
    candidate = replace(front[0], trial=9, classes=classes)
    run.write_finalised(candidate, 1.0)

    assert Run.open(run.path).finalised[9].classes == classes
    assert "classes" not in (run.path / "trials" / "000000.json").read_text()
    held = json.loads(file.read_text())
    file.write_text(json.dumps({**held, "classes": [[0, 50, 45, 46, 1]]}))
    with pytest.raises(UnreadableFile, match=r"000009\.json: key 'classes': expected lists of label, images"):
        _ = Run.open(run.path).finalised


def test_a_record_keeps_why_a_measurement_is_noisy_and_is_read_without_it(search_in: SearchIn) -> None:
    run, front = search_in(SyntheticEvaluator(blocks=2), trials=4)
    noisy = replace(front[0].metrics["latency_ms"], noisy=True, why_noisy=("drifted", "crowded"))
    candidate = replace(front[0], trial=9, metrics={**front[0].metrics, "latency_ms": noisy})
    run.write_record(TrialRecord(9, candidate.policy, Outcome.COMPLETE, candidate))
    file = run.path / "trials" / "000009.json"
    assert TrialRecord.read(file, run.path).candidate == candidate
    fields = json.loads(file.read_text())
    del fields["metrics"]["latency_ms"]["why_noisy"]
    file.write_text(json.dumps(fields))
    read = TrialRecord.read(file, run.path).candidate
    assert read is not None
    assert read.metrics["latency_ms"] == replace(noisy, why_noisy=())
