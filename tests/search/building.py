"""An evaluator that builds artefacts of a real network, and measures nothing."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import onnxruntime as ort
import torch
from torch.utils.data import TensorDataset

from parefront.compressors.target import Target
from parefront.evaluators.results.candidate import Candidate
from parefront.evaluators.results.fronts.front import Front
from parefront.evaluators.trial.builder import Builder
from parefront.spaces.policy import Policy
from parefront.spaces.task import Task
from parefront.testing.networks import CLASSES, plain, random_images

from .synthetic import SyntheticEvaluator

COMPRESS = {"prune_channels": {"ratios": [0, 0.5], "compensate": "covariance"}, "quantize": {}}


class BuildingEvaluator(SyntheticEvaluator):
    """Only :meth:`evaluate` is of that network; a note says how many threads the file is scored with."""

    def __init__(self) -> None:
        super().__init__(blocks=1)
        images = random_images(64, seed=1)
        data = TensorDataset(images, torch.arange(64) % CLASSES)
        self._builder = Builder(Task(plain()[0], data, data, data), COMPRESS, Target())

    @property
    def strongest(self) -> Policy:
        """Half of all channels, and 8 bits."""
        return self._builder.space.uniform({"prune_channels": 0.5, "quantize": 8})

    def join(self, artifacts: Path, measured: Candidate) -> None:
        """There is nothing to take over."""

    def evaluate(self, policy: Policy, artifact: Path, rivals: Front | None = None) -> Candidate:
        built = self._builder.build(policy, artifact)
        assert isinstance(built.session, ort.InferenceSession)
        threads = built.session.get_session_options().intra_op_num_threads
        return replace(built.candidate, notes=(f"{threads} threads",))

    def close(self) -> None:
        """There is nothing to close."""
