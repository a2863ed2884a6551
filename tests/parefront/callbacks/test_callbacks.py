"""Callbacks: when they are called, that one which fails loses nothing, and how they are named."""

from __future__ import annotations

import builtins
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

import parefront as pf
from parefront.callbacks import registry
from parefront.callbacks.dispatch import Dispatch
from parefront.callbacks.registry import make_callbacks
from parefront.evaluators.results.candidate import Candidate
from parefront.evaluators.results.metric import ACCURACY
from parefront.search.runs.events import Event, Finished, Recovered, Recovering, Started
from parefront.spaces.policy import Policy

from ..conftest import Command, FormulaEvaluator


class Recorder(pf.Callback):
    """Notes what it is told."""

    def __init__(self) -> None:
        self.calls: list[str] = []
        self.fronts: list[pf.Front] = []

    def on_start(self, run: pf.Run, started: Started) -> None:
        self.calls.append(f"start after {started.done} of {started.total}")

    def on_trial(self, run: pf.Run, finished: Finished) -> None:
        self.calls.append("trial")

    def on_front(self, run: pf.Run, front: pf.Front) -> None:
        self.calls.append("front")
        self.fronts.append(front)

    def on_training(self, run: pf.Run, training: Recovering) -> None:
        self.calls.append(f"step {training.done} of {training.total}")

    def on_recovered(self, run: pf.Run, recovered: Recovered) -> None:
        self.calls.append(f"recovered {recovered.before.trial}")

    def on_end(self, run: pf.Run, front: pf.Front) -> None:
        self.calls.append(f"end with {len(front)}")

    def close(self) -> None:
        self.calls.append("close")


def searched(task: pf.Task, *callbacks: Any, trials: int = 6, **more: Any) -> pf.Run:
    return pf.compress(
        task, trials=trials, search={"sampler": "random"}, run="demo", progress=False, callbacks=callbacks, **more
    )


def test_they_are_called_in_order(project: Path, formula: FormulaEvaluator, small_task: pf.Task) -> None:
    told = Recorder()
    run = searched(small_task, told)

    assert told.calls[0] == "start after 0 of 6"
    assert told.calls.count("trial") == 6
    assert told.calls[1:3] == ["trial", "front"], "the first trial is the first front"
    assert told.calls[-2:] == [f"end with {len(run.front)}", "close"]
    fronts = [front.candidates for front in told.fronts]
    assert all(one != other for one, other in pairwise(fronts)), "only where it has changed"


def test_they_are_told_how_training_goes(tmp_path: Path) -> None:
    told, views, member = Recorder(), list[Event](), Candidate(Policy(), {}, trial=3)
    on_event = Dispatch([told], views.append).events_of(pf.Run(tmp_path, {}))
    on_event(Recovering(member, 5, 20, 0.25, 1.0, None))
    on_event(Recovered(member, member, 0.1, ACCURACY))
    assert told.calls == ["step 5 of 20", "recovered 3"]
    assert len(views) == 2


def test_a_run_that_is_finished_ends_at_once_and_one_that_goes_on_begins_where_it_was(
    project: Path, formula: FormulaEvaluator, small_task: pf.Task
) -> None:
    members, again, longer = len(searched(small_task).front), Recorder(), Recorder()
    searched(small_task, again)
    searched(small_task, longer, trials=8)

    assert again.calls == [f"end with {members}", "close"]
    assert longer.calls[0] == "start after 6 of 8"
    assert longer.calls.count("trial") == 2


def test_one_that_fails_loses_nothing_and_is_called_no_more(
    project: Path, formula: FormulaEvaluator, small_task: pf.Task, capsys: pytest.CaptureFixture[str]
) -> None:
    class Broken(Recorder):
        def on_trial(self, run: pf.Run, finished: Finished) -> None:
            super().on_trial(run, finished)
            raise RuntimeError("the tracker is down")

    broken, other = Broken(), Recorder()
    run = pf.compress(small_task, trials=5, search={"sampler": "random"}, run="demo", callbacks=[broken, other])

    assert sum(run.counts.values()) == 5
    assert run.finished
    assert broken.calls == ["start after 0 of 5", "trial", "close"]
    assert other.calls.count("trial") == 5
    said = "the callback Broken failed and is called no more: RuntimeError: the tracker is down"
    assert said in " ".join(capsys.readouterr().out.split())
    log = (run.path / "log.txt").read_text()
    assert said in log
    assert "Traceback" in log


def test_an_interrupted_search_closes_them_without_an_end(
    project: Path, small_task: pf.Task, formula: FormulaEvaluator
) -> None:
    def stop(number: int) -> None:
        if number == 3:
            raise KeyboardInterrupt

    formula.before = stop
    told = Recorder()
    with pytest.raises(KeyboardInterrupt):
        searched(small_task, told)
    assert told.calls[-1] == "close"
    assert not any(call.startswith("end") for call in told.calls)


def test_a_config_names_them(project: Path, formula: FormulaEvaluator, run: Command) -> None:
    outcome = run("search", "demo/search.yaml", "--set", "callbacks=[markdown]")

    assert outcome.code == 0, outcome.err
    assert (project / "runs" / "demo" / "summary.md").is_file()
    assert run("search", "demo/search.yaml").code == 0, "without it, it is the same search"


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ("markdwn", r"callbacks: no callback 'markdwn'; did you mean 'markdown'\?"),
        (
            pf.MarkdownSummary,
            r"expected the name of one, or a parefront.Callback, got type; write Markdown",
        ),
        (print, "expected the name of one, or a parefront.Callback, got builtin_function_or_method"),
    ],
)
def test_what_is_none_is_refused_before_anything_is_written(
    project: Path, formula: FormulaEvaluator, small_task: pf.Task, given: Any, message: str
) -> None:
    with pytest.raises(pf.ConfigError, match=message):
        searched(small_task, given)
    assert not (project / "runs").exists()


def test_a_mistyped_one_in_a_config_is_one_line(project: Path, formula: FormulaEvaluator, run: Command) -> None:
    outcome = run("search", "demo/search.yaml", "--set", "callbacks=[markdwn]")

    assert (outcome.code, len(outcome.err.splitlines())) == (2, 1)
    assert "did you mean 'markdown'?" in outcome.err


@pytest.mark.parametrize("name", ["tensorboard", "mlflow"])
def test_a_missing_package_is_told_with_its_command(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    found = builtins.__import__

    def missing(module: str, *rest: Any, **more: Any) -> Any:
        if module.startswith(("mlflow.tracking", "torch.utils.tensorboard")):
            raise ModuleNotFoundError(f"No module named '{module}'")
        return found(module, *rest, **more)

    monkeypatch.setattr(builtins, "__import__", missing)
    with pytest.raises(pf.ConfigError, match=rf"callbacks: {name} needs .*pip install 'parefront\[{name}\]'"):
        make_callbacks([name])


def test_one_of_another_package_is_found_by_its_entry_point(monkeypatch: pytest.MonkeyPatch) -> None:
    class Point:
        name = "recorder"

        def load(self) -> type[Recorder]:
            return Recorder

    monkeypatch.setattr(registry, "entry_points", lambda group, name=None: [Point()])

    assert isinstance(make_callbacks(["recorder"])[0], Recorder)
    assert "recorder" in registry.callback_names()
