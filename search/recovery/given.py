"""Measures what users have trained of members of the front by a loop of their own."""

from __future__ import annotations

import time
from dataclasses import replace

from ...evaluators.results.candidate import Candidate
from ...evaluators.results.recovered import Recovered
from ...evaluators.trial.evaluator import Evaluator
from ...spaces.errors import Infeasible
from ..runs import events
from ..runs.events import Noted, OnEvent
from ..runs.run import Run
from ..runs.stores.recovered_store import Trained


def measure_given(run: Run, evaluator: Evaluator, emit: OnEvent) -> None:
    """Score and time each file that :meth:`Run.replace` has kept, and let it take its member's place.

    It does so whether it is better or not, since its user has decided. One that cannot be evaluated is dropped with a
    line.
    """
    untrained = {record.number: record.candidate for record in run.trials if record.candidate is not None}
    quality = run.settings.quality
    for given in run.recovered.waiting():
        before, started = untrained[given.trial], time.perf_counter()
        try:
            made = _measured(run, evaluator, before, given)
        except Infeasible as error:
            run.recovered.forget(given)
            emit(Noted(f"{before.label}: what it was to be replaced by is not taken: {error}"))
            continue
        finally:
            run.recovered.add_between(time.perf_counter() - started)
        run.recovered.write(replace(given, candidate=made))
        gain = made.metrics[quality.key].value - before.metrics[quality.key].value
        emit(events.Recovered(before, made, gain if quality.higher_is_better else -gain, quality))


def _measured(run: Run, evaluator: Evaluator, before: Candidate, given: Trained) -> Candidate:
    path = run.artifact(f"{given.key}-0")
    made = evaluator.evaluate_trained(before.policy, run.recovered.file_given(given.key), path)
    how = Recovered(given.key.rpartition("-")[2], 0, 0, 0.0, 0.0, given=True)
    return replace(made, trial=given.trial, recovered=how)
