"""Methods together: any two, and all of them, on every network; the file loads and agrees with torch."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from parefront.compressors.base import Compressor
from parefront.compressors.context import Context
from parefront.compressors.pipeline import Pipeline
from parefront.compressors.plan import weights
from parefront.compressors.registry import create, known
from parefront.evaluators.quality.accuracy import open_session
from parefront.evaluators.quality.exit_parity import check_every_way
from parefront.spaces.errors import Infeasible
from parefront.spaces.network.emit import emit
from parefront.spaces.policy import Policy
from parefront.spaces.space import SearchSpace
from parefront.testing.networks import NETWORKS
from parefront.testing.specimen import specimen

OPTIONS: dict[str, dict[str, Any]] = {
    "drop_blocks": {},
    "merge": {},
    "prune_channels": {"round_to": 4, "ratios": [0.5]},
    "low_rank": {"ranks": [0.5], "schemes": ["svd", "tucker2"]},
    "separable": {},
    "prune_weights": {"sparsities": [0.7]},
    "share_weights": {"clusters": [16]},
    "early_exit": {"places": 1},
    "quantize": {"bits": [32, 8, "w4", 4, 2]},
}


def policy_of(space: SearchSpace, seed: int) -> Policy:
    """Half of the knobs at random choices; of the blocks and neighbours that can go, the first one."""
    generator = np.random.default_rng(seed)
    choices = {}
    gone: set[str] = set()
    for knob in space:
        stronger = [choice for choice in knob.choices if choice != knob.neutral]
        if knob.choices == (False, True):
            if knob.compressor not in gone:
                choices[knob.name] = stronger[0]
            gone.add(knob.compressor)
        elif generator.random() < 0.5:
            choices[knob.name] = stronger[int(generator.integers(len(stronger)))]
    return space.decode(choices)


def compose(network: str, compressors: list[Compressor], seed: int, folder: Path) -> Policy:
    """Carry a policy out, emit it and compare the file with torch."""
    subject = specimen(network)
    pipeline = Pipeline.of(compressors, subject.graph)
    policy = policy_of(pipeline.space, seed)
    try:
        net = pipeline.apply(subject.net, policy, Context(subject.graph, subject.calibration))
    except Infeasible as refusal:
        pytest.skip(f"infeasible: {refusal}")
    grows = any(plan.grows for plan in pipeline.plans if any(name.startswith(plan.method) for name in policy))
    assert grows or weights(net) <= weights(subject.net)
    artifact = emit(net, folder / "candidate.onnx", subject.calibration.example)
    session = open_session(artifact.path, threads=1)
    for batch in (1, 4):
        check_every_way(session, artifact.path, net, subject.calibration.inputs[:batch])
    return policy


def test_every_method_of_the_project_takes_part() -> None:
    own = {name for name, where in known().items() if where.startswith("parefront.compressors")}
    assert own == OPTIONS.keys()


@pytest.mark.parametrize("network", NETWORKS)
@pytest.mark.parametrize("pair", list(itertools.combinations(OPTIONS, 2)), ids="+".join)
def test_any_two_methods_compose(pair: tuple[str, str], network: str, tmp_path: Path) -> None:
    policy = compose(network, [create(name, OPTIONS[name]) for name in pair], 0, tmp_path)
    assert {name.split("/")[0] for name in policy} <= set(pair)


@pytest.mark.parametrize("network", NETWORKS)
@pytest.mark.parametrize("seed", range(3))
def test_all_methods_compose(network: str, seed: int, tmp_path: Path) -> None:
    policy = compose(network, [create(name, options) for name, options in OPTIONS.items()], seed, tmp_path)
    assert len({name.split("/")[0] for name in policy}) >= 5
