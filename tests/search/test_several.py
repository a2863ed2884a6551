"""Searches of models with several inputs or outputs, from the task to the front, checked against plain torch."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime as ort
import pytest
import torch
from torch import Tensor, nn

import parefront as pf
from parefront.search.runs.run import Run

from ..several import (
    CLASSES,
    DataclassOfOutputs,
    DictOfOutputs,
    OneDict,
    Tokens,
    TwoInputs,
    TwoOutputs,
    made,
)

SPLITS = ((1, 192), (2, 96), (3, 64))
"""Seed and length of the calibration, the search and the test split."""
QUICK = {"min_samples": 8, "min_seconds": 0.01, "max_seconds": 0.03, "warmup_seconds": 0.005}
METHODS: dict[str, dict[str, Any]] = {"prune_channels": {"round_to": 4}, "quantize": {}}


@dataclass(frozen=True)
class Samples:
    """A map-style dataset: tensors ``(n, …)`` by name, and how those of one sample are nested."""

    tensors: dict[str, Tensor]
    targets: Any
    nested: Callable[[dict[str, Tensor]], Any]

    def __len__(self) -> int:
        return len(next(iter(self.tensors.values())))

    def __getitem__(self, index: int) -> tuple[Any, Any]:
        target = self.targets
        one = {k: v[index] for k, v in target.items()} if isinstance(target, dict) else target[index]
        return self.nested({name: tensor[index] for name, tensor in self.tensors.items()}), one


def images(seed: int, count: int) -> tuple[dict[str, Tensor], Tensor]:
    """An image and a depth, from both of which together the class can be told."""
    generator = torch.Generator().manual_seed(seed)
    labels = torch.randint(CLASSES, (count,), generator=generator)
    image = 0.5 * torch.randn(count, 3, 12, 12, generator=generator)
    depth = 0.5 * torch.randn(count, 1, 12, 12, generator=generator)
    image[:, 0] += (labels % 2).float().reshape(-1, 1, 1) - 0.5
    depth[:, 0] += (labels // 2).float().reshape(-1, 1, 1) - 0.5
    return {"image": image, "depth": depth}, labels


def places(seed: int, count: int) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    """An image with a bright square, whose colour is the class, and a map of where it is."""
    generator = torch.Generator().manual_seed(seed)
    labels = torch.randint(CLASSES, (count,), generator=generator)
    image = 0.3 * torch.randn(count, 3, 12, 12, generator=generator)
    where = torch.zeros(count, 1, 6, 6)
    for index, label in enumerate(labels.tolist()):
        row, column = torch.randint(4, (2,), generator=generator).tolist()
        where[index, 0, row : row + 2, column : column + 2] = 1
        image[index, :, 2 * row : 2 * row + 4, 2 * column : 2 * column + 4] += torch.tensor(
            [1.5 * (label % 2) + 1, 1.5 * (label // 2) + 1, 1.0]
        ).reshape(3, 1, 1)
    return {"input": image}, {"label": labels, "where": where}


def sentences(seed: int, count: int) -> tuple[dict[str, Tensor], Tensor]:
    """Tokens of which those that the mask counts come from a part of the table that is the class."""
    generator = torch.Generator().manual_seed(seed)
    labels = torch.randint(CLASSES, (count,), generator=generator)
    mask = torch.rand(count, 6, 6, generator=generator) < 0.7
    own = 5 * labels.reshape(-1, 1, 1) + torch.randint(5, (count, 6, 6), generator=generator)
    tokens = torch.where(mask, own, torch.randint(20, (count, 6, 6), generator=generator))
    return {"tokens": tokens, "mask": mask}, labels


def both_right_by_name(outputs: Any, targets: Any) -> Tensor:
    """Half for the class, half for the share of the map that is right."""
    return _both(outputs["logits"], outputs["where"], targets)


def both_right_by_field(outputs: Any, targets: Any) -> Tensor:
    assert outputs.loss is None
    return _both(outputs.logits, outputs.where, targets)


def first_right(outputs: Any, targets: Any) -> Tensor:
    """Accuracy of the first output."""
    labels = torch.stack([target["label"] for target in targets])
    right: Tensor = outputs[0].argmax(1) == labels
    return right.float()


def _both(logits: Tensor, where: Tensor, targets: Any) -> Tensor:
    labels = torch.stack([target["label"] for target in targets])
    truth = torch.stack([target["where"] for target in targets])
    return (logits.argmax(1) == labels).float() / 2 + ((where > 0) == (truth > 0)).float().mean((1, 2, 3)) / 2


@dataclass(frozen=True)
class Case:
    """A network, the data that it is trained on, how samples are nested, and the metric."""

    kind: type[nn.Module]
    data: Callable[[int, int], tuple[dict[str, Tensor], Any]]
    nested: Callable[[dict[str, Tensor]], Any]
    metric: Any = "accuracy"


CASES = {
    "two inputs in a tuple": Case(TwoInputs, images, lambda t: (t["image"], t["depth"])),
    "two inputs in a dict": Case(OneDict, images, lambda t: t),
    "two outputs": Case(TwoOutputs, places, lambda t: t["input"], first_right),
    "a dict of outputs": Case(DictOfOutputs, places, lambda t: t["input"], both_right_by_name),
    "a dataclass of outputs": Case(DataclassOfOutputs, places, lambda t: t["input"], both_right_by_field),
    "integers and a mask": Case(Tokens, sentences, lambda t: (t["tokens"], t["mask"])),
}


def trained(case: Case) -> nn.Module:
    """The network after a second of training."""
    net = made(case.kind).train()
    tensors, targets = case.data(1, 1024)
    optimiser = torch.optim.Adam(net.parameters(), 1e-2)
    for step in range(40):
        part = slice(128 * (step % 8), 128 * (step % 8) + 128)
        given = case.nested({name: tensor[part] for name, tensor in tensors.items()})
        outputs = plain(net, given)
        optimiser.zero_grad()
        loss_of(outputs, targets, part).backward()  # type: ignore[no-untyped-call]
        optimiser.step()
    return net.eval()


def plain(net: nn.Module, given: Any) -> Any:
    """The network called as a user would."""
    if isinstance(given, tuple):
        return net(*given)
    return net(**given) if isinstance(given, dict) and not isinstance(net, OneDict) else net(given)


def loss_of(outputs: Any, targets: Any, part: slice) -> Tensor:
    if isinstance(outputs, Tensor):
        return nn.functional.cross_entropy(outputs, targets[part])
    logits, where = flat_outputs(outputs)
    masks = nn.functional.binary_cross_entropy_with_logits(where, targets["where"][part])
    return nn.functional.cross_entropy(logits, targets["label"][part]) + masks


def flat_outputs(outputs: Any) -> list[Tensor]:
    if isinstance(outputs, Tensor):
        return [outputs]
    values = outputs.values() if isinstance(outputs, dict) else vars(outputs).values() if vars_of(outputs) else outputs
    return [value for value in values if value is not None]


def vars_of(outputs: Any) -> bool:
    return not isinstance(outputs, tuple) and hasattr(outputs, "__dict__")


@pytest.fixture(scope="module", params=CASES)
def searched(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[Case, pf.Task, Run]:
    case = CASES[request.param]
    calibration, search, test = (Samples(*case.data(seed, count), case.nested) for seed, count in SPLITS)
    own = case.metric != "accuracy"
    task = pf.Task(
        trained(case), calibration, search, test, metric=case.metric, higher_is_better=True if own else None,
        metric_unit="fraction" if own else None,
    )  # fmt: skip
    run = pf.compress(
        task, trials=4, objectives=["accuracy", "size"], compress=METHODS, latency=QUICK, progress=False,
        search={"sampler": "random", "keep_artifacts": "all"}, run=tmp_path_factory.mktemp("runs") / "run",
    )  # fmt: skip
    return case, task, run


def outputs_of(artifact: Path, data: Samples) -> dict[str, Tensor]:
    """By plain ONNX Runtime, all samples at once, fed by the names of the file."""
    session = ort.InferenceSession(str(artifact), providers=["CPUExecutionProvider"])
    names = [value.name for value in session.get_outputs()]
    found = session.run(names, {name: tensor.numpy() for name, tensor in data.tensors.items()})
    return {name: torch.from_numpy(np.asarray(array)) for name, array in zip(names, found, strict=True)}


def score_of(case: Case, outputs: dict[str, Tensor], data: Samples) -> float:
    """The share that is right, worked out by hand."""
    if case.metric == "accuracy":
        return float((outputs["output"].argmax(1) == data.targets).float().mean())
    logits, where = outputs.values()
    right = (logits.argmax(1) == data.targets["label"]).float()
    if case.metric is first_right:
        return float(right.mean())
    return float((right / 2 + ((where > 0) == (data.targets["where"] > 0)).float().mean((1, 2, 3)) / 2).mean())


def test_the_uncompressed_file_gives_what_torch_gives_under_the_model_s_names(
    searched: tuple[Case, pf.Task, Run],
) -> None:
    case, task, run = searched
    data = task.search
    assert isinstance(data, Samples)
    artifact = run.baseline.artifact
    assert artifact is not None
    with torch.no_grad():
        expected = flat_outputs(plain(task.model, case.nested(data.tensors)))
    outputs = outputs_of(artifact, data)
    for one, other in zip(expected, outputs.values(), strict=True):
        torch.testing.assert_close(other, one, rtol=1e-3, atol=1e-4)
    names: dict[type[nn.Module], list[str]] = {TwoOutputs: ["output_0", "output_1"]}
    names |= {DictOfOutputs: ["logits", "where"], DataclassOfOutputs: ["logits", "where"]}
    assert list(outputs) == names.get(case.kind, ["output"])
    assert score_of(case, outputs, data) > 0.8


def test_every_member_of_the_front_scores_what_is_worked_out_by_hand(searched: tuple[Case, pf.Task, Run]) -> None:
    case, task, run = searched
    assert isinstance(task.search, Samples)
    assert isinstance(task.test, Samples)
    name = run.settings.quality.key
    assert len(run.front) >= 1
    for candidate in run.front:
        assert candidate.artifact is not None
        for key, data in ((name, task.search), (f"test_{name}", task.test)):
            by_hand = score_of(case, outputs_of(candidate.artifact, data), data)
            assert candidate.metrics[key].value == pytest.approx(by_hand, abs=2e-3)
        assert candidate.metrics["latency_ms"].value > 0
        assert candidate.metrics["memory_bytes"].value > 0
        assert f"{name}_change" in candidate.metrics


def test_every_policy_was_built_and_measured(searched: tuple[Case, pf.Task, Run]) -> None:
    _, _, run = searched
    assert len(run.trials) == 4
    assert all(record.candidate is not None for record in run.trials)
    smallest = min(record.candidate.metrics["size_bytes"].value for record in run.trials if record.candidate)
    assert smallest < run.baseline.metrics["size_bytes"].value
