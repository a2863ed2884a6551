"""Recovers the front of a run: trains its members, measures what comes of it, and keeps what is better beyond noise."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median

from ...compressors.recovery.rate import rate_for
from ...compressors.recovery.steps import held_weights
from ...compressors.recovery.weights import Weights, read_weights, write_weights
from ...evaluators.results.candidate import Candidate
from ...evaluators.results.recovered import Recovered
from ...evaluators.results.views.units import plural
from ...evaluators.trial.evaluator import Evaluator
from ...evaluators.trial.scores.split import beside_nobody
from ...evaluators.trial.training.trainer import Trainer
from ...spaces.errors import Infeasible
from ..interruption import Interruption
from ..runs import events
from ..runs.events import Noted, OnEvent, Recovering
from ..runs.run import Run
from ..runs.stores.recovered_store import Round, Trained
from .members import but_for_runtimes, members_of
from .owed import request_of
from .pace import Pace, steps_in_time
from .ranking import ranking
from .schedule import Turn, equal_turn, next_turn
from .standings import corner_of, quality_axis, standing_of
from .starts import nearest_start, start_from

CHECKPOINT_SECONDS = 30.0
"""Between two states of a training that are kept."""
LEAST_STEPS = 60
"""In a round of fewer, norms and momentum have no time to settle."""
LEAST_OVERHEADS = 3.0
"""Nor is a round worth its while that takes less than so many times what it takes to measure what comes of it."""
REFUSED_RATE = 0.3
"""What the learning rate is multiplied by for every round before that made nothing better."""
TURN_OVERRUN = 1.5
"""How many times its seconds a turn may take where a machine has become busy, before its round is shortened."""
LOOK_SECONDS = 20.0
"""Between two looks at what a network under training scores, which take about a second."""
TOLD_SECONDS = 0.5
"""Between two events of a training."""


def recover(run: Run, evaluator: Evaluator, trainer: Trainer, emit: OnEvent, interruption: Interruption) -> None:
    """Train members of the run's front, as its config says, and record what is better beyond noise.

    Of members that differ by their runtime alone the costliest is trained, and what comes of it is measured in the
    others' runtimes, too.

    A round of training is recorded when it begins, and its state is kept every half minute, so that a killed session
    is gone on with by the same command; on one thread with the same result, to the last bit.

    Args:
        run: whose search is done.
        evaluator: has measured the uncompressed model in this session.
        trainer: of the task that the evaluator is of.
        emit: told how far it is.
        interruption: where it is requested, the state of the training under way is kept, and the session ends.
    """
    _Session(run, evaluator, trainer, emit, interruption).recover()
    run.recovered.write_done(request_of(run))
    if (found := ranking(run)) is not None:
        run.log(f"recovery: {found}")
        emit(Noted(str(found)))


@dataclass
class _Session:
    """One process's part of it."""

    run: Run
    evaluator: Evaluator
    trainer: Trainer
    emit: OnEvent
    interruption: Interruption

    def __post_init__(self) -> None:
        self.store = self.run.recovered
        self.recipe = self.trainer.recipe.digest
        groups = but_for_runtimes([c for c in members_of(self.run) if c.trial is not None])
        self.members = {first.trial: first for first, *_ in groups if first.trial is not None}
        self.others = {first.trial: others for first, *others in groups if first.trial is not None}
        self.pace = Pace(self.run.recover, self.trainer)
        self.started = self.since = time.perf_counter()
        self.before = self._spent
        self.overhead = median([_measuring(member) for member in self.members.values()] or [0.0])

    def recover(self) -> None:
        asked = self.run.recover
        self.run.log(f"recovery: {len(self.members)} members, recipe {self.recipe}")
        if self.members and self._next() is not None:
            self.emit(Noted(f"training {self._asked()}; then the front is measured again"))
        while (turn := self._next()) is not None:
            with self.interruption.finishing("step of training"):
                self._train(self.members[turn.trial], turn)
        for trial, others in self.others.items():
            for other in others:
                with self.interruption.finishing("measurement of what was trained"):
                    self._take_over(other, self._trained(self.members[trial]))
        self._keep_time_between()
        limit = f"{asked.steps} steps of each" if asked.minutes is None else f"{asked.minutes:g} minutes"
        self.run.log(f"recovery ended after {self.store.seconds:.0f} s, asked for {limit}")

    def _asked(self) -> str:
        """``20 members of the front for 10 minutes in all, 4 of which are over``."""
        minutes, members = self.run.recover.minutes, f"{plural(len(self.members), 'member')} of the front"
        if minutes is None:
            return f"{members} for {self.run.recover.steps} steps each"
        over = f", {self.before / 60:.2g} of which are over" if self.before else ""
        return f"{members} for {minutes:g} minutes in all{over}"

    def _next(self) -> Turn | None:
        """A round that was begun before, else what the schedule says."""
        known = {trial: self._trained(candidate) for trial, candidate in self.members.items()}
        for trial, trained in known.items():
            if trained.under_way is not None:
                return Turn(trial, 0.0)
        if (steps := self.run.recover.steps) is not None:
            waiting = [trial for trial, trained in known.items() if trained.steps < steps or not trained.ended]
            return Turn(waiting[0], 0.0) if waiting else None
        if not self.members:
            return None
        assert self.run.recover.minutes is not None
        budget = self.run.recover.minutes * 60
        if self.run.recover.takes_all:
            return equal_turn({trial: trained.seconds for trial, trained in known.items()}, budget)
        standings = [
            standing_of(self.run, self.members[trial], trained, self._least(self.members[trial]))
            for trial, trained in known.items()
        ]
        return next_turn(standings, quality_axis(self.run), corner_of(self.run), budget, self._spent)

    def _least(self, member: Candidate) -> float:
        """Seconds of a round of a member that is worth its while, by what it takes to train and to measure it."""
        return max(self.pace.seconds(member, LEAST_STEPS) + self.overhead, LEAST_OVERHEADS * self.overhead)

    @property
    def _spent(self) -> float:
        """Seconds of all sessions that are on record: of rounds of the members, and between rounds."""
        return sum(self._trained(member).seconds for member in self.members.values()) + self.store.between

    def _keep_time_between(self) -> None:
        """Record what has passed since the last round, or since this session began."""
        now = time.perf_counter()
        self.store.add_between(now - self.since)
        self.since = now

    @property
    def _left(self) -> float | None:
        """Seconds of the budget; None where steps are prescribed."""
        minutes = self.run.recover.minutes
        return None if minutes is None else max(0.0, minutes * 60 - (time.perf_counter() - self.started + self.before))

    def _trained(self, member: Candidate) -> Trained:
        assert member.trial is not None
        return self.store.of(self.store.key_of(member.policy, self.recipe), member.trial)

    def _train(self, member: Candidate, turn: Turn) -> None:
        """One round of one member, from where it stands to a record of what came of it."""
        self._keep_time_between()
        started, trained = time.perf_counter(), self._trained(member)
        file = self.store.weights_of(trained)
        weights = None if file is None else read_weights(file)
        planned = trained.under_way
        if planned is None:
            planned, weights = self._plan(member, trained, weights, turn, started)
            self.store.write(trained.beginning(planned))
        elif planned.start is not None:
            weights = start_from(member, self.store.folder / planned.start, self.trainer)
        number = len(trained.ended)
        try:
            with self.pace.as_planned(planned):
                planned, step = self._steps(member, trained, planned, weights, self._seconds_for(turn))
                self.pace.learn(member, step)
            trained_at = time.perf_counter()
            candidate, gain = self._measured(member, trained, number, planned, started)
            self.overhead = time.perf_counter() - trained_at
        except Infeasible as error:
            self.run.log(f"{member.label}: {error}")
            candidate, gain = None, 0.0
        self._record(member, trained, planned, candidate, gain, started)

    def _take_over(self, member: Candidate, source: Trained) -> None:
        """Measure what another member was trained to, which differs by its runtime alone, where that was not yet."""
        trained, file = self._trained(member), self.store.weights_of(source)
        if file is None or any(one.start == file.name for one in trained.ended):
            return
        self._keep_time_between()
        started = time.perf_counter()
        steps, known = (sum(of.ended[n].steps for n in of.taken) for of in (source, trained))
        last = source.ended[source.taken[-1]]
        planned = Round(max(0, steps - known), last.rate, last.precision, last.threads, start=file.name)
        number = len(trained.ended)
        write_weights(self.store.weights(trained.key, number), read_weights(file))
        try:
            candidate, gain = self._measured(member, trained, number, planned, started)
        except Infeasible as error:
            self.run.log(f"{member.label}: {error}")
            candidate, gain = None, 0.0
        self._record(member, trained, planned, candidate, gain, started)

    def _record(
        self,
        member: Candidate,
        trained: Trained,
        planned: Round,
        candidate: Candidate | None,
        gain: float,
        started: float,
    ) -> None:
        """Write that a round has ended, and whether what came of it was taken."""
        seconds = planned.seconds + time.perf_counter() - started
        done = replace(planned, seconds=seconds, gain=gain, taken=candidate is not None)
        self.store.write(trained.ending(done, candidate or trained.candidate))
        self.store.checkpoint(trained.key).unlink(missing_ok=True)
        self.since = time.perf_counter()
        self.emit(events.Recovered(trained.candidate or member, candidate, gain, self.run.settings.quality))

    def _plan(
        self, member: Candidate, trained: Trained, weights: Weights | None, turn: Turn, started: float
    ) -> tuple[Round, Weights | None]:
        """A round of the turn's seconds, of which a repair may take its part before the first step; and its start."""
        asked = self.run.recover
        precision, threads = self.pace.chosen(member)
        start = nearest_start(member, [] if asked.steps == 0 else self._neighbours(member), self.trainer, weights)
        if self.trainer.recipe.repair is not None and weights is None:
            spent = time.perf_counter() - started
            self.run.log(f"{member.label}: repaired by {self.trainer.recipe.repair} in {spent:.0f} s")
        seconds = turn.seconds - self.overhead - (time.perf_counter() - started)
        steps = self.pace.steps(member, seconds) if asked.steps is None else asked.steps - trained.steps
        refused = sum(not one.taken for one in trained.ended)
        rate = asked.rate_near(rate_for(start.divergence, self.trainer.recipe, steps)) * REFUSED_RATE**refused
        file = None if start.file is None else start.file.name
        if file is not None:
            self.run.log(f"{member.label}: begins with what another member was trained to, {file}")
        return Round(steps, rate, precision, threads, start=file), start.weights

    def _neighbours(self, member: Candidate) -> list[tuple[Candidate, Path]]:
        """The other members that were trained by the same recipe, with the files of their weights."""
        found = [(other, self.store.weights_of(self._trained(other))) for other in self.members.values()]
        return [(other, file) for other, file in found if file is not None and other is not member]

    def _seconds_for(self, turn: Turn) -> float | None:
        """Most that a turn's steps may take on a machine that has become busy; None where steps are prescribed."""
        if (left := self._left) is None:
            return None
        return max(0.0, min(left, TURN_OVERRUN * turn.seconds or left) - self.overhead)

    def _steps(
        self, member: Candidate, trained: Trained, planned: Round, weights: Weights | None, most: float | None
    ) -> tuple[Round, float]:
        """Train for ``most`` seconds at most, and write the weights; returns what was done, and a step's seconds."""
        number, checkpoint = len(trained.ended), self.store.checkpoint(trained.key)
        how = planned.steps, planned.rate, planned.precision
        training = self.trainer.begin(member.policy, *how, weights, first=trained.steps)
        if checkpoint.is_file():
            training.resume(read_weights(checkpoint))
        kept = told = began = looked = time.perf_counter()
        first, score = training.done, None
        while training.done < training.steps:
            with beside_nobody():
                loss = training.step()
            now = time.perf_counter()
            if now - looked > LOOK_SECONDS:
                with beside_nobody():
                    score = self.evaluator.glimpse(training.net)
                looked = time.perf_counter()
            if now - told > TOLD_SECONDS or training.done == 1:
                told = now
                left = (now - began) / (training.done - first) * (training.steps - training.done)
                self.emit(Recovering(member, training.done, training.steps, loss, left, self._left, score))
            steps = training.steps
            if most is not None and training.can_be_shortened:
                steps = steps_in_time(training.done - first, steps - first, now - began, most) + first
            is_late = steps < training.steps
            if is_late or now - kept > CHECKPOINT_SECONDS or self.interruption.requested:
                kept = now
                write_weights(checkpoint, training.state())
            if is_late:  # on record behind the state that the shorter round goes on from
                self.run.log(f"{member.label}: {steps} steps of {training.steps}, as they take longer than they did")
                training.shorten(steps)
                planned = replace(planned, steps=steps)
                self.store.write(trained.beginning(planned))
            if self.interruption.requested:
                planned = replace(planned, seconds=planned.seconds + now - began)
                self.store.write(trained.beginning(planned))
                raise KeyboardInterrupt
        taken = (time.perf_counter() - began) / max(1, training.steps - first)
        write_weights(self.store.weights(trained.key, number), held_weights(training.finish()))
        return planned, taken

    def _measured(
        self, member: Candidate, trained: Trained, number: int, planned: Round, started: float
    ) -> tuple[Candidate | None, float]:
        """The candidate with the new weights, where it is better beyond noise, and by how much it is."""
        weights = self.store.weights(trained.key, number)
        path = self.run.artifact(f"{trained.key}-{number}")
        before = trained.candidate or member
        made = self.evaluator.evaluate_trained(member.policy, weights, path, like=before)
        gain = self.evaluator.gain(made, before)
        if gain.low <= 0 and not self.run.recover.takes_all:
            for file in (path, weights):
                file.unlink(missing_ok=True)
            return None, gain.value
        steps = sum(one.steps for one in (*trained.ended, planned) if one.taken or one is planned)
        seconds = trained.seconds + time.perf_counter() - started
        how = Recovered(self.recipe, number, steps, planned.rate, seconds)
        return replace(made, trial=member.trial, recovered=how), gain.value


def _measuring(member: Candidate) -> float:
    """Seconds that it took to make and to score a candidate, without reading its latency."""
    timings = member.timings
    return max(0.0, timings.get("total", 0.0) - timings.get("latency", 0.0))
