"""A small search whose front gains by training, what the command does to it, and a session of it that is killed."""

from __future__ import annotations

import functools
import os
import signal
from pathlib import Path
from typing import Any

import onnxruntime as ort
import torch
from torch.utils.data import TensorDataset

from parefront.evaluators.device.device_options import DeviceOptions
from parefront.evaluators.device.latency import LatencyProtocol
from parefront.evaluators.trial.evaluate import TaskEvaluator
from parefront.evaluators.trial.training.trainer import Trainer
from parefront.search.controller import search
from parefront.search.recovery import recover as module
from parefront.search.runs.events import Event, Recovering
from parefront.search.runs.run import Run
from parefront.spaces.task import Task
from parefront.testing.networks import random_images, residual

from ...forked import forked

QUICK = LatencyProtocol(min_samples=8, min_seconds=0.01, max_seconds=0.03, warmup_seconds=0.005)
METHODS: dict[str, dict[str, Any]] = {
    "prune_channels": {"round_to": 4, "ratios": [0, 0.25, 0.5], "compensate": "none"},
    "quantize": {},
}
STEPS = 25


@functools.cache
def task() -> Task:
    """What the network itself says of images is right, so that it is always right and its pruned forms are not."""
    net, _ = residual()

    def split(count: int, seed: int) -> TensorDataset:
        images = random_images(count, seed)
        with torch.no_grad():
            return TensorDataset(images, net(images).argmax(1))

    return Task(net, split(64, 1), split(300, 2), split(300, 3), split(512, 4))


@functools.cache
def made() -> TaskEvaluator:
    """One evaluator for all sessions of this process, which keeps nothing of one for the next."""
    return TaskEvaluator(task(), METHODS, DeviceOptions(), latency=QUICK)


def session(path: Path, recover: dict[str, Any], events: list[Event] | None = None, trials: int = 6) -> Run:
    """What the command does."""
    config = {"objectives": ["accuracy", "size"], "search": {"sampler": "random", "trials": trials, "seed": 1}}
    run = Run.resume_or_create(path, config | {"recover": recover})
    search(
        run, made(), events.append if events is not None else None, raise_errors=True,
        trainer=Trainer(made().builder, run.recover.recipe(few=False), task().train),
    )  # fmt: skip
    return Run.open(path)


ASKED = {
    "when": "front", "steps": STEPS, "threads": 1, "precision": "float32", "batch": 32, "rate": 0.1,
    "losses": {"mse": 1.0, "features": 0.3}, "ema": 0.8, "repair": "batch_norm",
}  # fmt: skip


def scored(artifact: Path) -> float:
    """Top-1 accuracy on the search split, by plain ONNX Runtime."""
    images, labels = task().search.tensors  # type: ignore[attr-defined]
    outputs = ort.InferenceSession(str(artifact)).run(None, {"input": images.numpy()})[0]
    return float((outputs.argmax(1) == labels.numpy()).mean())


def killed(path: Path, after: int, **asked: Any) -> None:
    """A session that is killed in a step of training, a state having been kept after every third one."""
    count = 0

    def counting(event: Event) -> None:
        nonlocal count
        count += isinstance(event, Recovering)
        if count == after:
            os.kill(os.getpid(), signal.SIGKILL)

    module.TOLD_SECONDS = module.CHECKPOINT_SECONDS = module.LOOK_SECONDS = 0.0
    events: Any = type("Events", (list,), {"append": staticmethod(counting)})()
    torch.set_num_threads(1)
    session(path, ASKED | asked, events)


def run_and_kill(path: Path, after: int, **asked: Any) -> int:
    """:func:`killed`, in a process of its own; returns its exit code."""
    return forked(functools.partial(killed, path, after, **asked))
