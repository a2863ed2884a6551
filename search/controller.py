"""The search: ask a sampler, evaluate what is new, record it, tell the sampler; then measure the front again."""

from __future__ import annotations

import time
import traceback
from collections import deque
from collections.abc import Collection
from concurrent.futures import Future
from contextlib import closing, suppress
from dataclasses import dataclass, field

from optuna.trial import Trial

from ..evaluators.results.candidate import Candidate
from ..evaluators.results.errors import EveryTrialFailed, HostFailed, NoCandidate, SpaceExhausted
from ..evaluators.results.front import Front
from ..evaluators.trial.evaluator import Evaluator
from ..spaces.errors import is_of_the_host
from ..spaces.messages import one_line
from ..spaces.policy import Policy
from .asked import Asked, record_of
from .executors.executor import Executor
from .executors.local import LocalExecutor
from .finalise import finalise
from .interruption import Interruption
from .probe_phase import ProbePhase
from .registry import make_sampler
from .runs.asked_store import AskedStore
from .runs.events import Done, Event, Finished, Noted, OnEvent, Started
from .runs.kept_artifacts import KeptArtifacts
from .runs.record import TrialRecord
from .runs.run import Run
from .runs.studies.study import RunStudy, note_front
from .samplers.context import SamplerContext
from .stopping import EndedBy, Ending, Stopping, has_ended, spent_in, write_spent
from .uncompressed import measure_baseline
from .under_way import UnderWay


def search(
    run: Run,
    evaluator: Evaluator,
    on_event: OnEvent | None = None,
    raise_errors: bool = False,
    executor: Executor | None = None,
    interruption: Interruption | None = None,
) -> Front:
    """Search in ``run`` until it has reached a limit, going on where an earlier process has stopped.

    A trial is recorded in the run's folder before the sampler is told, a policy that has been tried is told from its
    record, and what a sampler suggests depends on the seed, the trial's number and the history alone. So a search may
    be killed at any moment: called again, it evaluates what it would have evaluated anyway.

    Whichever of its limits (trials, minutes, patience) is reached first ends it, see :class:`.stopping.Stopping`.

    Args:
        run: where to record; its settings say what to search.
        evaluator: turns policies into candidates. Its ``baseline`` is called once in every session. Left open.
        on_event: called with every event, in this thread.
        raise_errors: whether an error of the evaluator ends the search, instead of the trial alone. A
            ``ParefrontError`` always ends it, and so do a failure of this machine, and a ``DeviceError`` where the
            device cannot measure the uncompressed model any more; none of them spoils the trial.
        executor: where evaluations run; by default in this thread. With several workers policies are asked for ahead
            of their results. They are told as they come, so that what is suggested depends on the order in which they
            end; an ``ordered`` executor tells them in the order of asking, and waits for the slowest. Closed at the
            end.
        interruption: where it is requested, what is under way is finished and recorded, and the search ends.

    Returns:
        The front, measured again on the test split.

    Raises:
        EveryTrialFailed: where no trial is complete.
        TrialsKeepFailing: where five trials in a row have failed of the same cause.
        HostFailed: where this machine fails: a folder of the run is gone, the disk is full, memory is short.
        RunBusy: where another process searches in this run.
        ConfigError: where the run's settings do not fit the evaluator.
        KeyboardInterrupt: where it was interrupted; all trials that are done are kept.
    """
    interruption = interruption or Interruption()
    try:
        with run.lock(), closing(executor or LocalExecutor(evaluator)) as executor:
            return _search_alone(run, evaluator, executor, on_event or _ignore, raise_errors, interruption)
    except Exception as error:
        if not is_of_the_host(error):
            raise
        with suppress(OSError):
            run.log(f"ended by the machine\n{traceback.format_exc()}")
        if interruption.requested:  # e.g. since the terminal is gone, and with it where progress was shown
            raise KeyboardInterrupt from error
        raise HostFailed(
            f"this machine failed, which spoils no trial: {one_line(error)}; mend that, and the same command goes on"
        ) from error


