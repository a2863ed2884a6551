"""A run: the folder under ``runs/`` that holds a search, open for searching, going on, selecting, reporting."""

from __future__ import annotations

import difflib
import math
import os
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import yaml

from ..spaces import ConfigError, ParefrontError, masked, masked_text
from .atomic import write_json, write_text
from .candidate import Candidate
from .errors import RunBusy, RunNotFound
from .front import Front
from .probe_store import PROBES
from .record import Outcome, TrialRecord, candidate_from_json, candidate_to_json, read_json
from .settings import SearchSettings
from .twice import averaged

MAY_CHANGE = ("search.trials", "search.keep_artifacts")
"""Keys of a config that may differ when a run is gone on with; all others would make it another search."""


class Run:
    """A folder with ``config.yaml``, ``environment.json``, ``baseline.json``, ``trials/NNNNNN.json``, ``artifacts/``,
    ``final/NNNNNN.json`` (the front's members, measured again), ``front.json`` and ``front.csv`` once it is done, and
    ``log.txt``. What is read is what is on disk at that moment, so another process may be writing.

    Attributes:
        path: the folder, absolute.
        config: the resolved config; its secrets are masked where it was read from disk.
        settings: what the config says about the search.
    """

    def __init__(self, path: Path, config: Mapping[str, Any]) -> None:
        self.path = path
        self.config = config
        self.settings = SearchSettings.from_config(config)

    @classmethod
    def create(cls, name: str | Path, config: Mapping[str, Any], root: str | Path = "runs") -> Run:
        """Make the folder and write the config; ``name`` as in :meth:`open`.

        Raises:
            ConfigError: where there is a run of that name, or a folder with something else in it.
        """
        path = locate(name, root)
        run = cls(path, _plain(config))
        if (path / "config.yaml").exists():
            raise ConfigError(f"there is a run {path} already; go on with it, or choose another name")
        if path.exists() and (not path.is_dir() or any(path.iterdir())):
            raise ConfigError(f"{path} is in the way: expected nothing or an empty folder there")
        for folder in ("trials", "artifacts", "final"):
            (path / folder).mkdir(parents=True, exist_ok=True)
        run._write_config()
        return run

    @classmethod
    def open(cls, name: str | Path, root: str | Path = "runs") -> Run:
        """A run by its path, or by its name under ``root``.

        Raises:
            RunNotFound: naming the runs that there are.
        """
        path = locate(name, root)
        if not (path / "config.yaml").is_file():
            raise _not_found(name, path, Path(root))
        try:
            config = yaml.safe_load((path / "config.yaml").read_text())
        except yaml.YAMLError as error:
            raise ConfigError(f"{path / 'config.yaml'} is not YAML: {error}") from error
        if not isinstance(config, dict):
            raise ConfigError(f"{path / 'config.yaml'}: expected a mapping, got {type(config).__name__}")
        return cls(path, config)

    @classmethod
    def resume_or_create(cls, name: str | Path, config: Mapping[str, Any], root: str | Path = "runs") -> Run:
        """Open the run of that name where there is one, else create it. A changed number of trials is taken over.

        Passwords and tokens are written masked, and any equals any other: those that are used come from ``config``.

        Raises:
            ConfigError: where the run was made with another config, naming the first key that differs.
        """
        path = locate(name, root)
        if not (path / "config.yaml").is_file():
            _clear_unfinished(path)
            return cls.create(name, config, root)
        run, wanted = cls.open(name, root), cls(path, _plain(config))
        before, after = _flat(masked(run.config)), _flat(masked(wanted.config))
        devices = [list(config.get("devices") or {}) for config in (run.config, wanted.config)]
        before["order of devices"], after["order of devices"] = map(", ".join, devices)
        for key in sorted(before.keys() | after.keys()):
            there, here = before.get(key), after.get(key)
            absent = not key.startswith("compress.") and {} in (there, here) and None in (there, here)
            if there != here and not absent and key not in MAY_CHANGE:
                raise ConfigError(
                    f"run {run.name} was made with another config ({key}: {there!r} there, {here!r} here); "
                    "choose another name for the run"
                )
        if before != after or masked(run.config) != run.config:
            with wanted.lock():
                wanted._write_config()
        return wanted

    @property
    def name(self) -> str:
        return self.path.name

    @property
    def environment(self) -> dict[str, Any]:
        """Versions, CPU and device profile of the first session; empty before it."""
        path = self.path / "environment.json"
        return read_json(path) if path.is_file() else {}

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
        return candidate_from_json(read_json(self.path / "baseline.json"), self.path)

    def final_baseline(self, twice: bool = False) -> Candidate | None:
        """What the final step has read of the uncompressed model, first or the second time; None before."""
        file = self._final_file("baseline", twice)
        return candidate_from_json(read_json(file), self.path) if file.is_file() else None

    @property
    def has_baseline(self) -> bool:
        return (self.path / "baseline.json").is_file()

    @property
    def trials(self) -> list[TrialRecord]:
        """All finished trials, by number."""
        return [TrialRecord.from_json(read_json(p), self.path) for p in sorted(self.path.glob("trials/[0-9]*.json"))]

    @property
    def finished(self) -> bool:
        """Whether the final step is done. Asking for more trials makes a run unfinished again."""
        return (self.path / "front.json").is_file()

    @property
    def front(self) -> Front:
        """The front as measured again in the final step; before that, the one of the trials so far."""
        baseline, settings = self.baseline, self.settings
        if self.finished:
            members = {entry["trial"] for entry in read_json(self.path / "front.json")["candidates"]}
            candidates = [c for c in self.finalised.values() if c.trial in members]
        else:
            candidates = [record.candidate for record in self.trials if record.candidate is not None]
        return Front.of(candidates, settings.objectives, baseline, settings.budgets, self.path)

    @property
    def finalised(self) -> dict[int, Candidate]:
        """Candidates that were measured again, by trial, with the mean of what was read twice."""
        return averaged(self.read_again(), self.read_again(twice=True))

    def read_again(self, twice: bool = False) -> dict[int, Candidate]:
        """What the final step has read of the candidates, by trial: first, or the second time."""
        files = sorted((self.path / "final").glob(self._final_file("[0-9]*", twice).name))
        found = [candidate_from_json(read_json(file), self.path) for file in files]
        return {candidate.trial: candidate for candidate in found if candidate.trial is not None}

    @property
    def counts(self) -> dict[str, int]:
        """Number of trials by outcome."""
        outcomes = [record.outcome for record in self.trials]
        return {outcome.value: outcomes.count(outcome) for outcome in Outcome}

    @property
    def seconds(self) -> float:
        """Wall-clock time of all that is recorded, over all sessions; what a kill has undone is not counted."""
        paths = [
            self.path / "baseline.json",
            self.path / PROBES,
            *self.path.glob("trials/[0-9]*.json"),
            *self.path.glob("final/*.json"),
        ]
        return round(math.fsum(read_json(path)["seconds"] for path in paths if path.is_file()), 3)

    def to_json(self) -> dict[str, Any]:
        """What ``parefront front --json`` prints."""
        return {"run": self.name, "trials": self.counts, "seconds": self.seconds, **self.front.to_json()}

    def artifact(self, digest: str) -> Path:
        return self.path / "artifacts" / f"{digest}.onnx"

    def log(self, message: str) -> None:
        """Append to ``log.txt``, with the time."""
        with (self.path / "log.txt").open("a") as stream:
            stream.write(f"{time.strftime('%Y-%m-%d %H:%M:%S')} {masked_text(message.rstrip())}\n")

    def write_record(self, record: TrialRecord) -> None:
        write_json(self.path / "trials" / f"{record.number:06d}.json", record.to_json(self.path))

    def write_baseline(self, candidate: Candidate, seconds: float) -> None:
        write_json(self.path / "baseline.json", candidate_to_json(candidate, self.path, seconds))

    def write_final_baseline(self, candidate: Candidate, seconds: float, twice: bool = False) -> None:
        write_json(self._final_file("baseline", twice), candidate_to_json(candidate, self.path, seconds))

    def write_finalised(self, candidate: Candidate, seconds: float, twice: bool = False) -> None:
        file = self._final_file(f"{candidate.trial:06d}", twice)
        write_json(file, candidate_to_json(candidate, self.path, seconds))

    def write_environment(self, environment: Mapping[str, Any]) -> None:
        write_json(self.path / "environment.json", dict(environment))

    def write_front(self, front: Front) -> None:
        """Write ``front.csv``, then ``front.json``: the mark that the run is finished."""
        front.to_csv(self.path / "front.csv")
        head = {"run": self.name, "trials": self.counts, "seconds": self.seconds}
        write_json(self.path / "front.json", {**head, **front.to_json()})

    def reopen(self) -> None:
        """Take the mark of a finished run away, for more trials."""
        (self.path / "front.json").unlink(missing_ok=True)

    @contextmanager
    def lock(self) -> Iterator[None]:
        """Be the only process that writes here, and clear away what a killed one has left half-written.

        The lock goes with the process, however it ends.

        Raises:
            RunBusy: where another process holds it.
        """
        import fcntl

        descriptor = os.open(self.path / ".lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC)
        try:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                owner = os.pread(descriptor, 32, 0).decode(errors="replace").strip()
                raise RunBusy(f"run {self.name} is being searched by process {owner}; wait for it, or end it") from None
            os.truncate(descriptor, 0)
            os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
            for unfinished in self.path.rglob(".*.tmp"):
                unfinished.unlink(missing_ok=True)
            yield
        finally:
            os.close(descriptor)

    def _final_file(self, name: str, twice: bool) -> Path:
        return self.path / "final" / f"{'again-' if twice else ''}{name}.json"

    def _write_config(self) -> None:
        write_text(self.path / "config.yaml", _dump(masked(self.config)))


def locate(name: str | Path, root: str | Path = "runs") -> Path:
    """The folder that a name or a path of a run means: a path where it has more than one part or is a run's folder."""
    path = Path(name)
    is_path = len(path.parts) != 1 or path.is_absolute() or (path / "config.yaml").is_file()
    return (path if is_path else Path(root) / path).resolve()


def _not_found(name: str | Path, path: Path, root: Path) -> RunNotFound:
    known = sorted((p.parent for p in root.glob("*/config.yaml")), key=lambda p: p.stat().st_mtime, reverse=True)
    names = [folder.name for folder in known]
    near = difflib.get_close_matches(Path(name).name, names, n=3, cutoff=0.4)
    if near:
        hint = f"did you mean {' or '.join(repr(n) for n in near)}?"
    else:
        hint = f"there are: {', '.join(names[:5])}" if names else f"there are none under {root}"
    return RunNotFound(f"no run {str(name)!r} (looked for {path / 'config.yaml'}); {hint}")


def _clear_unfinished(path: Path) -> None:
    """Remove the empty folders of a run that was killed while it was being created."""
    for folder in (path / "trials", path / "artifacts", path / "final"):
        if folder.is_dir() and not any(folder.iterdir()):
            folder.rmdir()
    for leftover in path.glob(".config.yaml.*.tmp") if path.is_dir() else ():
        leftover.unlink()


def _plain(config: Mapping[str, Any]) -> dict[str, Any]:
    """The config as it will be read from the YAML that is written."""
    plain: dict[str, Any] = yaml.safe_load(_dump(config))
    return plain


def _dump(config: Mapping[str, Any]) -> str:
    return yaml.safe_dump(dict(config), sort_keys=False, allow_unicode=True)


def _flat(config: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """``{"search.trials": 150, …}``; keys whose value is null count as absent."""
    flat: dict[str, Any] = {}
    for key, value in config.items():
        if isinstance(value, Mapping):
            flat |= _flat(value, f"{prefix}{key}.") or {f"{prefix}{key}": {}}
        elif value is not None:
            flat[f"{prefix}{key}"] = value
    return flat
