"""A run: the folder under ``runs/`` that holds a search, open for searching, going on, selecting, reporting."""

from __future__ import annotations

import math
import os
import time
from collections.abc import Iterable, Mapping
from contextlib import AbstractContextManager
from dataclasses import replace
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...evaluators.results.candidate import Candidate
from ...evaluators.results.fields import Fields
from ...evaluators.results.fronts.front import Front
from ...evaluators.results.metric import ACCURACY, Metric
from ...spaces.errors import ConfigError, ParefrontError
from ...spaces.files import UnreadableFile, append_text, read_json, write_json, write_text
from ...spaces.masking import masked, masked_text
from ...spaces.messages import first_line
from .config_file import CONFIG, config_text, no_run, plain, read_config
from .identity.devices import flat
from .identity.fingerprint import Fingerprint
from .identity.recorded_space import graph_of
from .identity.refusals import refuse_other_config, refuse_other_devices, refuse_other_task
from .landmarks import Landmark, landmarks, told_apart
from .origin import Origin
from .record import Outcome, TrialRecord
from .recover_settings import RecoverSettings
from .run_config import RunConfig
from .run_facts import FRONT, chance_in, date_of, devices_of, runtimes_in, today
from .run_folder import ENVIRONMENT, FOLDERS, RUNS, TASK, check_folders, clear_unfinished_run, locate, locked
from .run_shown import run_json, run_line, run_page
from .settings import SearchSettings
from .stores.beside_store import BesideStore, Given
from .stores.candidate_store import CandidateStore
from .stores.final_readings import averaged
from .stores.probe_store import PROBES
from .stores.read_once import ReadOnce
from .stores.recovered_store import RecoveredStore
from .stores.trial_store import TrialStore
from .training import training_of

if TYPE_CHECKING:
    from ...evaluators.restore.module import ArtifactModule


