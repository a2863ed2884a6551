"""``parefront check``: whether a run has a model within budgets, as an exit code."""

from __future__ import annotations

import json
from pathlib import Path

from rich.console import Console
from rich.text import Text

from ..evaluators.results.fronts.refuted import contradiction
from ..search.runs.run import Run
from ..search.runs.run_folder import RUNS
from ..spaces.errors import ConfigError
from ..terminal.tables import describe


def check_run(name: str, budgets: tuple[str, ...], as_json: bool, root: Path = Path(RUNS)) -> None:
    """Print the best member of a run's front within budgets, and what it has of each.

    A budget on the quality must hold on the test split, too, where the final step has scored it.

    Raises:
        ConfigError: where neither the command nor the run has a budget.
        NoCandidate: where no member is within all of them.
    """
    run = Run.open(name, root)
    front = run.front
    wanted = tuple(map(front.budget, budgets)) or front.budgets
    if not wanted:
        raise ConfigError(f'check: run {run.name} has no budget of its own; give one, e.g. --budget "latency <= 0.5x"')
    best = front.select(*wanted)
    against = contradiction(front, *wanted)
    judged = {budget.text: budget.describe(best, front.baseline) for budget in wanted}
    if as_json:
        measured = {key: measurement.to_json() for key, measurement in best.metrics.items()}
        document = {"run": run.name, "trial": best.trial, "digest": best.policy.digest, "budgets": judged}
        document |= {"contradicted": against} if against else {}
        print(json.dumps({**document, "metrics": measured}, indent=2, allow_nan=False))
        return
    console = Console(highlight=False)
    console.print(Text.assemble(("ok: ", "green"), f"{best.label}: {describe(best, front.quality)}"), soft_wrap=True)
    for text, has in judged.items():
        console.print(Text(f"{text}: {has}", style="dim"), soft_wrap=True)
    if against:
        console.print(Text(against, style="yellow"), soft_wrap=True)
