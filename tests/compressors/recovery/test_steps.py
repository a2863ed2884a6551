"""Networks trained in integers: they begin where quantisation left off, and their files are what was trained."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, fx

from parefront.compressors.context import Context
from parefront.compressors.integers.quantized import QuantizedLayer
from parefront.compressors.pipeline import Pipeline
from parefront.compressors.recovery.batches.augment import Augmentation
from parefront.compressors.recovery.batches.sources import Samples
from parefront.compressors.recovery.losses.outputs import squared_error
from parefront.compressors.recovery.recipe import Recipe
from parefront.compressors.recovery.steps import held_weights, is_finished, learn_steps, set_finished, widen_steps
from parefront.compressors.recovery.stream import Stream
from parefront.compressors.recovery.teachers import Teachers
from parefront.compressors.recovery.training import Training
from parefront.compressors.recovery.weights import read_weights, weights_of, write_weights
from parefront.compressors.registry import create
from parefront.evaluators.quality.accuracy import open_session
from parefront.spaces.knob import Choice
from parefront.spaces.network.emit import emit, serialize
from parefront.spaces.tensors.one_thread import one_thread
from parefront.testing.networks import random_images
from parefront.testing.specimen import specimen

STEPS = 25
IMAGES = random_images(256, seed=5)
UNSEEN = random_images(400, seed=9)
WIDTHS: list[Choice] = [8, 4, 3, 2, 1, "w8", "w4", "w3", "w2", "w1"]


class Subject:
    """One network and what is done to it."""

    def __init__(self, network: str = "residual", **methods: dict[str, Any]) -> None:
        self.held = specimen(network)
        self.pipeline = Pipeline.of([create(name, options) for name, options in methods.items()], self.held.graph)
        self.context = Context(self.held.graph, self.held.calibration)

    def finished(self, **choices: Choice) -> fx.GraphModule:
        return self.pipeline.apply(self.held.net, self.pipeline.space.uniform(choices), self.context)

    def training(self, net: fx.GraphModule, rate: float = 0.1) -> Training:
        recipe = Recipe(batch=32)
        source = Samples(lambda rows: (IMAGES[torch.from_numpy(rows)], None), len(IMAGES), recipe.batch)
        stream = Stream(source, Teachers(self.held.net), Augmentation(("flip",)))
        return Training(net, stream, recipe, STEPS, rate, self.held.images)

    def trained(self, steps: int = STEPS, **choices: Choice) -> fx.GraphModule:
        net = self.finished(**choices)
        learn_steps(net)
        training = self.training(net)
        while training.done < steps:
            training.step()
        return training.finish()

    def divergence(self, net: fx.GraphModule) -> float:
        return squared_error(outputs(net), outputs(self.held.net)).item()


def outputs(net: fx.GraphModule, images: Tensor = UNSEEN) -> Tensor:
    with torch.no_grad():
        result: Tensor = net(images)
    return result


@pytest.mark.parametrize("rounding", ["nearest", "reconstruct"])
@pytest.mark.parametrize("width", WIDTHS)
def test_with_steps_that_are_to_be_trained_a_network_computes_what_it_did(width: Choice, rounding: str) -> None:
    net = Subject(quantize={"bits": [32, width], "rounding": rounding}).finished(quantize=width)
    before, parameters = outputs(net), len(list(net.parameters()))
    learn_steps(net)
    torch.testing.assert_close(outputs(net), before, rtol=0, atol=1e-6)
    assert len(list(net.parameters())) > parameters


@pytest.mark.parametrize("width", WIDTHS)
def test_torch_and_the_file_say_the_same_of_what_was_trained(width: Choice, tmp_path: Path) -> None:
    subject = Subject(quantize={"bits": [32, width]})
    net = subject.trained(quantize=width)
    if width not in (8, "w8"):
        assert subject.divergence(net) < 0.9 * subject.divergence(subject.finished(quantize=width))
    session = open_session(emit(net, tmp_path / "net.onnx", UNSEEN[:4]).path, threads=1)
    said = torch.from_numpy(session.run(None, {"input": UNSEEN.numpy()})[0])
    assert float((said.argmax(1) == outputs(net).argmax(1)).float().mean()) >= 0.995


@pytest.mark.parametrize("network", ["residual", "depthwise", "concat"])
@pytest.mark.parametrize("width", [4, 1, "w2"])
def test_another_network_of_the_policy_given_what_was_kept_gives_the_same_bytes(
    network: str, width: Choice, tmp_path: Path
) -> None:
    subject = Subject(network, quantize={"bits": [32, width]})
    net = subject.trained(4, quantize=width)
    write_weights(tmp_path / "weights", held_weights(net))
    other = subject.finished(quantize=width)
    set_finished(other, read_weights(tmp_path / "weights"))
    assert serialize(other, UNSEEN[:4]) == serialize(net, UNSEEN[:4])


@pytest.mark.parametrize("method", ["prune_weights", "share_weights"])
def test_weights_that_are_zero_or_equal_stay_so(method: str) -> None:
    subject = Subject("plain", **{method: {}}, quantize={"bits": [32, 4]})
    choice = [c for c in subject.pipeline.space.ladders()[method] if c != subject.pipeline.space.ladders()[method][0]][
        -1
    ]
    before = subject.finished(quantize=4, **{method: choice})
    net = subject.trained(4, quantize=4, **{method: choice})
    for name, weight in net.named_parameters():
        if name.endswith("layer.weight"):
            assert torch.equal(weight == 0, before.get_parameter(name) == 0)
            values, there = (np.unique(tensor.detach().numpy()) for tensor in (weight, before.get_parameter(name)))
            assert len(values) == len(there)
    other = subject.finished(quantize=4, **{method: choice})
    set_finished(other, held_weights(net))
    assert serialize(other, UNSEEN[:4]) == serialize(net, UNSEEN[:4])


def test_it_goes_on_from_a_kept_state_to_the_last_bit(tmp_path: Path) -> None:
    subject = Subject(quantize={"bits": [32, 2]})

    def begun() -> Training:
        net = subject.finished(quantize=2)
        learn_steps(net)
        return subject.training(net)

    with one_thread():
        whole, broken = begun(), begun()
        for _ in range(12):
            whole.step()
        for _ in range(5):
            broken.step()
        write_weights(tmp_path / "state", broken.state())
        last = begun()
        last.resume(read_weights(tmp_path / "state"))
        while last.done < 12:
            last.step()
        there, here = held_weights(whole.finish()), held_weights(last.finish())
    assert all(torch.equal(there[name], here[name]) for name in there)


def values_of(net: fx.GraphModule) -> set[int]:
    layers = [module for module in net.modules() if isinstance(module, QuantizedLayer)]
    return {int(code) for layer in layers for code in np.unique(layer.codes.numpy())}


def test_binary_weights_are_ternary_for_half_of_the_steps(tmp_path: Path) -> None:
    subject = Subject(quantize={"bits": [32, 1]})

    def begun() -> Training:
        net = subject.finished(quantize=1)
        learn_steps(net)
        widen_steps(net)
        return subject.training(net)

    with one_thread():
        training, kept = begun(), dict[int, dict[str, Tensor]]()
        while training.done < STEPS:
            kept[training.done] = training.state()
            assert values_of(training.net) == ({-1, 0, 1} if training.done <= STEPS // 2 else {-1, 1})
            training.step()
        whole = training.finish()
        for stop in (STEPS // 2, STEPS // 2 + 1):
            broken = begun()
            broken.resume(kept[stop])
            while broken.done < STEPS:
                broken.step()
            there, here = held_weights(whole), held_weights(broken.finish())
            assert all(torch.equal(there[name], here[name]) for name in there)
    assert values_of(whole) == {-1, 1}
    other = subject.finished(quantize=1)
    set_finished(other, held_weights(whole))
    assert serialize(other, UNSEEN[:4]) == serialize(whole, UNSEEN[:4])


def test_what_is_kept_of_floats_are_their_weights() -> None:
    net = specimen("residual").net
    assert held_weights(net).keys() == weights_of(net).keys()
    assert not is_finished(held_weights(net))
