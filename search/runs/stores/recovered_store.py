"""``recovered/``: what was trained of each member of the front, by the digests of its policy and of the recipe."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from ....evaluators.results.candidate import Candidate
from ....evaluators.results.fields import Fields
from ....evaluators.results.metric import Metric
from ....evaluators.results.recovered import RECOVERED
from ....spaces.files import write_bytes, write_json
from ....spaces.policy import Policy
from ..record import candidate_of, candidate_to_json
from .read_once import ReadOnce

BETWEEN = "between.json"
"""The seconds of recovery that belong to no round."""


@dataclass(frozen=True)
class Round:
    """One cycle of the learning rate.

    Attributes:
        steps: of the optimiser.
        rate: the greatest learning rate.
        precision: of the passes.
        threads: that it was computed on; with another number the last bits differ.
        seconds: wall-clock time of training and measuring; while it is under way, that of the sessions before.
        gain: of the task's metric on the search split, above zero is better; None while it is under way.
        taken: whether it is better beyond noise, so that its weights are kept.
        start: the name of the file of another member's weights that it began with; None where these were its own.
    """

    steps: int
    rate: float
    precision: str
    threads: int
    seconds: float = 0.0
    gain: float | None = None
    taken: bool = False
    start: str | None = None


@dataclass(frozen=True)
class Trained:
    """What is known of one member.

    Attributes:
        key: digests of policy and recipe, joined by a hyphen.
        trial: of the policy.
        rounds: in their order; the last may be under way.
        candidate: with the weights of the last round that was taken; None where none was.
        given: whether there are no rounds, since a user has trained it; it has no candidate until that is measured.
    """

    key: str
    trial: int
    rounds: tuple[Round, ...] = ()
    candidate: Candidate | None = None
    given: bool = False

    @property
    def under_way(self) -> Round | None:
        """The round that an earlier session has begun, and did not end."""
        return self.rounds[-1] if self.rounds and self.rounds[-1].gain is None else None

    @property
    def seconds(self) -> float:
        return sum(one.seconds for one in self.rounds)

    @property
    def steps(self) -> int:
        """Of all rounds that have ended."""
        return sum(one.steps for one in self.ended)

    @property
    def ended(self) -> tuple[Round, ...]:
        return tuple(one for one in self.rounds if one.gain is not None)

    @property
    def taken(self) -> list[int]:
        """The numbers of the rounds that were taken."""
        return [number for number, one in enumerate(self.ended) if one.taken]

    def beginning(self, planned: Round) -> Trained:
        return replace(self, rounds=(*self.ended, planned))

    def ending(self, done: Round, candidate: Candidate | None) -> Trained:
        return replace(self, rounds=(*self.ended, done), candidate=candidate)


class RecoveredStore:
    """The folder; each file is read once, and again where it has changed."""

    def __init__(self, run_folder: Path) -> None:
        self._run, self.folder = run_folder, run_folder / RECOVERED
        self._read = ReadOnce(self._in_file)

    def all(self) -> list[Trained]:
        """Of all recipes, by the names of the files."""
        return self._read.all_in(sorted(self.folder.glob("*-*.json")))

    def best(self, quality: Metric) -> dict[int, Candidate]:
        """What was taken of each member, by its trial: what its user gave, else the best of several recipes."""
        sign, found = 1 if quality.higher_is_better else -1, dict[int, tuple[bool, float, Candidate]]()
        for trained in self.all():
            if (one := trained.candidate) is not None:
                rank = trained.given, sign * one.metrics[quality.key].value, one
                if trained.trial not in found or rank[:2] > found[trained.trial][:2]:
                    found[trained.trial] = rank
        return {trial: candidate for trial, (_, _, candidate) in found.items()}

    @staticmethod
    def key_of(policy: Policy, recipe: str) -> str:
        """The key of what a policy's network is trained to by a recipe, or by the file that a user gave for it."""
        return f"{policy.digest}-{recipe}"

    def give(self, trial: int, policy: Policy, content: bytes) -> Trained:
        """Keep the file that a user has trained of a member, for it to be measured; it replaces an earlier one."""
        key = self.key_of(policy, hashlib.sha256(content).hexdigest()[:12])
        self.folder.mkdir(exist_ok=True)
        write_bytes(self.file_given(key), content)
        given = Trained(key, trial, given=True)
        self.write(given)
        for other in self.all():
            if other.given and other.trial == trial and other.key != key:
                self.forget(other)
        return given

    def file_given(self, key: str) -> Path:
        """Where the file is that a user gave."""
        return self.folder / f"{key}-0.onnx"

    def waiting(self) -> list[Trained]:
        """What users gave, and what is not measured yet."""
        return [trained for trained in self.all() if trained.given and trained.candidate is None]

    def forget(self, given: Trained) -> None:
        """Remove what a user gave."""
        self._file(given.key).unlink(missing_ok=True)
        for folder in (self.folder, self._run / "artifacts"):
            (folder / self.file_given(given.key).name).unlink(missing_ok=True)

    def of(self, key: str, trial: int) -> Trained:
        """What is known of a member; nothing where it was never trained."""
        file = self._file(key)
        return self._read.of(file) if os.path.lexists(file) else Trained(key, trial)

    def write(self, trained: Trained) -> None:
        self.folder.mkdir(exist_ok=True)
        write_json(self._file(trained.key), _to_json(trained, self._run))

    def weights(self, key: str, number: int) -> Path:
        """Where the weights are that a round has ended with, by its number from 0."""
        return self.folder / f"{key}-{number}.safetensors"

    def weights_of(self, trained: Trained) -> Path | None:
        """Where the weights of the last round that was taken are; None where none was."""
        return self.weights(trained.key, trained.taken[-1]) if trained.taken else None

    def forget_superseded(self) -> None:
        """Delete the weights and the artefacts of rounds after which a later one was taken."""
        for trained in self.all():
            for number in trained.taken[:-1]:
                self.weights(trained.key, number).unlink(missing_ok=True)
                (self._run / "artifacts" / f"{trained.key}-{number}.onnx").unlink(missing_ok=True)

    def checkpoint(self, key: str) -> Path:
        """Where the state of the round under way is."""
        return self.folder / f"{key}.training.safetensors"

    @property
    def seconds(self) -> float:
        """Wall-clock time of all that is recorded, rounds and what lies between them."""
        return sum(trained.seconds for trained in self.all()) + self.between

    @property
    def between(self) -> float:
        """Wall-clock seconds that belong to no round; 0 in runs of earlier versions, which kept none.

        In them it was tried how fast members train, the next round was chosen, files that users gave were measured.
        """
        file = self.folder / BETWEEN
        return Fields.read(file).number("seconds") if os.path.lexists(file) else 0.0

    def add_between(self, seconds: float) -> None:
        """Add to :attr:`between`."""
        self.folder.mkdir(exist_ok=True)
        write_json(self.folder / BETWEEN, {"seconds": round(self.between + seconds, 3)})

    @property
    def done(self) -> Mapping[str, Any] | None:
        """What was asked for when recovery was last brought to its end; None where it never was."""
        file = self.folder / "done.json"
        return Fields.read(file).values if os.path.lexists(file) else None

    def write_done(self, request: Mapping[str, Any]) -> None:
        self.folder.mkdir(exist_ok=True)
        write_json(self.folder / "done.json", dict(request))

    def _file(self, key: str) -> Path:
        return self.folder / f"{key}.json"

    def _in_file(self, path: Path) -> Trained:
        fields = Fields.read(path)
        if fields.text("key") != path.stem:
            raise fields.damaged(f"key 'key': expected the {path.stem} of the file's name, got {fields.text('key')!r}")
        held = fields.values.get("candidate")
        candidate = None if held is None else candidate_of(fields.fields("candidate"), self._run)
        rounds = tuple(_round(one) for one in fields.each("rounds"))
        given = fields.truth("given") if "given" in fields else False
        return Trained(path.stem, fields.count("trial"), rounds, candidate, given)


def _to_json(trained: Trained, folder: Path) -> dict[str, Any]:
    candidate = trained.candidate
    return {
        "key": trained.key,
        "trial": trained.trial,
        "rounds": [
            {
                "steps": one.steps,
                "rate": one.rate,
                "precision": one.precision,
                "threads": one.threads,
                "seconds": round(one.seconds, 3),
                "gain": one.gain,
                "taken": one.taken,
                **({"start": one.start} if one.start is not None else {}),
            }
            for one in trained.rounds
        ],
        "candidate": None if candidate is None else candidate_to_json(candidate, folder, trained.seconds),
        **({"given": True} if trained.given else {}),
    }


def _round(fields: Fields) -> Round:
    return Round(
        fields.count("steps"),
        fields.number("rate"),
        fields.text("precision"),
        fields.count("threads"),
        fields.number("seconds"),
        None if fields.values.get("gain") is None else fields.number("gain"),
        fields.truth("taken"),
        fields.text("start") if "start" in fields else None,
    )
