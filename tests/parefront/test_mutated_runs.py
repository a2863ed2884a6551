"""A run with damaged files: read, exported from and gone on with, it gives an answer or one clear line, never more.

``PAREFRONT_MUTATIONS=2000`` tries as many cases instead of the slice that the suite takes.
"""

from __future__ import annotations

import os
import random
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from parefront.cli import export, front, report
from parefront.cli import main as cli
from parefront.evaluators.results.candidate import Candidate
from parefront.evaluators.results.classes.amplification import Amplification
from parefront.evaluators.results.classes.class_counts import ClassCount
from parefront.evaluators.results.classes.confidence import Confidence
from parefront.evaluators.results.classes.flips import Flip, Flips
from parefront.evaluators.results.finding import Finding
from parefront.evaluators.results.measurement import Measurement
from parefront.evaluators.results.profile import LayerTime, Profile
from parefront.search.controller import search
from parefront.search.runs.run import Run
from parefront.search.runs.stores.beside_store import Given
from parefront.spaces.policy import Policy

from .conftest import FormulaEvaluator
from .mutations import mutate

CASES = int(os.environ.get("PAREFRONT_MUTATIONS", "250"))
BLOCKS = 10
CONFIG: dict[str, Any] = {
    "task": "given in Python",
    "objectives": ["accuracy", "latency"],
    "budget": ["latency <= 0.9x"],
    "search": {"sampler": "random", "trials": 6, "seed": 0},
}


class Telling(FormulaEvaluator):
    """Tells of each member all that the final step can."""

    def finalise(self, candidate: Candidate) -> Candidate:
        share = Measurement.around(0.1, 0.05, 0.15, 200, "fraction")
        slow = Finding("channels", ("stem",), 3.5, "stem has 5 output channels", "round to a multiple of 8")
        return replace(
            super().finalise(candidate),
            classes=(ClassCount(0, 100, 90, 5, 3), ClassCount(1, 100, 90, 5, 3)),
            subgroups=(ClassCount("day", 200, 180, 10, 6),),
            confidence=Confidence(share, share, share, share, share),
            amplification=Amplification(share, share, share),
            flips=Flips(16, 200, (Flip(3, 1, 1, 0),)),
            profile=Profile((LayerTime("stem", 12.5, 40.25),), 20.75, 130.0, (slow,)),
        )


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a finished run."""
    run = Run.create("sound", CONFIG, root=tmp_path_factory.mktemp("runs"))
    search(run, Telling())
    made = Candidate(Policy(), run.baseline.metrics, run.beside.artifact(64 * "a"), 64 * "b", notes=("a note",))
    run.write_beside(Given("resnet20", 64 * "a", made, 2.0))
    return run.path


@pytest.mark.parametrize("block", range(BLOCKS))
def test_a_damaged_run_ends_in_an_answer_or_in_one_clear_line(
    block: int, finished: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "secret").write_text("secret")
    for seed in range(block, CASES, BLOCKS):
        chance = random.Random(seed)
        run = tmp_path / "run"
        shutil.copytree(finished, run)
        done = mutate(run, outside, chance)
        said = _answers(run, tmp_path / "out.onnx", resume=seed % 15 == 0)
        capsys.readouterr()
        for message in said:
            assert "this is a bug" not in message, f"case {seed} ({done}): {message}"
            assert len(message.strip().splitlines()) <= 1 or "the nearest" in message, (
                f"case {seed} ({done}): {message}"
            )
        assert [path.name for path in outside.iterdir()] == ["secret"], f"case {seed} ({done})"
        assert (outside / "secret").read_text() == "secret", f"case {seed} ({done})"
        assert not (tmp_path / "out.onnx").exists() or (tmp_path / "out.onnx").read_bytes() != b"secret"
        _remove(run)


def _answers(run: Path, output: Path, resume: bool) -> list[str]:
    """The errors of all that reads a run, as the command line shows them."""
    wanted: list[Callable[[], None]] = [
        lambda: front.show_front(str(run), (), True),
        lambda: report.write_page(str(run), output.with_suffix(".html"), None),
        lambda: export.export_model(str(run), output, (), None, "accuracy"),
    ]
    if resume:
        wanted += [lambda: front.show_front(str(run), (), False), lambda: _go_on(run)]
    said = []
    for act in wanted:
        try:
            act()
        except Exception as error:
            said.append(cli.message_of(error)[0])
    return said


def _go_on(run: Path) -> None:
    opened = Run.resume_or_create(run, {**CONFIG, "search": {**CONFIG["search"], "trials": 8}})
    assert len(search(opened, FormulaEvaluator(), raise_errors=True))


def _remove(run: Path) -> None:
    if run.is_symlink():
        run.unlink()
    else:
        shutil.rmtree(run)
