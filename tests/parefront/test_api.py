"""The Python API: ``parefront.compress`` and what ``import parefront`` brings."""

from __future__ import annotations

import importlib
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

import parefront as pf

from .conftest import FormulaEvaluator


def test_compress_returns_the_run_with_its_front(project: Path, formula: FormulaEvaluator, small_task: pf.Task) -> None:
    run = pf.compress(small_task, budget=["latency <= 0.6x"], trials=8, search={"sampler": "random"}, progress=False)
    best = run.front.select("latency <= 0.6x")

    assert isinstance(run, pf.Run)
    assert run.path == project / "runs" / "sequential"
    assert best.metrics["latency_ratio"].high <= 0.6
    assert best.export(project / "small.onnx").is_file()


def test_compress_shows_progress_unless_told_not_to(
    project: Path, formula: FormulaEvaluator, small_task: pf.Task, capsys: pytest.CaptureFixture[str]
) -> None:
    pf.compress(small_task, trials=2, search={"sampler": "random"}, run="silent", progress=False)
    assert capsys.readouterr().out == ""
    pf.compress(small_task, trials=2, search={"sampler": "random"}, run="loud")
    assert "[2/2] trial" in capsys.readouterr().out


def test_compress_goes_on_with_a_run(project: Path, formula: FormulaEvaluator, small_task: pf.Task) -> None:
    for trials in (3, 5, 5):
        run = pf.compress(small_task, trials=trials, search={"sampler": "random"}, progress=False)

    assert sum(run.counts.values()) == formula.evaluations == 5


def test_compress_takes_limits(project: Path, formula: FormulaEvaluator, small_task: pf.Task) -> None:
    run = pf.compress(small_task, trials=60, patience=3, minutes=10, search={"sampler": "random"}, progress=False)

    assert sum(run.counts.values()) < 60
    assert (run.config["search"]["patience"], run.config["search"]["minutes"]) == (3, 10)


def test_compress_checks_settings_and_task(project: Path, formula: FormulaEvaluator, small_task: pf.Task) -> None:
    with pytest.raises(pf.ConfigError, match=r"parefront\.compress: unknown key 'search\.smapler'; did you mean"):
        pf.compress(small_task, search={"smapler": "random"})
    with pytest.raises(pf.TaskError, match="the search split is empty"):
        pf.compress(pf.Task(small_task.model, small_task.calibration, search=[], test=small_task.test), progress=False)
    assert not (project / "runs").exists()


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"objectives": ["psnr", "latency"]}, "no metric 'psnr'"),
        ({"objectives": ["accuracy", "quality"]}, "expected two or more different metrics"),
        ({"budget": "accuracy <= 0.9"}, "accuracy is better when higher"),
    ],
)
def test_what_only_the_task_can_tell_of_is_checked_before_anything_is_written(
    project: Path, formula: FormulaEvaluator, small_task: pf.Task, settings: dict[str, Any], says: str
) -> None:
    with pytest.raises(pf.ConfigError, match=says):
        pf.compress(small_task, progress=False, **settings)
    assert not (project / "runs").exists()


def test_ctrl_c_says_that_the_same_call_goes_on(project: Path, formula: FormulaEvaluator, small_task: pf.Task) -> None:
    def interrupt(number: int) -> None:
        if number == 3:
            raise KeyboardInterrupt

    formula.before = interrupt
    with pytest.raises(KeyboardInterrupt, match="interrupted after 2 trials; the same call goes on from there"):
        pf.compress(small_task, trials=4, run="demo", progress=False)
    formula.before = lambda number: None
    assert sum(pf.compress(small_task, trials=4, run="demo", progress=False).counts.values()) == 4


def test_a_signal_is_heard_in_python_as_on_the_command_line(
    project: Path, formula: FormulaEvaluator, small_task: pf.Task
) -> None:
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        formula.before = lambda number: signal.raise_signal(signal.SIGINT) if number == 3 else None
        with pytest.raises(KeyboardInterrupt, match="interrupted after 3 trials; the same call goes on from there"):
            pf.compress(small_task, trials=4, run="demo", progress=False)
        assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    finally:
        signal.signal(signal.SIGINT, before)


def test_a_handler_of_the_callers_own_stays_in_force(
    project: Path, formula: FormulaEvaluator, small_task: pf.Task
) -> None:
    heard = list[int]()
    before = signal.signal(signal.SIGINT, lambda number, frame: heard.append(number))
    try:
        formula.before = lambda number: signal.raise_signal(signal.SIGINT) if number == 3 else None
        assert sum(pf.compress(small_task, trials=4, run="demo", progress=False).counts.values()) == 4
    finally:
        signal.signal(signal.SIGINT, before)
    assert heard == [signal.SIGINT]


def test_in_another_thread_signals_are_left_alone(
    project: Path, formula: FormulaEvaluator, small_task: pf.Task
) -> None:
    with ThreadPoolExecutor(1) as pool:
        run = pool.submit(pf.compress, small_task, trials=3, run="demo", progress=False).result()
    assert sum(run.counts.values()) == 3


def test_everything_public_is_there() -> None:
    for folder in ("", ".spaces", ".compressors", ".evaluators", ".search"):
        package = importlib.import_module(f"parefront{folder}")
        for name in package.__all__:
            assert getattr(package, name) is not None
        assert set(package.__all__) <= set(dir(package))
    with pytest.raises(AttributeError, match="No parefront attribute compres"):
        _ = pf.compres  # type: ignore[attr-defined]


SLOW = "{'torch', 'onnxruntime', 'onnx', 'optuna', 'scipy'} & set(sys.modules)"


def test_help_does_not_load_pytorch() -> None:
    code = (
        "import sys, parefront, parefront.cli.main\n"
        "try: parefront.cli.main.main(['--help'])\n"
        f"finally: assert not {SLOW}, 'slow imports'"
    )
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)


@pytest.mark.parametrize("command", ["front", "export"])
def test_what_reads_a_run_does_not_load_pytorch(command: str) -> None:
    code = f"import sys, parefront.cli.{command}\nassert not {SLOW}, {SLOW}"
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)


def test_python_m_parefront_is_the_command() -> None:
    done = subprocess.run([sys.executable, "-m", "parefront", "--version"], check=True, capture_output=True, text=True)

    assert done.stdout.strip() == f"parefront {pf.__version__}"
