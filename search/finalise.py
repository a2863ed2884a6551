"""The final step: the front's members are measured again, twice and on the test split, and dominated ones drop out."""

from __future__ import annotations

import time
import traceback
from dataclasses import replace

from ..evaluators.device.errors import DeviceError, DeviceUnreachable, RequestRefused
from ..evaluators.results.candidate import Candidate
from ..evaluators.results.errors import EveryTrialFailed
from ..evaluators.results.fronts.front import Front
from ..evaluators.trial.evaluator import Evaluator
from ..spaces.errors import ParefrontError, is_of_the_host
from ..spaces.files import sha256_of
from .interruption import Interruption
from .runs.events import Finalising, OnEvent
from .runs.run import Run
from .runs.stores.final_readings import averaged


def finalise(
    run: Run, evaluator: Evaluator, front: Front, emit: OnEvent, raise_errors: bool, interruption: Interruption
) -> Front:
    """Measure the uncompressed model and every member again; the front of what was measured.

    What is on the front by chance, being measured too well, shows here. All are timed once, then all once more: what
    two readings of the same file differ by is in the intervals (:mod:`.runs.stores.final_readings`). Members are judged
    by the objectives as measured again, on the search split; test accuracy is reported, and chooses nothing. Each is
    written as it comes, and what an earlier session has measured is kept. An interruption waits for the reading under
    way.

    Raises:
        EveryTrialFailed: where no member could be measured again.
    """
    known, second = run.read_again(), run.read_again(twice=True)
    for candidate in front:
        _forget_another_file(run, evaluator, candidate, known, second)
    readings = 2 * (1 + len(front))
    for twice in (False, True):
        first = 1 + twice * (1 + len(front))
        if run.final_baseline(twice) is None:
            emit(Finalising(first, readings, run.baseline))
            with interruption.finishing("reading"):
                started = time.perf_counter()
                baseline = evaluator.finalise(run.baseline)
                run.write_final_baseline(baseline, time.perf_counter() - started, twice)
        before = [candidate for candidate in front if not twice or candidate.trial in known]
        done = second if twice else known
        for index, candidate in enumerate(before, start=first + 1):
            emit(Finalising(index, readings, candidate))
            assert candidate.trial is not None
            if candidate.trial not in done:
                with interruption.finishing("reading"):
                    again = _read(run, evaluator, known[candidate.trial] if twice else candidate, raise_errors, twice)
                done |= {candidate.trial: again} if again is not None else {}
    averages = averaged(known, second)
    members = [averages[candidate.trial] for candidate in front if candidate.trial in averages]
    if not members:
        raise EveryTrialFailed(f"no member of the front could be measured again; see {run.path / 'log.txt'}")
    final = run.front_of(members, run.baseline)
    for candidate in final:
        if _restored(run, evaluator, candidate).sha256 != candidate.sha256:
            assert candidate.trial is not None
            run.forget_final(candidate.trial)
            raise ParefrontError(
                f"{candidate.label}: its artefact was changed while the front was measured again, and cannot be made "
                "as it was; the same command measures it anew"
            )
    run.log(f"done: {len(final)} of {len(front)} members stay on the front")
    return final


def _read(run: Run, evaluator: Evaluator, candidate: Candidate, raise_errors: bool, twice: bool) -> Candidate | None:
    """Measure a member again, for the first time or ``twice``, and write what was measured; None where that fails."""
    started = time.perf_counter()
    try:
        candidate = _restored(run, evaluator, candidate)
        if candidate.stopped_early:
            candidate = _made(run, evaluator, candidate)
        again = evaluator.finalise(candidate)
    except Exception as error:
        raise_what_ends_a_search(error, run, evaluator, raise_errors)
        run.log(f"{candidate.label} could not be measured again: {error}\n{traceback.format_exc()}")
        return None
    run.write_finalised(again, time.perf_counter() - started, twice)
    return again


def raise_what_ends_a_search(error: Exception, run: Run, evaluator: Evaluator, raise_errors: bool) -> None:
    """Raise an error of an evaluation where it is not the policy's alone: an error of ours, of this machine or of the
    device, and any other where ``raise_errors``."""
    if raise_errors or isinstance(error, ParefrontError | DeviceUnreachable) or is_of_the_host(error):
        raise error
    make_sure_of_device(run, evaluator, error)


def make_sure_of_device(run: Run, evaluator: Evaluator, error: Exception) -> None:
    """Raise where it is the device that is at fault: one that measures the uncompressed model is well."""
    if isinstance(error, DeviceError) and not isinstance(error, RequestRefused):
        evaluator.baseline(run.path / "artifacts")


def _restored(run: Run, evaluator: Evaluator, candidate: Candidate) -> Candidate:
    """The candidate with its artefact as it was measured: made again from its policy where the file is gone (it may
    have been dominated in an earlier, shorter search) or is another one.

    Equal policies give equal bytes. Where they do not, as with another version of PyTorch or another CPU, it is
    measured anew.
    """
    path = run.artifact(candidate.key)
    if path.is_symlink() or not path.is_file():
        why = "is not there"
    elif not candidate.sha256 or sha256_of(path) == candidate.sha256:
        return candidate
    else:
        why = f"is another file (its SHA-256 is not {candidate.sha256[:12]}…)"
    run.log(f"{candidate.label}: {path.name} {why}; making it again from its policy")
    made = _made(run, evaluator, candidate)
    if made.sha256 == candidate.sha256 or not candidate.sha256:
        return candidate
    run.log(f"{candidate.label}: it has other bytes than the file that was measured, and is measured anew")
    return made


def _made(run: Run, evaluator: Evaluator, candidate: Candidate) -> Candidate:
    """The candidate made and measured anew, from its policy and the weights that it was trained to."""
    path, weights = run.artifact(candidate.key), candidate.weights
    if weights is None:
        made = evaluator.evaluate(candidate.policy, path)
    else:
        made = evaluator.evaluate_trained(candidate.policy, weights, path)
    return replace(made, trial=candidate.trial, recovered=candidate.recovered)


def _forget_another_file(
    run: Run, evaluator: Evaluator, candidate: Candidate, first: dict[int, Candidate], second: dict[int, Candidate]
) -> None:
    """Drop what an earlier session has read of a member that was trained since, or whose artefact can no longer be made
    as it was."""
    trial = candidate.trial
    assert trial is not None
    for reading in (first.get(trial), second.get(trial)):
        if reading is None:
            continue
        other = reading.recovered != candidate.recovered
        if other or _restored(run, evaluator, reading).sha256 != reading.sha256:
            run.forget_final(trial)
            first.pop(trial, None)
            second.pop(trial, None)
            return
