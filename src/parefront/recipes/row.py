"""What a stage has left, measured beside the original network: a row of the table, and a file in the stage's folder."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..config.models import Config
from ..evaluators.device.device import Device
from ..evaluators.device.latency import measure
from ..evaluators.quality.accuracy import open_session
from ..evaluators.results.candidate import Candidate
from ..evaluators.results.fields import Fields
from ..evaluators.results.measurement import Measurement
from ..evaluators.results.views.policy_words import candidate_in_words
from ..evaluators.trial.scores.scorer import Scorer
from ..evaluators.trial.timing.timer import longer
from ..spaces.files import write_json
from ..spaces.task import Task

STAGE = "stage.json"
"""In the folder of a stage's run."""
COUNTED = ("size_bytes", "macs", "params")
"""What is known of a candidate exactly, whatever it was measured beside."""


@dataclass(frozen=True)
class Row:
    """A stage's network.

    Attributes:
        stage: its name; of the original network ``original``.
        metrics: by key: the task's metric on the search split and its change, paired sample by sample with the
            original network; ``latency_ms``, and ``latency_ratio`` to the original's, interleaved with it;
            ``size_bytes``, ``macs``, ``params``.
        done: what the stage did, in words.
        seconds: of all of the stage's sessions.
        artifact: the ONNX file.
        sha256: of its bytes.
    """

    stage: str
    metrics: Mapping[str, Measurement]
    done: str
    seconds: float
    artifact: Path
    sha256: str

    @classmethod
    def of_original(cls, baseline: Candidate) -> Row:
        """The row of the network that the first stage starts from, as that stage has measured it."""
        assert baseline.artifact is not None
        return cls("original", baseline.metrics, "", 0.0, baseline.artifact, baseline.sha256)

    @classmethod
    def read(cls, folder: Path, artifact: Path) -> Row | None:
        """What :meth:`write` has left in a stage's folder; None where it has left nothing."""
        if not os.path.lexists(folder / STAGE):
            return None
        fields = Fields.read(folder / STAGE)
        held = fields.fields("metrics")
        metrics = {name: held.measurement(name) for name in held.values}
        texts = fields.text("stage"), fields.text("done"), fields.text("sha256")
        return cls(texts[0], metrics, texts[1], fields.number("seconds"), artifact, texts[2])

    def write(self, folder: Path) -> None:
        """Keep it in the stage's folder."""
        write_json(folder / STAGE, self._values())

    def to_json(self) -> dict[str, Any]:
        """As ``parefront follow --json`` prints it."""
        return {**self._values(), "artifact": str(self.artifact)}

    def _values(self) -> dict[str, Any]:
        metrics = {name: measured.to_json() for name, measured in self.metrics.items()}
        return {
            "stage": self.stage, "done": self.done, "seconds": round(self.seconds, 3), "sha256": self.sha256,
            "metrics": metrics,
        }  # fmt: skip


class Meter:
    """Measures what stages leave beside the original network.

    Args:
        task: the original.
        config: whose samples are scored, and on whose first device is timed.
        original: its ONNX file.
    """

    def __init__(self, task: Task, config: Config, original: Path) -> None:
        self._task, self._config, self._original = task, config, original
        self._scorer: Scorer | None = None

    def row(self, stage: str, candidate: Candidate, seconds: float) -> Row:
        """The row of a candidate that a stage has left."""
        assert candidate.artifact is not None
        counted = {key: candidate.metrics[key] for key in COUNTED if key in candidate.metrics}
        tested = {key: value for key, value in candidate.metrics.items() if key == self._tested}
        metrics = {**self._scored(candidate.artifact), **tested, **self._timed(candidate.artifact), **counted}
        done = candidate_in_words(candidate)
        return Row(stage, metrics, done, seconds, candidate.artifact, candidate.sha256)

    @property
    def _tested(self) -> str:
        return f"test_{self._scoring.quality.metric.key}"

    @property
    def _scoring(self) -> Scorer:
        """Made when it is first asked for, since a recipe that is done needs none."""
        if self._scorer is None:
            keys = self._config.search
            self._scorer = Scorer(self._task, keys.images, keys.seed)
            self._scorer.reference(open_session(self._original))
        return self._scorer

    def _scored(self, file: Path) -> dict[str, Measurement]:
        return self._scoring.score(open_session(file))

    def _timed(self, file: Path) -> dict[str, Measurement]:
        options = next(iter(self._config.places().values()))
        with Device(options) as device:
            timed = measure(device, file, self._original, longer(self._config.latency.protocol()), None)
        return {"latency_ms": timed.latency_ms, "latency_ratio": timed.ratio}