class Run:
    """A folder with ``config.yaml``, ``task.json``, ``environment.json``, ``baseline.json``, ``trials/NNNNNN.json``,
    ``artifacts/``, ``final/NNNNNN.json`` (the front's members, measured again), ``front.json`` and ``front.csv`` once
    it is done, and ``log.txt``. What is read is what is on disk at that moment, so another process may be writing; each
    file is read once, and again where it has changed.

    Attributes:
        path: the folder, absolute.
        config: the resolved config; its secrets are masked where it was read from disk.
        made_with: the same as a typed value, for whoever reads it.
        recover: what its config says of training the front.
        recovered: what was trained of it.
        beside: networks of its user's own that were measured beside it.
        root: where its config's plain names of other runs are looked up; by default the folder that it lies in.
    """

    def __init__(self, path: Path, config: Mapping[str, Any], root: str | Path | None = None) -> None:
        self.path = path
        self.config = config
        self.root = Path(root) if root is not None else path.parent
        self._trials, self._candidates = TrialStore(path), CandidateStore(path)
        self._fields, self._seconds = ReadOnce(read_json), ReadOnce(lambda file: Fields.read(file).number("seconds"))
        self._quality = self.quality
        self.made_with = RunConfig.of(config)
        self._settings = SearchSettings.of(self.made_with, self._quality)
        self.recover = RecoverSettings.of(self.made_with.recover)
        self.recovered = RecoveredStore(path)
        self.beside = BesideStore(path)

    @classmethod
    def create(cls, name: str | Path, config: Mapping[str, Any], root: str | Path | None = None) -> Run:
        """Make the folder and write the config; ``name`` as in :meth:`open`.

        Raises:
            ConfigError: where there is a run of that name, or a folder with something else in it.
        """
        path = locate(name, root or RUNS)
        run = cls(path, plain(config), root)
        if (path / CONFIG).exists():
            raise ConfigError(f"there is a run {path} already; go on with it, or choose another name")
        if path.exists() and (not path.is_dir() or any(path.iterdir())):
            raise ConfigError(f"{path} is in the way: expected nothing or an empty folder there")
        for folder in FOLDERS:
            (path / folder).mkdir(parents=True, exist_ok=True)
        run._write_config()
        return run

    @classmethod
    def open(cls, name: str | Path, root: str | Path | None = None) -> Run:
        """A run by its path, or by its name under ``root``, by default ``runs``.

        Raises:
            RunNotFound: naming the runs that there are.
        """
        path = locate(name, root or RUNS)
        file = path / CONFIG
        if not file.is_file():
            raise no_run(name, path, Path(root or RUNS))
        check_folders(path)
        config = read_config(file)
        try:
            return cls(path, config, root)
        except ConfigError as error:
            raise UnreadableFile(f"{file}: {error}") from error

    @classmethod
    def resume_or_create(cls, name: str | Path, config: Mapping[str, Any], root: str | Path | None = None) -> Run:
        """Open the run of that name where there is one, else create it. A changed number of trials is taken over.

        Passwords and tokens are written masked, and any equals any other: those that are used come from ``config``.

        Raises:
            ConfigError: where the run was made with another config, naming the first key that differs.
        """
        path = locate(name, root or RUNS)
        if not (path / CONFIG).is_file():
            clear_unfinished_run(path)
            return cls.create(name, config, root)
        run, wanted = cls.open(name, root), cls(path, plain(config), root)
        run.check_config(config)
        if flat(masked(run.config)) != flat(masked(wanted.config)) or masked(run.config) != run.config:
            with wanted.lock():
                wanted._write_config()
        return wanted

    def check_config(self, config: Mapping[str, Any]) -> None:
        """Raise ``ConfigError`` where the run was made with another config, naming the first key that differs."""
        refuse_other_config(self.name, self.config, plain(config))

    def check_task(self, here: Fingerprint) -> None:
        """Raise ``ConfigError`` where the run is of another task, naming all that differs."""
        refuse_other_task(self.name, self.fingerprint, here)

    def check_devices(self, environment: Mapping[str, Any]) -> None:
        """Raise ``ConfigError`` where the run was measured on other devices than those of an environment."""
        refuse_other_devices(self.name, self.environment, environment)

    @property
    def name(self) -> str:
        return self.path.name

    @property
    def settings(self) -> SearchSettings:
        """What the config says about the search, in terms of the task's metric once a session has begun."""
        if self._quality is None and (quality := self.quality) is not None:
            self._settings, self._quality = SearchSettings.of(self.made_with, quality), quality
        return self._settings

    @property
    def quality(self) -> Metric | None:
        """The metric of the task; None before the first session has measured the uncompressed model."""
        path = self.path / ENVIRONMENT
        if not os.path.lexists(path):
            return None
        told = Fields(path, self._fields.of(path))
        return told.quality("metric") if "metric" in told else ACCURACY

    @property
    def environment(self) -> dict[str, Any]:
        """Versions, CPU and device profile of the first session; empty before it."""
        path = self.path / ENVIRONMENT
        return dict(self._fields.of(path)) if os.path.lexists(path) else {}

    @property
    def fingerprint(self) -> Fingerprint | None:
        """What its task is told apart by; None before the first session, and where a version made it that kept none."""
        path = self.path / TASK
        return Fingerprint.read(path) if os.path.lexists(path) else None

    @property
    def baseline(self) -> Candidate:
        """The uncompressed model; after the final step with its test accuracy.

        Raises:
            ParefrontError: where the search has not come to measure it.
        """
        first, second = self.final_baseline(), self.final_baseline(twice=True)
        if first is None:
            return self.search_baseline
        return averaged({0: first}, {0: second} if second is not None else {})[0]

    @property
    def search_baseline(self) -> Candidate:
        """The uncompressed model as first measured; what budgets are relative to while searching."""
        if not self.has_baseline:
            raise ParefrontError(f"run {self.name} has measured nothing yet; start or go on with its search")
        return self._candidates.baseline()

    def final_baseline(self, twice: bool = False) -> Candidate | None:
        """What the final step has read of the uncompressed model, first or the second time; None before."""
        return self._candidates.final_baseline(twice)

    @property
    def has_baseline(self) -> bool:
        return self._candidates.has_baseline

    @property
    def trials(self) -> list[TrialRecord]:
        """All finished trials, by number."""
        return self._trials.records()

    @property
    def finished(self) -> bool:
        """Whether the final step is done, and no trial was recorded since.

        With more trials a run is unfinished again; its front stays on disk until there is a better one.
        """
        if not os.path.lexists(self.path / FRONT):
            return False
        counted = Fields.read(self.path / FRONT).fields("trials")
        return sum(counted.count(outcome) for outcome in Outcome) >= len(self._trials.files())

    @property
    def front(self) -> Front:
        """The front as measured again in the final step; before that, the one of the trials so far."""
        baseline = self.baseline
        if self.finished:
            members = {entry.count("trial") for entry in Fields.read(self.path / FRONT).each("candidates")}
            candidates = [c for c in self.finalised.values() if c.trial in members]
        else:
            candidates = [record.candidate for record in self.trials if record.candidate is not None]
            candidates = self.with_recovered(candidates)
        return self.front_of(map(self.with_origin, candidates), self.with_origin(baseline))

    def landmarks_beside(self, front: Front) -> tuple[Landmark, ...]:
        """The models that readers know, those on the front as that has them; none is what was trained of one."""
        members = {member.trial: member for member in front if member.recovered is None}
        known = [record.candidate for record in self.trials if record.candidate is not None]
        found = landmarks(front.baseline, [members.get(each.trial, each) for each in known], graph_of(self.path))
        own = (Landmark(given.name, given.candidate, given.file) for given in self.beside.all())
        return told_apart((*found, *own))

    def with_origin(self, candidate: Candidate) -> Candidate:
        """The candidate, whose exported file will tell where it comes from."""
        return replace(candidate, origin=Origin(self.path))

    def with_recovered(self, candidates: Iterable[Candidate]) -> list[Candidate]:
        """Each candidate, or in its place what was trained of it, where that is better beyond noise."""
        recovered = self.recovered.best(self.settings.quality)
        return [recovered.get(c.trial, c) if c.trial is not None else c for c in candidates]

    def front_of(self, candidates: Iterable[Candidate], baseline: Candidate) -> Front:
        """The front of candidates by the run's objectives and budgets."""
        settings, chance = self.settings, chance_in(self.environment)
        budgets, quality = settings.budgets, settings.quality
        front = Front.of(candidates, settings.objectives, baseline, budgets, self.path, quality, chance)
        runtimes = runtimes_in(self.environment)
        return replace(front, runtimes=runtimes) if runtimes else front

    @property
    def finalised(self) -> dict[int, Candidate]:
        """Candidates that were measured again, by trial, with the mean of what was read twice."""
        return averaged(self.read_again(), self.read_again(twice=True))

    def read_again(self, twice: bool = False) -> dict[int, Candidate]:
        """What the final step has read of the candidates, by trial: first, or the second time."""
        return self._candidates.final(twice)

    def replace(self, trial: int, module: ArtifactModule) -> None:
        """Let weights that you have trained take a candidate's place.

        ``module`` is written as the file that would be deployed, and checked against it. The search's command (or
        :func:`parefront.compress` with the same arguments) then scores and times it, and shows it in the front,
        better or not. ::

            module = run.front.best.module()
            train(module)
            run.replace(run.front.best.trial, module)

        Args:
            trial: number of the candidate.
            module: as ``candidate.module()`` gave it, with other values of its parameters.

        Raises:
            ConfigError: where the module is of another file, or was not changed, or there is no such candidate.
            ParefrontError: for a weight that is not finite, and where the file computes something else.
            RunBusy: where another process writes to the run.
        """
        from .replacing import replacing_file  # loads torch, which a table of results does without

        searched = next((r.candidate for r in self.trials if r.number == trial), None)
        if searched is None:
            raise ConfigError(f"replace: run {self.name} has no candidate of trial {trial}")
        (shown,) = self.with_recovered([searched])
        content = replacing_file(trial, {searched.sha256, shown.sha256}, module)
        with self.lock():
            self.recovered.give(trial, searched.policy, content)

    @property
    def counts(self) -> dict[str, int]:
        """Number of trials by outcome."""
        return {outcome.value: number for outcome, number in self._trials.counts().items()}

    @property
    def seconds(self) -> float:
        """Wall-clock time of all that is recorded, over all sessions; what a kill has undone is not counted."""
        return round(self.search_seconds + self.recovered.seconds + self._candidates.final_seconds(), 3)

    @property
    def search_seconds(self) -> float:
        """The same without recovery, the final step, and what other controllers of a shared study have evaluated."""
        probes = self.path / PROBES
        spent = [self._candidates.baseline_seconds(), self._seconds.of(probes) if os.path.lexists(probes) else 0.0]
        return math.fsum([*spent, *(record.took for record in self.trials if not record.controller)])

    def to_json(self) -> dict[str, Any]:
        """What ``parefront front --json`` prints."""
        return self._shown(self.front, date_of(self.path))

    def artifact(self, key: str) -> Path:
        """Where the artefact is of a policy's digest, or of a candidate's key."""
        return self.path / "artifacts" / f"{key}.onnx"

    def log(self, message: str) -> None:
        """Append to ``log.txt``, with the time."""
        line = f"{time.strftime('%Y-%m-%d %H:%M:%S')} {masked_text(message.rstrip())}\n"
        append_text(self.path / "log.txt", line)

    def write_record(self, record: TrialRecord) -> None:
        self._trials.add(record)

    def write_baseline(self, candidate: Candidate, seconds: float) -> None:
        self._candidates.write_baseline(candidate, seconds)

    def write_final_baseline(self, candidate: Candidate, seconds: float, twice: bool = False) -> None:
        self._candidates.write_final_baseline(candidate, seconds, twice)

    def write_finalised(self, candidate: Candidate, seconds: float, twice: bool = False) -> None:
        self._candidates.write_final(candidate, seconds, twice)

    def write_fingerprint(self, fingerprint: Fingerprint) -> None:
        """Bind the run to its task."""
        write_json(self.path / TASK, fingerprint.to_json())

    def forget_final(self, trial: int) -> None:
        """Remove what the final step has read of a candidate."""
        self._candidates.forget_final(trial)

    def write_environment(self, environment: Mapping[str, Any]) -> None:
        write_json(self.path / ENVIRONMENT, masked(dict(environment)))

    def write_front(self, front: Front) -> None:
        """Write ``front.csv``, then ``front.json``: the mark that the run is finished."""
        front.to_csv(self.path / "front.csv")
        write_json(self.path / FRONT, self._shown(front, today()))

    def write_beside(self, given: Given) -> None:
        """Keep what was measured of a network that its user has named; the front that is written names it, too."""
        self.beside.write(given)
        if self.finished:
            write_json(self.path / FRONT, self.to_json())

    def _shown(self, front: Front, date: str) -> dict[str, Any]:
        devices = devices_of(self.made_with, self.environment)
        told = run_json(self.name, date, self.counts, self.seconds, devices, self.fingerprint, front)
        recorded = self.recovered.all()
        for entry, member in zip(told["candidates"], front, strict=True):
            if (training := training_of(member, recorded)) is not None:
                entry |= {"done": training.added_to(entry["done"]), "training": training.to_json()}
        return {**told, "landmarks": [mark.to_json() for mark in self.landmarks_beside(front)]}

    def __repr__(self) -> str:
        try:
            return (
                f"<Run {self.name}: {run_line(self.counts, self.front if self.has_baseline else None, self.finished)}>"
            )
        except ParefrontError as error:
            return f"<Run {self.name}: {first_line(error)}>"

    def _repr_html_(self) -> str:
        if not self.has_baseline:
            return f"<p>{escape(repr(self))}</p>"
        devices = devices_of(self.made_with, self.environment)
        return run_page(self.name, date_of(self.path), devices, self.counts, self.front)

    def lock(self) -> AbstractContextManager[None]:
        """Be the only process that writes here, and clear away what a killed one has left half-written.

        The lock goes with the process, however it ends.

        Raises:
            RunBusy: where another process holds it.
        """
        return locked(self.path)

    def _write_config(self) -> None:
        write_text(self.path / CONFIG, config_text(masked(self.config)))
