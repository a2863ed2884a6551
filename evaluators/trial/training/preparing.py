"""What methods have trained before the first candidate: done once a run, kept beside its artefacts, read afterwards."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

import torch
from torch import Tensor

from ....compressors.plan import Plan, Preparation
from ....compressors.recovery.precision import BFLOAT16, FLOAT32
from ....compressors.recovery.rate import rate_for
from ....compressors.recovery.recipe import Recipe
from ....compressors.recovery.training import Training
from ....compressors.recovery.weights import Weights, read_weights, weights_of, write_weights
from ....spaces.policy import Policy
from ..builder import Builder
from ..scores.split import beside_nobody
from ..shared_files import PREPARED
from .trainer import Trainer

UNDER_WAY = "preparing-{}.safetensors"
CHECKPOINT_SECONDS = 30.0
TOLD_SECONDS = 5.0
MARGIN = 1.1
"""bfloat16 is taken where a step in it is so many times as fast: what it gives is less exact."""
IN_BFLOAT16 = "in bfloat16"
"""In a state that is kept, the precision that was chosen when the training began."""


def prepare(builder: Builder, folder: Path, on_phase: Callable[[str], None]) -> None:
    """Train what the builder's methods ask for, or read what was trained, and give it to all that is built from now on.

    A training that was killed is gone on with from the last state that was kept, half a minute before at most.

    Args:
        builder: nothing was built by it yet.
        folder: with the artefacts of the run.
        on_phase: told how far it is.
    """
    found: dict[str, Weights] = {}
    for plan in builder.pipeline.plans:
        if plan.prepares is not None:
            file = folder / PREPARED.format(plan.method)
            if not file.is_file():
                write_weights(file, _trained(builder, plan, plan.prepares, folder, on_phase))
                (folder / UNDER_WAY.format(plan.method)).unlink(missing_ok=True)
            found[plan.method] = read_weights(file)
    if found:
        builder.context = replace(builder.context, prepared=found)


def _trained(
    builder: Builder, plan: Plan, asked: Preparation, folder: Path, on_phase: Callable[[str], None]
) -> dict[str, Tensor]:
    """The weights that the method has added to the uncompressed network, trained towards what that gives."""
    names = {knob.target: knob.name for knob in plan.knobs}
    policy = Policy({names[target]: choice for target, choice in asked.choices.items()})
    recipe = Recipe(losses={"mse": 1.0})
    trainer = Trainer(builder, recipe, builder.context.training, builder.context.seed, repeats=True)
    state = folder / UNDER_WAY.format(plan.method)
    kept = dict(read_weights(state)) if state.is_file() else {}
    precision = _precision(trainer, policy, kept.pop(IN_BFLOAT16, None))
    training = trainer.begin(policy, asked.steps, rate_for(0.0, trainer.recipe, asked.steps), precision)
    if kept:
        training.resume(kept)
    _run(training, state, lambda left: on_phase(f"training {plan.method}: {left}"))
    own = dict(builder.traced.net.named_parameters())
    return {name: tensor for name, tensor in weights_of(training.finish()).items() if name not in own}


def _run(training: Training, state: Path, say: Callable[[str], None]) -> None:
    """All steps that are left, with a state kept every now and then."""
    began = kept = time.perf_counter()
    first, told = training.done, -TOLD_SECONDS
    while training.done < training.steps:
        with beside_nobody():
            training.step()
        now = time.perf_counter()
        if now - told > TOLD_SECONDS:
            told, left = now, (now - began) / (training.done - first) * (training.steps - training.done)
            say(f"step {training.done:,} of {training.steps:,}, {left:.0f} s left")
        if now - kept > CHECKPOINT_SECONDS:
            kept = now
            write_weights(state, {**training.state(), IN_BFLOAT16: torch.tensor(training.precision == BFLOAT16)})


def _precision(trainer: Trainer, policy: Policy, chosen: Tensor | None) -> str:
    """That in which a step is faster on this machine, or the one that was chosen before."""
    if chosen is not None:
        return BFLOAT16 if bool(chosen) else FLOAT32
    seconds: Mapping[str, float] = {precision: _step(trainer, policy, precision) for precision in (FLOAT32, BFLOAT16)}
    return BFLOAT16 if seconds[BFLOAT16] * MARGIN < seconds[FLOAT32] else FLOAT32


def _step(trainer: Trainer, policy: Policy, precision: str) -> float:
    """Seconds of the second of two steps."""
    training = trainer.begin(policy, 2, 1e-6, precision)
    training.step()
    began = time.perf_counter()
    training.step()
    return time.perf_counter() - began
