"""``parefront export``: one candidate's artefact out of a run."""

from __future__ import annotations

from pathlib import Path

from rich.console import Console
from rich.text import Text

from ..search.runs.of_trial import candidate_of_trial
from ..search.runs.run import Run
from ..search.runs.run_folder import RUNS
from ..terminal.tables import describe


def export_model(
    name: str, output: Path, where: tuple[str, ...], trial: int | None, by: str | None, root: Path = Path(RUNS)
) -> None:
    """Copy a candidate's artefact out of a run."""
    run = Run.open(name, root)
    candidate = run.front.select(*where, by=by) if trial is None else candidate_of_trial(run, trial)
    path = candidate.export(output)
    console = Console(highlight=False)
    console.print(Text(f"{candidate.label}: {describe(candidate, run.settings.quality)}"))
    console.print(Text(f"written: {path}, {path.with_suffix('.yaml')}"), soft_wrap=True)
