"""A file as a PyTorch module: the same outputs, trained like any other, and the same file again."""

from __future__ import annotations

import copy
import io
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
import torch.nn.functional as F
from onnx import helper
from safetensors.torch import load_file as load_safetensors
from safetensors.torch import save_file as save_safetensors
from torch import Tensor, nn

from parefront.evaluators.restore.load import load_file, module_of
from parefront.evaluators.restore.module import ArtifactModule
from parefront.evaluators.restore.parity import parity
from parefront.evaluators.restore.stored import RoundedWeight, SharedWeight, SparseWeight
from parefront.spaces.errors import ParefrontError

from .conftest import KINDS, MakeArtefact, model

FLOAT, INT8_STEPS = 1e-4, 4.0
"""Largest differences, relative to the largest output, and where activations are integers in 8-bit steps: with random
weights and few features an integer that the runtime rounds another way moves the outputs by up to three."""


def agrees(module: ArtifactModule, file: Path | None, inputs: Tensor) -> bool:
    """Whether a module is as near to a file as is promised."""
    found = parity(module, file, inputs)
    integers = b"QuantizeLinear" in module.source
    return found.int8_steps <= INT8_STEPS if integers else found.relative <= FLOAT


def step(module: nn.Module, inputs: Tensor, rate: float = 1e-2) -> tuple[float, float]:
    """One step of gradient descent on arbitrary labels; the loss before and after it."""
    labels = torch.arange(len(inputs)) % 10
    optimiser = torch.optim.SGD(module.parameters(), lr=rate)
    loss = F.cross_entropy(module(inputs), labels)
    torch.autograd.backward(loss)
    optimiser.step()
    with torch.no_grad():
        return float(loss.detach()), float(F.cross_entropy(module(inputs), labels))


@pytest.mark.parametrize("kind", KINDS)
def test_computes_what_the_file_computes(kind: str, artefact: MakeArtefact) -> None:
    made = artefact(kind)

    assert agrees(load_file(made.path), made.path, made.inputs)


@pytest.mark.parametrize("kind", KINDS)
def test_untrained_gives_the_file_again_byte_for_byte(kind: str, artefact: MakeArtefact) -> None:
    made = artefact(kind)

    assert load_file(made.path).to_bytes() == made.path.read_bytes()


@pytest.mark.parametrize("kind", KINDS)
def test_trained_gives_a_file_that_computes_what_it_computes(kind: str, artefact: MakeArtefact, tmp_path: Path) -> None:
    made = artefact(kind)
    module = load_file(made.path).train()
    before, after = step(module, made.inputs, rate=1e-3 if "1-bit" in kind else 1e-2)
    path = module.to_onnx(tmp_path / "trained.onnx")

    assert after <= before
    assert all(parameter.grad is not None for parameter in module.parameters())
    assert path.read_bytes() != made.path.read_bytes()
    onnx.checker.check_model(str(path))
    assert agrees(module, path, made.inputs)
    assert agrees(load_file(path), path, made.inputs), "and can be taken up again"


@pytest.mark.parametrize("kind", ["int8", "sparse int4", "sparse and shared", "low rank"])
def test_is_copied_moved_and_saved_like_any_module(kind: str, artefact: MakeArtefact, tmp_path: Path) -> None:
    made = artefact(kind)
    module = load_file(made.path)
    step(module, made.inputs)
    with torch.no_grad():
        wanted = module(made.inputs)

    copied = copy.deepcopy(module)
    step(copied, made.inputs)
    whole = io.BytesIO()
    torch.save(module, whole)
    whole.seek(0)
    pickled = torch.load(whole, weights_only=False)
    torch.save(module.state_dict(), tmp_path / "state.pt")
    from_state = load_file(made.path)
    from_state.load_state_dict(torch.load(tmp_path / "state.pt", weights_only=True))
    save_safetensors(module.state_dict(), str(tmp_path / "state.safetensors"))
    from_tensors = load_file(made.path)
    from_tensors.load_state_dict(load_safetensors(str(tmp_path / "state.safetensors")))

    for other in (pickled, from_state, from_tensors, module.eval(), module.train().to("cpu")):
        with torch.no_grad():
            assert torch.equal(other(made.inputs), wanted)
        assert other.to_bytes() == module.to_bytes()
    assert copied.to_bytes() != module.to_bytes(), "a copy has parameters of its own"
    assert module.double()(made.inputs.double()).dtype == torch.float64


def test_float_layers_are_those_of_torch_under_the_names_of_the_user(artefact: MakeArtefact) -> None:
    made = artefact("float")
    module = load_file(made.path)
    layers = {name: layer for name, layer in module.named_modules() if isinstance(layer, nn.Conv2d | nn.Linear)}
    original = {
        name.replace(".", "_"): layer
        for name, layer in made.net.named_modules()
        if isinstance(layer, nn.Conv2d | nn.Linear)
    }

    assert {name if name.isidentifier() else f"_{name}" for name in original} == set(layers)
    assert all(layer.bias is not None for layer in layers.values())


def test_what_a_file_saves_bytes_by_is_kept_in_training(artefact: MakeArtefact) -> None:
    """Zeros, numbers of values, and the range of integers; so the file grows by no byte of weights."""
    for kind, form in {"sparse": SparseWeight, "shared": SharedWeight, "ternary": RoundedWeight}.items():
        made = artefact(kind)
        module = load_file(made.path)
        weights = [weight for weight in module.modules() if isinstance(weight, form)]
        before = [torch.unique(weight().detach()).numel() for weight in weights]
        zeros = [weight().detach() == 0 for weight in weights]
        for _ in range(3):
            step(module, made.inputs)

        assert weights
        for weight, count, zero in zip(weights, before, zeros, strict=True):
            if kind != "sparse":
                assert torch.unique(weight().detach()).numel() <= count
            if kind != "ternary":
                assert not weight().detach()[zero].any()
        assert len(module.to_bytes()) <= made.path.stat().st_size + 200


def test_weights_that_are_not_finite_are_not_written(artefact: MakeArtefact) -> None:
    module = load_file(artefact("float").path)
    next(module.parameters()).data.fill_(float("nan"))

    with pytest.raises(ParefrontError, match="is not finite"):
        module.to_bytes()


@pytest.mark.parametrize("scale", [0.02, 0.5])
def test_rounding_is_that_of_onnx_runtime_and_passes_the_gradient(scale: float) -> None:
    constants: dict[str, np.ndarray] = {"scale": np.array(scale, np.float32), "zero": np.array(100, np.uint8)}
    nodes = [
        helper.make_node("QuantizeLinear", ["input", "scale", "zero"], ["integers"]),
        helper.make_node("DequantizeLinear", ["integers", "scale", "zero"], ["output"]),
    ]
    module = module_of(model(nodes, constants, [1], [1]))
    inputs = torch.arange(-400, 400).view(-1, 1) * (scale / 2)  # halves of steps, and beyond the range
    assert parity(module, None, inputs).relative == 0

    inputs = (inputs + scale / 4).requires_grad_()
    expected = torch.fake_quantize_per_tensor_affine(inputs, scale, 100, 0, 255)
    (gradient,), (oracle,) = (torch.autograd.grad(outputs.sum(), inputs) for outputs in (module(inputs), expected))
    assert torch.equal(gradient, oracle)
