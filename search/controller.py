"""The search: ask a sampler, evaluate what is new, record it, tell the sampler; then measure the front again."""

from __future__ import annotations

import time
import traceback
from collections import deque
from collections.abc import Callable, Collection, Iterable
from concurrent.futures import Future
from contextlib import closing, suppress
from dataclasses import dataclass, field, replace

from optuna.trial import Trial

from ..evaluators.results.candidate import Candidate
from ..evaluators.results.errors import EveryTrialFailed, HostFailed, NoCandidate, SpaceExhausted
from ..evaluators.results.fronts.front import Front
from ..evaluators.results.views.units import plural
from ..evaluators.trial.evaluator import Evaluator
from ..evaluators.trial.training.trainer import Trainer
from ..spaces.errors import is_of_the_host
from ..spaces.messages import one_line
from ..spaces.policy import Policy
from .asked import Asked, record_of
from .causes import why_all_failed
from .crash_log import CrashLog
from .executors.executor import Executor
from .executors.local import LocalExecutor
from .finalise import finalise
from .interruption import Interruption
from .opening import open_alone, open_shared, sampler_context
from .probe_phase import ProbePhase
from .recovery.given import measure_given
from .recovery.owed import is_to_be_trained
from .recovery.recover import recover
from .registry import make_sampler
from .runs.events import Done, Event, Finished, Noted, OnEvent, Started
from .runs.kept_artifacts import KeptArtifacts
from .runs.record import TrialRecord
from .runs.run import Run
from .runs.stores.asked_store import AskedStore
from .runs.studies.front_note import note_front
from .runs.studies.membership import Membership
from .runs.studies.shared_study import SharedStudy
from .runs.studies.shared_table import Refused
from .runs.studies.study import RunStudy
from .shared import joined, study_of
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
    trainer: Trainer | None = None,
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
        trainer: trains the front where the run's config asks for it.

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
            return _search_alone(run, evaluator, executor, on_event or _ignore, raise_errors, interruption, trainer)
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
    trainer: Trainer | None,
) -> Front:
    """The search of the only process that writes into the run."""
    session = _Session(run, evaluator, executor, on_event, raise_errors, interruption, trainer)
    if has_ended(run):
        front = run.front
        session.emit(Done(run.path, front))
        return front
    try:
        return session.search()
    except KeyboardInterrupt:
        run.log(f"interrupted after {plural(session.done, 'trial')}; the same command goes on from there")
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
    trainer: Trainer | None
    records: dict[str, TrialRecord] = field(init=False)
    by_number: dict[int, TrialRecord] = field(init=False)
    kept: KeptArtifacts = field(init=False)
    asked: AskedStore = field(init=False)
    crashes: CrashLog = field(init=False)
    front: Front = field(init=False)
    stopping: Stopping = field(init=False)
    started: float = field(init=False)
    _since: float = field(init=False)

    def __post_init__(self) -> None:
        self.started = time.perf_counter()
        self.records = {record.policy.digest: record for record in self.run.trials}
        self.by_number = {record.number: record for record in self.records.values()}
        self.kept = KeptArtifacts(self.run, self.records)
        self.asked = AskedStore(self.run.path)
        self.crashes = CrashLog(self.run.path)

    @property
    def done(self) -> int:
        return len(self.records)

    def search(self) -> Front:
        spent = spent_in(self.run)
        measure_baseline(self.run, self.evaluator)
        with joined(self.run, self.evaluator, self._note) as member:
            ending = self._search_with(member, spent)
        self.run.log(f"search ended by its {ending.by}: {ending.text}")
        if not any(record.candidate for record in self.records.values()):
            nothing = f"{ending.text} before the first trial"
            raise EveryTrialFailed(why_all_failed(self.records.values(), self.run) if self.done else nothing)
        measure_given(self.run, self.evaluator, self.emit)
        if self.trainer is not None and is_to_be_trained(self.run):
            recover(self.run, self.evaluator, self.trainer, self.emit, self.interruption)
        front = self._measured_again(self._front(self.run.with_recovered))
        self.kept.prune({candidate.policy.digest for candidate in front})
        if note := note_front(front, self.run.path, self.run.settings.storage, study_of(self.run)):
            self.run.log(note)
        self.run.write_front(front)  # the mark that all is done, so the last of it that a reader needs
        self.run.recovered.forget_superseded()
        self.emit(Done(self.run.path, front, self.stopping.message(ending)))
        return front

    def _search_with(self, member: Membership | None, spent: float) -> Ending:
        """Search until a limit is reached, with other controllers where this one is a member of their study."""
        baseline, settings = self.run.search_baseline, self.run.settings
        probes = ProbePhase(self.run, self.evaluator, baseline, self.emit)
        sampler = make_sampler(
            settings.sampler, sampler_context(self.run, self.evaluator, baseline, probes.sensitivity)
        )
        floor = self.run.front_of((), baseline).floor
        study, notes = self._opened(RunStudy(settings.searched, settings.budgets, baseline, sampler, floor), member)
        try:
            self.front = self._front()
            self.stopping = Stopping(settings, baseline, self.records.values(), spent, self.started)
            self.run.log(f"search: {self.done} of {settings.trials} trials done, sampler {settings.sampler}")
            left = self.stopping.seconds_left
            self.emit(Started(self.run.path, self.done, settings.trials, baseline, self.front, left))
            for note in notes:
                self._note(note)
            try:
                ending = self._evaluate_all(study, probes)
                study.catch_up(self.by_number, self.evaluator.space)
                return ending
            finally:
                write_spent(self.run, self.stopping.spent)
        finally:
            study.close()

    def _opened(self, study: RunStudy, member: Membership | None) -> tuple[RunStudy | SharedStudy, list[str]]:
        """The study with all that was told before, and what the user should know of it."""
        asked = self.asked.read_unrecorded(self.by_number, self.records)
        if member is None:
            return study, open_alone(self.run, self.evaluator, study, self.records, asked)
        for number in asked:
            self.asked.remove(number)
        shared, news = open_shared(self.run, study, member, self.records)
        for record in news:
            self._keep(record)
        return shared, []

    def _note(self, message: str) -> None:
        self.run.log(message)
        self.emit(Noted(message))

    def _evaluate_all(self, study: RunStudy | SharedStudy, probes: ProbePhase) -> Ending:
        """Ask for policies and tell how they fared, until the search has reached one of its limits."""
        under_way = UnderWay(self.executor, self.records)
        self._since = time.perf_counter()
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
                    ending = None if study.full else Ending(EndedBy.SPACE, str(end))
                    asked = None
                if asked is not None:
                    under_way.add(asked)
            for asked in under_way.ended(may_wait=not asks or study.full or not under_way.has_room(left)):
                self._take(study, asked)
                ending = ending or self.stopping.reached()
            if self._learn(study):
                ending = ending or self.stopping.reached()
            elif study.full and ending is None and not under_way:
                study.wait()
        return ending

    def _learn(self, study: RunStudy | SharedStudy) -> bool:
        """Take over what other controllers have recorded; whether there was any."""
        news = study.news()
        for record in news:
            self._keep(record)
            self._count_in(record)
        return bool(news)

    def _ask_again(self, trial: Trial) -> Asked:
        """Evaluate what an earlier session has asked for."""
        started, policy = time.perf_counter(), self.evaluator.space.decode(trial.params)
        return Asked(trial, policy, started, 0.0, self._submit(trial.number, policy))

    def _submit(self, number: int, policy: Policy) -> Future[Candidate]:
        if self.executor.workers > 1:
            self.asked.add(number, policy)
        self.interruption.begin()
        artifact = self.run.artifact(policy.digest)
        return self.crashes.submitted(policy, lambda: self.executor.submit(policy, artifact, self.front))

    def _ask(self, study: RunStudy | SharedStudy, probes: ProbePhase, under_way: Collection[str]) -> Asked | None:
        """Ask for a policy, and let it be evaluated unless it has been, or is being; None where the number is taken, or
        other controllers evaluate the policy or all that are left."""
        if self.executor.workers > 1:
            study.add_recorded(self.by_number, self.evaluator.space)
        started, probed = time.perf_counter(), probes.seconds
        trial = study.ask()
        if trial is None:
            return None
        try:
            policy = self.evaluator.space.suggest(trial)
        except SpaceExhausted:
            study.give_back(trial)
            raise
        started += probes.seconds - probed  # the first to ask waits for the probes, which are counted by themselves
        self._since += probes.seconds - probed
        is_new = policy.digest not in self.records and policy.digest not in under_way
        if is_new and trial.number in self.by_number:
            for note in study.skip(trial):
                self._note(note)
            return None
        if is_new and not study.claim(trial, policy):
            return None
        seconds, result = time.perf_counter() - started, None
        if is_new:
            result = self._submit(trial.number, policy)
        return Asked(trial, policy, started, seconds, result)

    def _take(self, study: RunStudy | SharedStudy, asked: Asked) -> None:
        """Wait for an evaluation, record it and tell it."""
        if asked.result is None:
            self._tell(study, asked.trial, asked.policy, self.records[asked.policy.digest])
            return
        record = replace(record_of(asked, self.run, self.evaluator, self.raise_errors), elapsed=self._lap())
        if not study.accept(asked.trial, asked.policy, record):
            self._note(f"trial {record.number} does not count: {Refused.NOT_ITS_OWN.value}")
            self.run.artifact(asked.policy.digest).unlink(missing_ok=True)
            self.asked.remove(record.number)
            self.interruption.end()
            return
        self._keep(record)
        self._tell(study, asked.trial, asked.policy, record)
        self.interruption.end()
        self._count_in(record)

    def _lap(self) -> float | None:
        """Seconds since the last record of this session; None where one evaluation follows the other."""
        before, self._since = self._since, time.perf_counter()
        return self._since - before if self.executor.workers > 1 else None

    def _keep(self, record: TrialRecord) -> None:
        self.run.write_record(record)
        self.asked.remove(record.number)
        self.records[record.policy.digest] = record
        self.by_number[record.number] = record

    def _count_in(self, record: TrialRecord) -> None:
        """A trial of this controller or of another is recorded."""
        if record.candidate is not None:
            self.front = self.front.adding(record.candidate)
        self.kept.add(record.policy.digest)
        self.kept.prune({candidate.policy.digest for candidate in self.front})
        best = None
        with suppress(NoCandidate):
            best = self.front.select()
        self.emit(Finished(record, self.done, self.run.settings.trials, self.front, best))
        self.stopping.add(record)

    def _tell(self, study: RunStudy | SharedStudy, trial: Trial, policy: Policy, record: TrialRecord) -> None:
        for note in study.tell(trial, policy, record):
            self._note(note)

    def _measured_again(self, front: Front) -> Front:
        """The front as measured again, or of it who is selected by the budgets where no more is asked for.

        Where that one is beyond a budget by then, or nobody is within them, it is the whole front.
        """
        how = self.emit, self.raise_errors, self.interruption
        if self.run.settings.final == "selected":
            with suppress(NoCandidate):
                selected = self.run.front_of([front.select()], self.run.search_baseline)
                again = finalise(self.run, self.evaluator, selected, *how)
                again.select()
                return again
        return finalise(self.run, self.evaluator, front, *how)

    def _front(self, chosen: Callable[[Iterable[Candidate]], Iterable[Candidate]] = iter) -> Front:
        """The front of what was measured; while searching that of what nobody has trained, which trials are."""
        candidates = [record.candidate for record in self.records.values() if record.candidate is not None]
        return self.run.front_of(chosen(candidates), self.run.search_baseline)


def _ignore(event: Event) -> None:
    pass
