"""How fast training is on this machine: which precision, how many threads, and so how many steps there is time for."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

import torch

from ...compressors.recovery.precision import BFLOAT16, FLOAT32
from ...evaluators.results.candidate import Candidate
from ...evaluators.trial.training.trainer import Trainer
from ...spaces.cores import core_count
from ..runs.recover_settings import RecoverSettings
from ..runs.stores.recovered_store import Round

PROBED_STEPS = 2
MARGIN = 1.1
"""Two threads, or bfloat16, are taken where they are so many times as fast: with either, results are less exact or
depend on the machine."""
AS_SLOW_AS = 3.0
"""Once a step takes so many times what it took when it was probed, the machine is busy, and it is probed again."""

LATE = 1.2
"""A round is shortened that would take more than so many times its time."""
LEAST_SEEN = 5
"""Steps that tell how long the others will take: the first are slower."""


class Pace:
    """Seconds of a step.

    Args:
        settings: what of precision and threads is prescribed.
        trainer: whose networks are probed.
    """

    def __init__(self, settings: RecoverSettings, trainer: Trainer) -> None:
        self._settings, self._trainer = settings, trainer
        self._chosen: tuple[str, int] | None = None
        self._seconds_per_mac: dict[bool, float] = {}
        self._known: dict[str, float] = {}

    def chosen(self, member: Candidate) -> tuple[str, int]:
        """Precision and threads: those that are fastest with this member, probed once, and again on a busy machine."""
        if self._chosen is None:
            ways = [(precision, threads) for precision in self._precisions() for threads in self._threads()]
            seconds = {way: self._probe(member, *way) for way in ways}
            plain = ways[0]
            best = min(ways, key=lambda way: seconds[way])
            self._chosen = best if seconds[best] * MARGIN < seconds[plain] else plain
            self._seconds_per_mac = {self._in_integers(member): seconds[self._chosen] / _macs(member)}
        return self._chosen

    def steps(self, member: Candidate, seconds: float) -> int:
        """How many steps there is time for, one at least."""
        return max(1, int(seconds / self.seconds(member, 1)))

    def seconds(self, member: Candidate, steps: int) -> float:
        """What so many steps take: as they did, or as it is of another member by the multiplications.

        A member that is trained as its file holds it is compared with its like, since rounding takes time, too.
        """
        way, kind = self.chosen(member), self._in_integers(member)
        if kind not in self._seconds_per_mac:
            self._seconds_per_mac[kind] = self._probe(member, *way) / _macs(member)
        return steps * self._known.get(member.policy.digest, self._seconds_per_mac[kind] * _macs(member))

    def learn(self, member: Candidate, seconds: float) -> None:
        """Take over what a step of a round has taken on average."""
        kind, taken = self._in_integers(member), seconds / _macs(member)
        before = self._seconds_per_mac.get(kind, 0.0)
        self._seconds_per_mac[kind] = taken
        self._known[member.policy.digest] = seconds
        if taken > AS_SLOW_AS * before > 0:
            self._chosen = None
            self._known.clear()

    @contextmanager
    def as_planned(self, planned: Round) -> Iterator[None]:
        """Compute on as many threads as a round was planned for."""
        before = torch.get_num_threads()
        torch.set_num_threads(planned.threads)
        try:
            yield
        finally:
            torch.set_num_threads(before)

    def _probe(self, member: Candidate, precision: str, threads: int) -> float:
        """Seconds of the fastest of a few steps, the first left out."""
        training = self._trainer.begin(member.policy, PROBED_STEPS + 1, 1e-6, precision)
        taken = []
        with self.as_planned(Round(0, 0.0, precision, threads)):
            for _ in range(PROBED_STEPS + 1):
                started = time.perf_counter()
                training.step()
                taken.append(time.perf_counter() - started)
        return min(taken[1:])

    def _in_integers(self, member: Candidate) -> bool:
        return self._trainer.trains_integers(member.policy)

    def _precisions(self) -> list[str]:
        return [FLOAT32, BFLOAT16] if self._settings.precision == "auto" else [self._settings.precision]

    def _threads(self) -> list[int]:
        if self._settings.threads is not None:
            return [self._settings.threads]
        return sorted({1, core_count()})


def steps_in_time(done: int, steps: int, elapsed: float, seconds: float) -> int:
    """With how many steps a round ends in time; as many as were planned where it is not late beyond :data:`LATE`.

    Args:
        done: steps that have taken ``elapsed`` seconds.
        steps: how many were planned.
        elapsed: seconds so far.
        seconds: most that all of them may take.
    """
    step = elapsed / done
    if done < LEAST_SEEN or step * steps <= LATE * seconds:
        return steps
    return min(steps, done + max(1, int((seconds - elapsed) / step)))


def _macs(member: Candidate) -> float:
    return max(1.0, member.metrics["macs"].value)
