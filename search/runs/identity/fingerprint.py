"""Which task a run is of: digests of model, splits and metric, and what two tasks differ in."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ....evaluators.results.digest import SplitDigest
from ....evaluators.results.fields import Fields

SPLITS = ("calibration", "search", "test")
DIRECTION = "higher is better"
"""The key of the metric's direction; ``None`` where neither the metric nor the task says it."""
TOLERANCE = 1e-3
"""By how much they may differ, as a share of the greatest: arithmetic differs between versions of PyTorch and CPUs."""


@dataclass(frozen=True)
class Fingerprint:
    """What a task is told apart by.

    Attributes:
        weights: SHA-256 of all parameters and buffers, by name.
        architecture: SHA-256 of the tree of modules: names, classes, settings as they print them.
        outputs: some of the model's outputs on an input that is always the same; they tell networks apart whose code
            differs and whose modules do not. Empty where the model has none for that input.
        splits: digests by name. Of a split that reads differently each time only the length is known, and the SHA-256
            is empty.
        metric: the metric's name, direction and settings, as text.
    """

    weights: str
    architecture: str
    outputs: tuple[float, ...]
    splits: Mapping[str, SplitDigest]
    metric: Mapping[str, str]

    @classmethod
    def read(cls, file: Path) -> Fingerprint:
        """As :meth:`to_json` gave it, in a file.

        Raises:
            UnreadableFile: naming the file and the key.
        """
        return cls.of(Fields.read(file))

    @classmethod
    def of(cls, fields: Fields) -> Fingerprint:
        """As :meth:`to_json` gave it; raises as :meth:`read`."""
        splits, metric, outputs = fields.fields("splits"), fields.fields("metric"), fields.fields("outputs")
        held = {name: splits.fields(name) for name in SPLITS}
        return cls(
            fields.text("weights"),
            fields.text("architecture"),
            tuple(outputs.number(key) for key in outputs.values),
            {n: SplitDigest(f.text("sha256"), f.count("samples"), f.count("of")) for n, f in held.items()},
            {key: metric.text(key) for key in metric.values},
        )

    def to_json(self) -> dict[str, Any]:
        return {
            "weights": self.weights,
            "architecture": self.architecture,
            "outputs": {str(index): value for index, value in enumerate(self.outputs)},
            "splits": {n: {"sha256": d.sha256, "samples": d.samples, "of": d.of} for n, d in self.splits.items()},
            "metric": dict(self.metric),
        }

    def differences(self, here: Fingerprint, splits: tuple[str, ...] = SPLITS, metric: bool = True) -> list[str]:
        """What the task ``here`` has another one of, in words; of the splits, those named alone."""
        found = []
        if self.architecture != here.architecture:
            found.append("another architecture")
        if self.weights != here.weights:
            found.append(f"other weights (SHA-256 {self.weights[:12]}… there, {here.weights[:12]}… here)")
        elif self.architecture == here.architecture and not _alike(self.outputs, here.outputs):
            found.append("other outputs of the model for one and the same input")
        changed = [name for name in splits if self._differ(here, name)]
        found += [_other_split(name, self.splits[name], here.splits[name]) for name in changed]
        settings = {**self.metric, **here.metric} if metric else {}
        pairs = {key: (self.metric.get(key, "none"), here.metric.get(key, "none")) for key in settings}
        if "None" in pairs.get(DIRECTION, ()):  # one of the two does not say it, as the files of some runs do not
            del pairs[DIRECTION]
        other = [f"{key} {mine} there, {its} here" for key, (mine, its) in pairs.items() if mine != its]
        return [*found, f"another metric ({', '.join(other)})"] if other else found

    def _differ(self, other: Fingerprint, name: str) -> bool:
        mine, its = self.splits[name], other.splits[name]
        if not (mine.sha256 and its.sha256):
            return mine.of != its.of or bool(mine.sha256) != bool(its.sha256)
        return mine != its


def _alike(there: tuple[float, ...], here: tuple[float, ...]) -> bool:
    scale = max(map(abs, (*there, *here)), default=0.0)
    return len(there) == len(here) and all(
        math.isclose(a, b, rel_tol=0, abs_tol=TOLERANCE * scale) for a, b in zip(there, here, strict=True)
    )


def _other_split(name: str, there: SplitDigest, here: SplitDigest) -> str:
    if there.of != here.of:
        return f"another {name} split ({there.of} samples there, {here.of} here)"
    if not (there.sha256 and here.sha256):
        return f"another {name} split (it reads differently each time {'here' if there.sha256 else 'there'})"
    looked = f", told by {here.samples} of {here.of} samples" if here.is_sampled else ""
    return f"another {name} split (SHA-256 {there.sha256[:12]}… there, {here.sha256[:12]}… here{looked})"
