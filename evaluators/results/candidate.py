"""A candidate: a policy, its artefact and what was measured of it."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from ...spaces.errors import ConfigError, ParefrontError
from ...spaces.files import read_bytes, write_bytes, write_text
from ...spaces.limits import CONFIG_BYTES
from ...spaces.policy import Policy
from ..storage.packed_file import encode
from ..storage.provenance import Provenance
from .classes.amplification import Amplification
from .classes.class_counts import ClassCount
from .classes.confidence import Confidence
from .classes.flips import Flips
from .destination import destination
from .measurement import Measurement
from .profile import Profile
from .reciprocals import with_reciprocals
from .recovered import RECOVERED, Recovered
from .span import Span

if TYPE_CHECKING:
    from ..restore.module import ArtifactModule

FINAL_SECONDS = "final_latency"
"""Key in ``Candidate.timings``: the seconds that the final step has timed it for."""
STOPPED = "stopped early"
"""How the note of a candidate begins whose measuring was stopped, since one of the front dominates it."""


@dataclass(frozen=True)
class Stopped:
    """Why measuring a candidate was stopped: a member of the front dominates it, all but surely.

    Attributes:
        dominated_by: number of that member's trial.
        images: of the search split that it was scored on by then; None where its score was known.
    """

    dominated_by: int
    images: int | None = None


@dataclass(frozen=True)
class Candidate:
    """A policy with its artefact and measurements.

    Attributes:
        policy: what was done to the network.
        metrics: by key: ``accuracy``, ``accuracy_change`` (paired, against the uncompressed model on the same images),
            or the task's own metric by its name; ``latency_ms``, ``latency_ratio``, ``size_bytes``, ``macs``,
            ``params``, ``memory_bytes``; ``p50_ms``, ``p95_ms``, ``p99_ms`` of single runs; ``clock_mhz``, from the
            lower to the higher of the processor's clock as a reading began and ended, where it is known; after the
            final step ``test_accuracy`` and ``test_accuracy_change``, or the task's own with ``test_`` before its
            name, beside them.
        artifact: the ONNX file.
        sha256: of the artefact's bytes.
        timings: seconds by step (``apply``, ``emit``, ``session``, ``accuracy``, ``latency``, …, ``total``).
        notes: what a reader of the number should know, e.g. ``"emitted by full export"``, ``"stopped early: …"``.
        trial: number of the trial that measured it; set by the controller, ``None`` for the uncompressed model.
        stopped: why it was not measured in full; None where it was.
        spans: when its steps were computed, and when devices were read for it; kept of searches in which several
            processes do so, to show that nothing was computed while a latency was read.
        units: which of several like devices have read it, as messages call them; empty where there is one of each.
        recovered: how it was trained; None of a candidate that its policy alone makes.
        classes: after the final step, what it changed in each class of the test split; empty where the task's metric
            is not about classes.
        subgroups: likewise in each subgroup that the task tells of.
        amplification: after the final step, how far its answers and the uncompressed model's lean towards the subgroups
            in which each class is frequent; None where the task tells of none.
        confidence: after the final step, how sure of itself it is on the test split, and the uncompressed model; None
            where the task's metric is not about classes.
        flips: likewise which samples it answers otherwise.
        profile: after the final step, what each layer takes on the first device, and took before; None where that does
            not tell.
        origin: tells where it comes from, for its exported file; None of a candidate that no run has told of.
    """

    policy: Policy
    metrics: Mapping[str, Measurement]
    artifact: Path | None = None
    sha256: str = ""
    timings: Mapping[str, float] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    trial: int | None = None
    stopped: Stopped | None = None
    spans: tuple[Span, ...] = ()
    units: tuple[str, ...] = ()
    recovered: Recovered | None = None
    classes: tuple[ClassCount, ...] = ()
    subgroups: tuple[ClassCount, ...] = ()
    confidence: Confidence | None = None
    amplification: Amplification | None = None
    flips: Flips | None = None
    profile: Profile | None = None
    origin: Callable[[Candidate], Provenance] | None = field(default=None, compare=False, repr=False)

    @property
    def key(self) -> str:
        """What its artefact is called: its policy's digest; where it was trained with the recipe's and a number."""
        digest, how = self.policy.digest, self.recovered
        return digest if how is None else f"{digest}-{how.recipe}-{how.number}"

    @property
    def weights(self) -> Path | None:
        """The file of the weights that it was trained to, in the folder of its run; None where it was not trained.

        In the safetensors format, or as the ONNX file that its user wrote.
        """
        if self.recovered is None or self.artifact is None:
            return None
        suffix = ".onnx" if self.recovered.given else ".safetensors"
        return self.artifact.parent.parent / RECOVERED / f"{self.key}{suffix}"

    @property
    def stopped_early(self) -> bool:
        """Whether it was measured only until it was clear that another one dominates it."""
        return self.stopped is not None or any(note.startswith(STOPPED) for note in self.notes)

    @property
    def label(self) -> str:
        """How messages name it: ``trial 17``, or ``the uncompressed model``."""
        return "the uncompressed model" if self.trial is None else f"trial {self.trial}"

    @property
    def accuracy(self) -> float:
        """Top-1 accuracy on the search split, a fraction; the interval is in ``metrics``."""
        return self._value("accuracy")

    if not TYPE_CHECKING:  # names that only the task knows would hide misspelt ones from type checkers

        def __getattr__(self, name: str) -> float:
            """The value of a metric by its key: ``candidate.latency_ratio``, ``candidate.psnr``."""
            if name.startswith("_"):
                raise AttributeError(name)
            return self._value(name)

    def _value(self, key: str) -> float:
        metrics = vars(self).get("metrics")
        if metrics is None:  # while it is being copied
            raise AttributeError(key)
        known = metrics if key in metrics else with_reciprocals(metrics)
        if key not in known:
            raise AttributeError(f"{self.label} has no {key!r}; measured: {', '.join(known)}")
        return float(known[key].value)

    def export(self, path: str | Path) -> Path:
        """Copy the artefact to ``path`` and write the policy beside it, as ``path`` with the suffix ``.yaml``.

        Behind the bytes that were measured the file says where it comes from: ``parefront show`` prints it.

        Args:
            path: ends in ``.onnx``, in nothing, or in ``.pfz``: then the model is packed, as by ``parefront pack``.

        Returns:
            The path of the model.

        Raises:
            ParefrontError: where the artefact was not kept, or is not the file that was measured.
            ConfigError: where ``path`` is a folder, or has another suffix, and where the file beside it is no policy.
        """
        return self.export_as(path, lambda content: content)

    def export_as(self, path: str | Path, changed: Callable[[bytes], bytes], changes: str = "") -> Path:
        """As :meth:`export`, with another form of the file.

        Args:
            path: as there.
            changed: makes what is written of the bytes that were measured.
            changes: what that does, in words, for the provenance.
        """
        target = destination(path, "export", ".onnx", ".pfz")
        content = self._with_origin(changed(self.content()), changes)
        packed = target.suffix.lower() == ".pfz"
        return self.export_files(target, {target.suffix: encode(content) if packed else content})

    def export_files(self, target: Path, contents: Mapping[str, bytes], told: str = "") -> Path:
        """Write files for ``target``, and the policy beside them; nothing is written where that cannot be.

        Args:
            target: the path of the model.
            contents: of files of its name, by suffix.
            told: what stands above the policy, as a comment.

        Raises:
            ConfigError: where the file beside it is no policy.
        """
        beside = target.with_suffix(".yaml")
        if beside.exists() and not _is_policy(beside):
            raise ConfigError(
                f"export: the policy goes to {beside}, which is another file already; export under another name"
            )
        target.parent.mkdir(parents=True, exist_ok=True)
        for suffix, content in contents.items():
            write_bytes(target.with_suffix(suffix), content)
        comment = f"# {' '.join(told.split())}\n" if told else ""
        write_text(beside, f"{comment}{self._how_trained}{self.policy.to_yaml()}")
        return target

    def _with_origin(self, content: bytes, changes: str) -> bytes:
        if self.origin is None:
            return content
        told = self.origin(self)
        measured = {} if not changes else {"measured": self.sha256, "changes": changes}
        return replace(told, facts={**told.facts, **measured}).added_to(content)

    @property
    def _how_trained(self) -> str:
        """A comment above the policy, which alone makes the untrained file."""
        how = self.recovered
        if how is None:
            return ""
        trained = "trained by its user" if how.given else f"trained for {how.steps} step{'s' if how.steps != 1 else ''}"
        return f"# {trained} after what stands here was done\n"

    def module(self) -> ArtifactModule:
        """The artefact as a PyTorch module that computes the same, to be run, trained and written back.

        See :func:`parefront.load` for how near it is, and :class:`ArtifactModule` for what of it is trained.

        Raises:
            ParefrontError: as :meth:`export`, and for an operator that has no counterpart in torch here.
        """
        from ..restore.load import module_of  # loads torch, which a table of results does without

        return module_of(self.content(), str(self.artifact))

    def content(self) -> bytes:
        """The artefact's bytes.

        Raises:
            ParefrontError: as :meth:`export`.
        """
        if self.artifact is None or not os.path.lexists(self.artifact):
            raise ParefrontError(
                f"{self.label} has no artefact on disk ({self.artifact}): the front's are kept, others while they "
                "fit in 1 GB; search with keep_artifacts: all to keep every one"
            )
        content = read_bytes(self.artifact)
        if hashlib.sha256(content).hexdigest() != self.sha256:
            raise ParefrontError(
                f"{self.artifact} has changed since it was measured (its SHA-256 is not {self.sha256[:12]}…); "
                "measure it anew in another run"
            )
        return content


def _is_policy(path: Path) -> bool:
    """Whether a file is a policy, which may be written over."""
    try:
        Policy.from_yaml(read_bytes(path, CONFIG_BYTES).decode())
    except (ConfigError, UnicodeDecodeError):
        return False
    return True