def _search_alone(
    run: Run,
    evaluator: Evaluator,
    executor: Executor,
    on_event: OnEvent,
    raise_errors: bool,
    interruption: Interruption,
) -> Front:
    """The search of the only process that writes into the run."""
    session = _Session(run, evaluator, executor, on_event, raise_errors, interruption)
    if has_ended(run):
        front = run.front
        session.emit(Done(run.path, front))
        return front
    try:
        return session.search()
    except KeyboardInterrupt:
        run.log(f"interrupted after {session.done} trials; the same command goes on from there")
        raise


@dataclass
class _Session:
    """One process's part of a search."""

    run: Run
    evaluator: Evaluator
    executor: Executor
    emit: OnEvent
    raise_errors: bool
    interruption: Interruption
    records: dict[str, TrialRecord] = field(init=False)
    by_number: dict[int, TrialRecord] = field(init=False)
    kept: KeptArtifacts = field(init=False)
    asked: AskedStore = field(init=False)
    front: Front = field(init=False)
    stopping: Stopping = field(init=False)
    started: float = field(init=False)

    def __post_init__(self) -> None:
        self.started = time.perf_counter()
        self.records = {record.policy.digest: record for record in self.run.trials}
        self.by_number = {record.number: record for record in self.records.values()}
        self.kept = KeptArtifacts(self.run, self.records)
        self.asked = AskedStore(self.run.path)

    @property
    def done(self) -> int:
        return len(self.records)

    def search(self) -> Front:
        spent = spent_in(self.run)
        baseline = measure_baseline(self.run, self.evaluator)
        settings = self.run.settings
        self.front = self._front(baseline)
        self.stopping = Stopping(settings, baseline, self.records.values(), spent, self.started)
        probes = ProbePhase(self.run, self.evaluator, baseline, self.emit)
        context = SamplerContext(
            settings.seed,
            self.evaluator.space,
            settings.searched,
            settings.budgets,
            settings.trials,
            baseline,
            search_seed=settings.seed,
            layers=self.evaluator.layers,
            probe=probes.sensitivity,
            options=settings.sampler_options,
            root=self.run.root,
        )
        sampler = make_sampler(settings.sampler, context)
        self.run.log(f"search: {self.done} of {settings.trials} trials done, sampler {settings.sampler}")
        self.emit(Started(self.run.path, self.done, settings.trials, baseline, self.front, self.stopping.seconds_left))
        study = RunStudy(settings.searched, settings.budgets, baseline, sampler, self.front.floor)
        records, asked = list(self.records.values()), self._asked_before()
        for note in study.keep_in(self.run.path, settings.storage, records, self.evaluator.space, asked):
            self._note(note)
        try:
            ending = self._evaluate_all(study, probes)
        finally:
            study.close()
            write_spent(self.run, self.stopping.spent)
        self.run.log(f"search ended by its {ending.by}: {ending.text}")
        if not any(record.candidate for record in self.records.values()):
            raise EveryTrialFailed(self._why_all_failed() if self.done else f"{ending.text} before the first trial")
        front = finalise(self.run, self.evaluator, self.front, self.emit, self.raise_errors, self.interruption)
        self.kept.prune({candidate.policy.digest for candidate in front})
        if note := note_front(front, self.run.path, settings.storage):
            self.run.log(note)
        self.run.write_front(front)  # the mark that all is done, so the last of it
        self.emit(Done(self.run.path, front, self.stopping.message(ending)))
        return front

    def _note(self, message: str) -> None:
        self.run.log(message)
        self.emit(Noted(message))

    def _evaluate_all(self, study: RunStudy, probes: ProbePhase) -> Ending:
        """Ask for policies and tell how they fared, until the search has reached one of its limits."""
        under_way = UnderWay(self.executor, self.records)
        ending = self.stopping.reached()
        interrupted = deque(study.under_way())
        while under_way or ending is None:
            self.interruption.check()
            left = self.run.settings.trials - self.done
            asks = ending is None and not self.interruption.requested and under_way.has_room(left)
            if asks and interrupted:
                under_way.add(self._ask_again(interrupted.popleft()))
            elif asks:
                try:
                    asked = self._ask(study, probes, under_way.digests)
                except SpaceExhausted as end:
                    ending = Ending(EndedBy.SPACE, str(end))
                    continue
                if asked is not None:
                    under_way.add(asked)
            for asked in under_way.ended(may_wait=not asks or not under_way.has_room(left)):
                self._take(study, asked)
                ending = ending or self.stopping.reached()
        return ending

    def _asked_before(self) -> dict[int, Policy]:
        """The policies that were being evaluated when an earlier session ended, by the trial's number."""
        asked = self.asked.read()
        for number in [n for n, policy in asked.items() if n in self.by_number or policy.digest in self.records]:
            self.asked.remove(number)
            del asked[number]
        return asked

    def _ask_again(self, trial: Trial) -> Asked:
        """Evaluate what an earlier session has asked for."""
        started, policy = time.perf_counter(), self.evaluator.space.decode(trial.params)
        return Asked(trial, policy, started, 0.0, self._submit(trial.number, policy))

    def _submit(self, number: int, policy: Policy) -> Future[Candidate]:
        if self.executor.workers > 1:
            self.asked.add(number, policy)
        self.interruption.begin()
        return self.executor.submit(policy, self.run.artifact(policy.digest), self.front)

    def _ask(self, study: RunStudy, probes: ProbePhase, under_way: Collection[str]) -> Asked | None:
        """Ask for a policy, and let it be evaluated unless it has been, or is being; None where the number is taken."""
        if self.executor.workers > 1:
            while (told := self.by_number.get(study.next_number)) is not None:
                study.add(told, self.evaluator.space)
        started, probed = time.perf_counter(), probes.seconds
        trial = study.ask()
        policy = self.evaluator.space.suggest(trial)
        started += probes.seconds - probed  # the first to ask waits for the probes, which are counted by themselves
        is_new = policy.digest not in self.records and policy.digest not in under_way
        if is_new and trial.number in self.by_number:
            for note in study.skip(trial):
                self._note(note)
            return None
        study.claim(trial, policy)
        seconds, result = time.perf_counter() - started, None
        if is_new:
            result = self._submit(trial.number, policy)
        return Asked(trial, policy, started, seconds, result)

    def _take(self, study: RunStudy, asked: Asked) -> None:
        """Wait for an evaluation, record it and tell it."""
        if asked.result is None:
            self._tell(study, asked.trial, asked.policy, self.records[asked.policy.digest])
            return
        record = record_of(asked, self.run, self.evaluator, self.raise_errors)
        self.run.write_record(record)
        self.asked.remove(record.number)
        self.records[asked.policy.digest] = record
        self.by_number[record.number] = record
        self._tell(study, asked.trial, asked.policy, record)
        if record.candidate is not None:
            self.front = self.front.adding(record.candidate)
        self.kept.add(asked.policy.digest)
        self.kept.prune({candidate.policy.digest for candidate in self.front})
        best = None
        with suppress(NoCandidate):
            best = self.front.select()
        self.interruption.end()
        self.emit(Finished(record, self.done, self.run.settings.trials, self.front, best))
        self.stopping.add(record)

    def _tell(self, study: RunStudy, trial: Trial, policy: Policy, record: TrialRecord) -> None:
        for note in study.tell(trial, policy, record):
            self._note(note)

    def _why_all_failed(self) -> str:
        reasons = [f"{record.outcome}: {record.reason}" for record in self.records.values() if record.candidate is None]
        often = max(set(reasons), key=reasons.count) if reasons else "there was none"
        return f"no candidate from {self.done} trials; most often {often} (see {self.run.path / 'log.txt'})"

    def _front(self, baseline: Candidate) -> Front:
        candidates = [record.candidate for record in self.records.values() if record.candidate is not None]
        return self.run.front_of(candidates, baseline)


def _ignore(event: Event) -> None:
    pass
