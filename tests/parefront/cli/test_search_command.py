"""``parefront search``: runs start, go on, end and fail with the exit codes that scripts rely on."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from parefront.evaluators.device.errors import DeviceError
from parefront.evaluators.results.candidate import Candidate

from ..conftest import Command, FormulaEvaluator

SEARCH = ("search", "demo/search.yaml")


def trial_files(project: Path, run: str = "demo") -> list[str]:
    return sorted(path.name for path in (project / "runs" / run / "trials").glob("*.json"))


def test_a_search_ends_with_the_front_and_where_it_was_written(
    project: Path, formula: FormulaEvaluator, run: Command
) -> None:
    outcome = run(*SEARCH)

    assert outcome.code == 0, outcome.err
    assert len(trial_files(project)) == 6
    assert "best within latency <= 0.6x: trial " in outcome.out
    assert "written: runs/demo/front.json, front.csv, artifacts/" in outcome.out
    assert formula.closed
    graph = json.loads((project / "runs" / "demo" / "graph.json").read_text())
    assert [layer["name"] for layer in graph["layers"]] == ["stem", "body", "head"]
    assert "its channels are the classes" in [excluded["reason"] for excluded in graph["excluded"]]
    assert len(graph["knobs"]) == 6


def test_the_run_is_named_after_the_config_or_as_told(project: Path, formula: FormulaEvaluator, run: Command) -> None:
    (project / "demo" / "int8.yaml").write_text((project / "demo" / "search.yaml").read_text())

    assert run("search", "demo/int8.yaml", "--trials", "1").code in (0, 4)
    assert run(*SEARCH, "--run", "mine", "--trials", "1").code in (0, 4)

    assert sorted(path.name for path in (project / "runs").iterdir()) == ["demo-int8", "mine"]


def test_the_same_command_shows_a_finished_run_without_measuring(
    project: Path, formula: FormulaEvaluator, run: Command
) -> None:
    first = run(*SEARCH)
    evaluations = formula.evaluations

    again = run(*SEARCH)

    assert again.code == 0
    assert "run demo is finished: 6 trials; --trials N goes on to more" in again.out
    assert formula.evaluations == evaluations
    assert again.out.splitlines()[-12:] == first.out.splitlines()[-12:]


def test_the_limit_that_ends_a_search_is_said(project: Path, formula: FormulaEvaluator, run: Command) -> None:
    ended = run(*SEARCH, "--trials", "60", "--patience", "3")
    again = run(*SEARCH, "--trials", "60", "--patience", "3")

    said = "search.patience has ended the search: the front has not grown for 3 trials"
    assert ended.code == 0, ended.err
    assert said in ended.out
    assert "(the front has not grown for 3 trials); --patience N goes on to more" in " ".join(again.out.split())
    assert formula.evaluations == len(trial_files(project)) < 60


def test_minutes_are_a_limit_too(project: Path, formula: FormulaEvaluator, run: Command) -> None:
    outcome = run(*SEARCH, "--minutes", "0.00001")

    assert outcome.code == 3, "not one trial was begun"
    assert outcome.err == "error: 1e-05 minutes of searching are over before the first trial\n"
    assert run(*SEARCH, "--minutes", "10").code == 0
    assert run("search", "demo/search.yaml", "--minutes", "0").code == 2


def test_more_trials_go_on_where_the_search_ended(project: Path, formula: FormulaEvaluator, run: Command) -> None:
    run(*SEARCH)
    done = set(trial_files(project))

    outcome = run(*SEARCH, "--trials", "9")

    assert outcome.code == 0
    assert "9 trials, going on after 6 trials" in outcome.out
    assert done < set(trial_files(project))
    assert len(trial_files(project)) == 9
    assert formula.evaluations == 9


def test_the_config_of_a_run_goes_on_with_it(project: Path, formula: FormulaEvaluator, run: Command) -> None:
    run(*SEARCH)

    outcome = run("search", "runs/demo/config.yaml", "--trials", "7")

    assert outcome.code == 0, outcome.err
    assert [path.name for path in (project / "runs").iterdir()] == ["demo"]
    assert len(trial_files(project)) == 7


def test_an_interrupted_search_says_how_to_go_on(project: Path, formula: FormulaEvaluator, run: Command) -> None:
    def interrupt(number: int) -> None:
        if number == 4:
            raise KeyboardInterrupt

    formula.before = interrupt
    outcome = run(*SEARCH)

    assert outcome.code == 130
    assert outcome.err == "interrupted after 3 trials; the same command goes on from there\n"
    formula.before = lambda number: None
    assert run(*SEARCH).code == 0
    assert len(trial_files(project)) == 6


USUAL: dict[signal.Signals, tuple[str, Any]] = {
    signal.SIGINT: ("Ctrl-C", signal.default_int_handler),
    signal.SIGTERM: ("SIGTERM", signal.SIG_DFL),
    signal.SIGHUP: ("SIGHUP", signal.SIG_DFL),
}
"""What handles them in a program of its own; whatever runs the tests may ignore them, as nohup does."""


@pytest.fixture(params=USUAL)
def number(request: pytest.FixtureRequest) -> Iterator[signal.Signals]:
    """Of a signal that ends a process."""
    sent: signal.Signals = request.param
    usual = USUAL[sent][1]
    before = signal.signal(sent, usual)
    yield sent
    assert signal.getsignal(sent) is usual, "it is handled as before"
    signal.signal(sent, before)


def test_a_signal_lets_the_trial_under_way_be_finished(
    number: signal.Signals, project: Path, formula: FormulaEvaluator, run: Command
) -> None:
    formula.before = lambda evaluation: signal.raise_signal(number) if evaluation == 4 else None
    outcome = run(*SEARCH)

    assert outcome.code == 130
    assert f"stopping after the trial under way; {USUAL[number][0]} again stops at once\n" in outcome.out
    assert outcome.err == "interrupted after 4 trials; the same command goes on from there\n"
    assert formula.closed, "the workers end with it"
    assert len(trial_files(project)) == 4
    assert run(*SEARCH).code == 0
    assert formula.evaluations == 6, "nothing is evaluated again"


def test_a_second_signal_stops_at_once(
    number: signal.Signals, project: Path, formula: FormulaEvaluator, run: Command
) -> None:
    def twice(evaluation: int) -> None:
        if evaluation == 4:
            signal.raise_signal(number)
            signal.raise_signal(number)

    formula.before = twice
    outcome = run(*SEARCH)

    assert outcome.code == 130
    assert outcome.err == "interrupted after 3 trials; the same command goes on from there\n"
    assert formula.closed
    assert len(trial_files(project)) == 3
    assert run(*SEARCH).code == 0


def test_a_signal_while_the_front_is_measured_again_waits_for_that_reading_alone(
    number: signal.Signals, project: Path, formula: FormulaEvaluator, run: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    finalise, readings = formula.finalise, list[Candidate]()

    def interrupting(candidate: Candidate) -> Candidate:
        readings.append(candidate)
        if len(readings) == 2:
            signal.raise_signal(number)
        return finalise(candidate)

    monkeypatch.setattr(formula, "finalise", interrupting)
    outcome = run(*SEARCH)

    assert outcome.code == 130
    assert f"stopping after the reading under way; {USUAL[number][0]} again" in outcome.out
    assert len(readings) == len([*(project / "runs" / "demo" / "final").iterdir()]) == 2
    assert run(*SEARCH).code == 0
    first = [candidate.policy for candidate in readings]
    assert all(first.count(policy) == 2 for policy in first), "each is read twice, and no more"


def test_a_signal_before_the_first_trial_stops_at_once(
    number: signal.Signals, project: Path, formula: FormulaEvaluator, run: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    def baseline(artifacts: Path) -> Candidate:
        signal.raise_signal(number)
        raise AssertionError("it goes on")

    monkeypatch.setattr(formula, "baseline", baseline)
    outcome = run(*SEARCH)

    assert outcome.code == 130
    assert outcome.err == "interrupted after 0 trials; the same command goes on from there\n"


def test_a_signal_that_is_ignored_stays_so(project: Path, formula: FormulaEvaluator, run: Command) -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)  # as nohup does
    try:
        formula.before = lambda evaluation: os.kill(os.getpid(), signal.SIGHUP)
        assert run(*SEARCH).code == 0
        assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGHUP, before)


def test_a_full_disk_is_one_line_that_says_how_to_go_on(project: Path, formula: FormulaEvaluator, run: Command) -> None:
    def fill(evaluation: int) -> None:
        if evaluation == 4:
            raise OSError(28, "No space left on device")

    formula.before = fill
    outcome = run(*SEARCH)

    assert outcome.code == 2
    assert outcome.err.startswith(
        "error: this machine failed, which spoils no trial: OSError: [Errno 28] No space left"
    )
    assert len(outcome.err.splitlines()) == 1
    assert len(trial_files(project)) == 3


def test_data_that_ends_the_process_is_an_error(project: Path, formula: FormulaEvaluator, run: Command) -> None:
    def leave(evaluation: int) -> None:
        raise SystemExit(0)

    formula.before = leave
    outcome = run(*SEARCH)

    assert outcome.code == 2
    assert "called sys.exit(0)" in outcome.err


class Panic(BaseException):
    """Of a library in Rust; no ``Exception``."""


def test_what_is_no_exception_ends_in_one_line_too(project: Path, formula: FormulaEvaluator, run: Command) -> None:
    def panic(evaluation: int) -> None:
        raise Panic("index out of bounds")

    formula.before = panic
    outcome = run(*SEARCH)

    assert outcome.code == 1
    assert outcome.err.startswith(
        "error: Panic: index out of bounds (this is a bug in parefront, or in the task's code"
    )
    assert formula.closed


def test_another_config_is_refused_with_a_free_name(project: Path, formula: FormulaEvaluator, run: Command) -> None:
    run(*SEARCH)

    outcome = run(*SEARCH, "--set", "search.seed=3")

    assert outcome.code == 2
    assert "search.seed: 0 there, 3 here" in outcome.err
    assert "--run demo-2" in outcome.err


def test_a_run_that_was_searched_in_another_space_is_refused(
    project: Path, formula: FormulaEvaluator, run: Command
) -> None:
    """As of another version, in which the same config meant other choices."""
    assert run(*SEARCH).code == 0
    path = project / "runs" / "demo" / "graph.json"
    graph = json.loads(path.read_text())
    knob = graph["knobs"][0]
    knob["choices"] = [*knob["choices"], 16]
    path.write_text(json.dumps(graph))
    refused = run(*SEARCH, "--trials", "30")
    assert refused.code == 2
    assert f"run demo was searched in another space, as by another version: knob {knob['name']}" in refused.err
    assert "choose another name for the run, e.g. --run demo-2" in refused.err
    assert len(refused.err.splitlines()) == 1


def test_other_weights_are_refused(project: Path, formula: FormulaEvaluator, run: Command) -> None:
    run(*SEARCH)
    formula.weights = "b" * 64

    outcome = run(*SEARCH, "--trials", "8")

    assert outcome.code == 2
    assert "made with other weights" in outcome.err
    assert len(trial_files(project)) == 6


def test_no_candidate_within_the_budget_is_exit_code_4_with_the_nearest(
    project: Path, formula: FormulaEvaluator, run: Command
) -> None:
    outcome = run(*SEARCH, "--set", 'budget=["latency <= 0.01x"]')

    assert outcome.code == 4
    lines = outcome.err.splitlines()
    assert lines[0].startswith("error: none of ")
    assert "latency <= 0.01x is met by none" in lines[0]
    assert "(needs 0.01x)" in lines[1]
    assert "trial" in outcome.out  # the front is shown all the same


def test_failures_of_every_trial_are_exit_code_3(project: Path, formula: FormulaEvaluator, run: Command) -> None:
    def fail(number: int) -> None:
        raise RuntimeError("kernel not found")

    formula.before = fail
    outcome = run(*SEARCH)

    assert outcome.code == 3
    assert "kernel not found" in outcome.err.splitlines()[0]


def test_a_device_that_is_gone_before_the_search_is_exit_code_5(
    project: Path, formula: FormulaEvaluator, run: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unreachable(self: FormulaEvaluator, artifacts: Path) -> None:
        raise DeviceError("ssh pi@raspberry: no answer within 120 s")

    monkeypatch.setattr(FormulaEvaluator, "baseline", unreachable)
    outcome = run(*SEARCH)

    assert outcome.code == 5
    assert outcome.err.startswith("error: the device cannot be used: ssh pi@raspberry: no answer")
    assert len(outcome.err.splitlines()) == 1


def test_a_bug_is_one_line_and_its_traceback_is_asked_for(
    project: Path, formula: FormulaEvaluator, run: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(FormulaEvaluator, "baseline", lambda self, artifacts: 1 / 0)

    silent, loud = run(*SEARCH), run("--debug", *SEARCH)

    assert silent.code == loud.code == 1
    assert silent.err.startswith("error: ZeroDivisionError: division by zero")
    assert len(silent.err.splitlines()) == 1
    assert "Traceback" in loud.err


def test_the_config_in_the_run_is_complete_and_finds_the_task_from_there(
    project: Path, formula: FormulaEvaluator, run: Command
) -> None:
    run(*SEARCH)
    config = yaml.safe_load((project / "runs" / "demo" / "config.yaml").read_text())

    assert config["task"] == "../../demo/task.py:task"
    assert config["search"]["seed"] == 0
    assert config["latency"]["min_samples"] == 64


def test_a_trial_file_holds_policy_and_measurements(project: Path, formula: FormulaEvaluator, run: Command) -> None:
    run(*SEARCH)
    record = json.loads((project / "runs" / "demo" / "trials" / "000000.json").read_text())

    assert record["state"] == "complete"
    assert record["metrics"]["accuracy"]["unit"] == "fraction"


def test_executors_are_offered_by_name_and_another_name_is_refused_before_anything_is_written(
    project: Path, run: Command
) -> None:
    assert "--executor" in run("search", "--help").out
    assert json.loads(run("doctor", "--json").out)["extras"]["ray"]["for"] == "executor: {name: ray}"
    outcome = run("search", "demo/search.yaml", "--executor", "slurm")
    assert outcome.code == 2
    assert "executor.name" in outcome.err
    assert not list(project.glob("runs/*"))


WITH_A_PASSWORD = """
task: task.py:task
device: {command: sshpass -p s3cret ssh pi@board}
search: {trials: 3, sampler: random}
"""


def test_a_password_is_written_nowhere_and_the_same_config_goes_on(
    project: Path, formula: FormulaEvaluator, run: Command
) -> None:
    (project / "demo" / "search.yaml").write_text(WITH_A_PASSWORD)
    first, again = run(*SEARCH), run(*SEARCH, "--trials", "5")
    (project / "demo" / "search.yaml").write_text(WITH_A_PASSWORD.replace("s3cret", "changed"))
    other = run(*SEARCH, "--trials", "6")

    assert (first.code, again.code, other.code) == (0, 0, 0), first.err + again.err + other.err
    assert len(trial_files(project)) == 6
    written = [path for path in (project / "runs").rglob("*") if path.is_file() and b"s3cret" in path.read_bytes()]
    assert written == []


def test_a_masked_password_has_to_be_given_anew(project: Path, formula: FormulaEvaluator, run: Command) -> None:
    (project / "demo" / "search.yaml").write_text(WITH_A_PASSWORD)
    run(*SEARCH)
    outcome = run("search", "runs/demo/config.yaml", "--trials", "5")

    assert outcome.code == 2
    assert outcome.err.startswith("error: config.yaml: the secret in device.command is masked (***)")
    assert len(outcome.err.splitlines()) == 1
    given = run(
        "search", "runs/demo/config.yaml", "--trials", "5", "--set", "device.command=sshpass -p s3cret ssh pi@board"
    )
    assert given.code == 0, given.err


def test_what_is_wrong_with_the_splits_is_said_and_logged(
    project: Path, formula: FormulaEvaluator, run: Command
) -> None:
    task = project / "demo" / "task.py"
    task.write_text(task.read_text().replace("search=data(), test=data()", "search=(d := data(200)), test=d"))

    outcome = run(*SEARCH)

    said = "warning: the search and the test split are the same 200 samples: the front is chosen on these, so what"
    assert outcome.code == 0, outcome.err
    assert outcome.out.count(said) == 2
    assert said in (project / "runs" / "demo" / "log.txt").read_text()
