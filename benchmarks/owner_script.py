"""What a competent user's own search does for one candidate, timed beside ours on the same policies.

Their candidate: a copy of the model, torch-pruning's dependency graph and pruner at the policy's ratios, batch-norm
recalibration, ``torch.onnx.export`` (as it comes, and the older, quicker TorchScript one), ``quantize_static``,
and the same accuracy and latency evaluation as ours.
"""

from __future__ import annotations

import copy
import logging
import tempfile
import time
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch_pruning as tp
from plain_int8 import plain_int8
from shares import shares
from torch import nn

from parefront.evaluators.device.device_options import DeviceOptions
from parefront.evaluators.quality.accuracy import open_session, split_inputs
from parefront.evaluators.quality.scoring.registry import quality_of
from parefront.evaluators.trial.evaluate import TaskEvaluator
from parefront.evaluators.trial.scores.split import Split
from parefront.spaces.policy import Policy
from parefront.spaces.task import Task

EXPORTERS = {"torch.onnx.export": True, "the TorchScript exporter": False}
"""Whether each is dynamo's."""


def time_against(task: Task, compress: Mapping[str, Mapping[str, Any]], candidates: int) -> dict[str, Any]:
    """Seconds a candidate of both, taken in turns on the same random pruning ratios with everything in int8."""
    evaluator = TaskEvaluator(task, compress, DeviceOptions())
    generator = np.random.default_rng(0)
    theirs: dict[str, list[float]] = {name: [] for name in EXPORTERS}
    ours, made = [], []
    with tempfile.TemporaryDirectory() as folder:
        baseline = evaluator.baseline(Path(folder))
        assert baseline.artifact is not None
        search = Split.of("", task.search, quality_of(task))
        images, _ = split_inputs(task.calibration, 256)  # type: ignore[arg-type]
        for index in range(candidates):
            policy = _policy(evaluator, generator)
            started = time.perf_counter()
            made.append(evaluator.evaluate(policy, Path(folder) / f"ours-{index}.onnx"))
            ours.append(time.perf_counter() - started)
            for exporter, dynamo in EXPORTERS.items():
                started = time.perf_counter()
                path = Path(folder) / f"theirs-{index}-{int(dynamo)}.onnx"
                _their_candidate(task.model, policy, images, path, dynamo)
                search.score(open_session(path))
                list(iter(evaluator.clock.looks(policy, path).full, None))
                theirs[exporter].append(time.perf_counter() - started)
    evaluator.close()
    ratios = {name: float(np.median(np.divide(seconds, ours))) for name, seconds in theirs.items()}
    return {"ours": ours, "theirs": theirs, "ratios": ratios, "shares": shares(made)}


def _policy(evaluator: TaskEvaluator, generator: np.random.Generator) -> Policy:
    """Random widths, no block dropped (their script cannot), all in int8."""
    choices = {
        knob.name: 8 if knob.compressor == "quantize" else knob.choices[int(generator.integers(len(knob.choices)))]
        for knob in evaluator.space
        if knob.compressor in ("quantize", "prune_channels")
    }
    return evaluator.space.decode(choices)


def _their_candidate(model: nn.Module, policy: Policy, images: np.ndarray, path: Path, dynamo: bool) -> Path:
    pruned = copy.deepcopy(model).eval()
    example = torch.from_numpy(images[:2])
    modules = dict(pruned.named_modules())
    graph = tp.DependencyGraph().build_dependency(pruned, example_inputs=example[:1], verbose=False)
    for name, ratio in policy.of("prune_channels").items():
        conv = modules[name]
        scores = conv.weight.detach().abs().flatten(1).sum(1)
        gone = torch.argsort(scores)[: round(float(ratio) * len(scores))].tolist()
        graph.get_pruning_group(conv, tp.prune_conv_out_channels, gone).prune()
    _recalibrate(pruned, torch.from_numpy(images))
    source = path.with_suffix(".float.onnx")
    logging.getLogger("torch.onnx").setLevel(logging.ERROR)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        if dynamo:
            batch = torch.export.Dim("batch")
            torch.onnx.export(
                pruned, (example,), str(source), dynamo=True, verbose=False, external_data=False,
                input_names=["input"], output_names=["output"], dynamic_shapes=({0: batch},),
            )  # fmt: skip
        else:
            axes = {"input": {0: "batch"}, "output": {0: "batch"}}
            torch.onnx.export(
                pruned, (example,), str(source), dynamo=False, opset_version=17,
                input_names=["input"], output_names=["output"], dynamic_axes=axes,
            )  # fmt: skip
    return plain_int8(source, path, images)


def _recalibrate(model: nn.Module, images: torch.Tensor) -> None:
    """Batch-norm statistics anew, as a cumulative mean over four batches."""
    norms = [m for m in model.modules() if isinstance(m, nn.BatchNorm2d)]
    for norm in norms:
        norm.reset_running_stats()
        norm.momentum = None
        norm.train()
    with torch.no_grad():
        for batch in torch.split(images, 64):
            model(batch)
    model.eval()
