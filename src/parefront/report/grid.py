"""Devices by runtimes: in each cell the best member within the budget that any of several runs has measured there."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from ..evaluators.results.budget import Budget
from ..evaluators.results.candidate import Candidate
from ..evaluators.results.errors import NoCandidate
from ..evaluators.results.fronts.front import Front
from ..evaluators.results.fronts.picks import picks
from ..evaluators.results.metric import is_timed, on_device
from ..evaluators.results.views.units import plural
from ..evaluators.results.views.written import is_change, worded
from ..search.runs.run import Run
from ..search.runs.run_facts import devices_of, place_in_words, precision_in_words

NONE = "none within the budget"


@dataclass(frozen=True)
class Cell:
    """The best of one run on one device in one runtime.

    Attributes:
        device: in words.
        runtime: its name and precision.
        run: the run's name.
        front: the members that were measured there.
        key: of their latency there, a share of the uncompressed model's.
        best: the member; None where none is within the budget.
    """

    device: str
    runtime: str
    run: str
    front: Front
    key: str
    best: Candidate | None

    @property
    def text(self) -> str:
        """``−0.20 ± 0.4 pt, 0.310x, 1.2 ms (demo, trial 17)``, of what was measured."""
        if self.best is None:
            return NONE
        shown = [f"test_{self.front.quality.key}_change", f"{self.front.quality.key}_change", self.front.quality.key]
        quality = next((key for key in shown if key in self.best.metrics), "")
        keys = [quality, self.key, self.key.replace("ratio", "ms", 1)]
        known = [_worded(self.best, key) for key in keys if key in self.best.metrics]
        return f"{', '.join(known)} ({self.run}, {self.best.label})"

    def to_json(self) -> dict[str, Any]:
        best = self.best
        metrics = {} if best is None else {key: measured.to_json() for key, measured in best.metrics.items()}
        trial = None if best is None else best.trial
        return {"device": self.device, "runtime": self.runtime, "run": self.run, "trial": trial, "metrics": metrics}


@dataclass(frozen=True)
class Grid:
    """What several runs have measured, by device and runtime.

    Attributes:
        budgets: the first run's, by which the best was chosen; without any it is the cheapest whose quality is not
            worse than the uncompressed model's beyond the noise (the *safe* pick).
        cells: of every run, device and runtime.
    """

    budgets: tuple[Budget, ...]
    cells: tuple[Cell, ...]

    @classmethod
    def of(cls, runs: Sequence[Run], fronts: Sequence[Front]) -> Grid:
        """The grid of some runs and their fronts, each with the budgets of the first."""
        budgets, pairs = tuple(runs[0].settings.budgets), zip(runs, fronts, strict=True)
        return cls(budgets, tuple(cell for run, front in pairs for cell in _cells(run, front, budgets)))

    @property
    def devices(self) -> list[str]:
        return list(dict.fromkeys(cell.device for cell in self.cells))

    @property
    def runtimes(self) -> list[str]:
        return list(dict.fromkeys(cell.runtime for cell in self.cells))

    @property
    def is_one_place(self) -> bool:
        """Whether all was measured on one device in one runtime, so that there is nothing to show."""
        return len(self.devices) * len(self.runtimes) < 2

    def rows(self) -> tuple[list[str], list[list[str]]]:
        """Headings and rows of texts; several runs that were measured in one place stand in one cell, each on a line of
        its own."""
        found = [
            [device, *("\n".join(self._texts(device, runtime)) or "–" for runtime in self.runtimes)]
            for device in self.devices
        ]
        return ["device", *self.runtimes], found

    @property
    def note(self) -> str:
        """By what the best was chosen."""
        if not self.budgets:
            return "the cheapest whose quality is not worse than the uncompressed model's beyond the noise"
        return f"the best within {' and '.join(budget.text for budget in self.budgets)}, each on the device itself"

    def to_json(self) -> dict[str, Any]:
        return {"budget": [budget.text for budget in self.budgets], "cells": [cell.to_json() for cell in self.cells]}

    def _texts(self, device: str, runtime: str) -> list[str]:
        return [cell.text for cell in self.cells if (cell.device, cell.runtime) == (device, runtime)]


def _cells(run: Run, front: Front, budgets: Sequence[Budget]) -> Iterator[Cell]:
    """Of each device of a run, and of each runtime that it has searched."""
    for index, (name, told) in enumerate(devices_of(run.made_with, run.environment).items()):
        there = "" if index == 0 else name
        asked = [_there(budget, there) for budget in budgets]
        key = on_device("latency_ratio", there) if there else "latency_ratio"
        for runtime, members in _by_runtime(front, told).items():
            part = run.front_of(members, front.baseline)
            yield Cell(_device(told), runtime, run.name, part, key, _best(part, asked))


def _by_runtime(front: Front, told: dict[str, Any]) -> dict[str, list[Candidate]]:
    """The members by the runtime that they run in, in words."""
    if not front.runtimes:
        return {_runtime(told): list(front)}
    words = {front.runtimes[0]: _runtime(told)}
    words |= {other["choice"]: _runtime(other) for other in told.get("other_runtimes", ())}
    return {
        words.get(name, name): [member for member in front if front.runtime_of(member) == name]
        for name in front.runtimes
    }


def _best(front: Front, budgets: Sequence[Budget]) -> Candidate | None:
    if not budgets:
        found = picks(front)
        return found[0].candidate if found else None
    try:
        return front.select(*budgets)
    except NoCandidate:
        return None


def _there(budget: Budget, device: str) -> Budget:
    """The budget on another device than the first, of what is timed: ``latency@pi <= 0.5x``."""
    if not device or not is_timed(budget.metric.key) or "@" in budget.text:
        return budget
    return Budget.parse(re.sub(r"^\s*([\w.]+)", rf"\g<1>@{device}", budget.text))


def _device(told: dict[str, Any]) -> str:
    return f"{place_in_words(told)}, {plural(int(told['threads']), 'thread')}"


def _runtime(told: dict[str, Any]) -> str:
    return f"{told['runtime']['name']}{precision_in_words(told)}"


def _worded(candidate: Candidate, key: str) -> str:
    return worded(candidate.metrics[key], change=is_change(key))
