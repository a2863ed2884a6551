"""How samples are handed to ``forward``, and what their tensors are called."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from parefront.spaces.tensors.batch import Batch, named
from parefront.spaces.tensors.signature import InputForm, OutputForm, Signature, flattened
from parefront.spaces.tensors.structure import StructureError

from ...several import OneDataclass, OneDict, OnePair, TwoInputs, TwoOutputs, batch_of, made

A, B = torch.zeros(2), torch.ones(2)


class Calling(nn.Module):
    """A module whose ``forward`` is a function."""

    def __init__(self, forward: Callable[..., Any]) -> None:
        super().__init__()
        self.forward = forward


@pytest.mark.parametrize(
    ("forward", "inputs", "call", "names"),
    [
        (lambda x: x, A, "one", ("input",)),
        (lambda image, depth: image, (A, B), "positional", ("image", "depth")),
        (lambda image, depth: image, [A, B], "positional", ("image", "depth")),
        (lambda image, depth: image, {"depth": A, "image": B}, "keyword", ("depth", "image")),
        (lambda image, depth=None: image, (A,), "positional", ("input",)),
        (lambda sample: sample, {"depth": A, "image": B}, "one", ("depth", "image")),
        (lambda pair: pair, (A, B), "one", ("pair_0", "pair_1")),
        (lambda *tensors: tensors, (A, B), "positional", ("input_0", "input_1")),
        (lambda **tensors: tensors, {"a": A, "b": B}, "keyword", ("a", "b")),
        (lambda x, rest: x, (A, {"y": B}), "positional", ("x", "rest_y")),
        (lambda a_b, a: a, ({"c": A}, {"b_c": B}), "positional", ("a_b_c", "a_b_c_2")),
    ],
)
def test_inputs_are_called_as_the_parameters_or_the_keys_are(
    forward: Callable[..., Any], inputs: Any, call: str, names: tuple[str, ...]
) -> None:
    form = InputForm.of(Calling(forward), inputs)
    assert (form.call, form.names) == (call, names)


def test_inputs_that_forward_cannot_take_are_refused_in_one_line() -> None:
    with pytest.raises(StructureError, match=r"forward\(image, depth\) .* with dict of image, other"):
        InputForm.of(Calling(lambda image, depth: image), {"image": A, "other": B})


@pytest.mark.parametrize("kind", [TwoInputs, OneDict, OneDataclass, OnePair])
def test_a_batch_by_name_gives_what_the_user_s_own_nesting_gives(kind: type[nn.Module]) -> None:
    model, inputs = made(kind), batch_of(kind)
    signature = Signature.of(model, inputs)
    batch = signature.inputs.batch(inputs)
    assert isinstance(batch, Batch)
    plain = (inputs["image"], inputs["depth"]) if isinstance(inputs, dict) else None
    plain = plain or ((inputs.image, inputs.depth) if hasattr(inputs, "image") else inputs)
    with torch.no_grad():
        expected = TwoInputs.forward(model, *plain)  # type: ignore[arg-type]
        assert torch.equal(signature.run(model, batch), expected)  # type: ignore[arg-type]


def test_an_output_that_is_called_as_an_input_gets_a_name_of_its_own() -> None:
    form = OutputForm.of({"image": A, "other": B}, ("image", "depth"))
    assert form.names == ("output_image", "other")
    assert form.restore({"output_image": B, "other": A}) == {"image": B, "other": A}


def test_meanwhile_forward_takes_and_gives_tensors_alone() -> None:
    model, inputs = made(TwoOutputs), batch_of(TwoOutputs)
    signature = Signature.of(model, inputs)
    with torch.no_grad():
        expected = model(inputs)
        with flattened(model, signature) as flat:
            found = flat(inputs)
        assert all(torch.equal(one, other) for one, other in zip(expected, found, strict=True))
        assert "forward" not in vars(model)


def test_a_model_of_one_tensor_is_left_as_it_is() -> None:
    model = nn.ReLU()
    signature = Signature.of(model, A)
    with flattened(model, signature) as flat:
        assert flat is model
        assert "forward" not in vars(model)
    assert named(signature.run(model, A), "output").keys() == {"output"}


def test_outputs_that_are_no_tensors_are_refused() -> None:
    def forward(x: Tensor) -> Any:
        return {"logits": x, "loss": 1.0}

    with pytest.raises(StructureError, match="got float as loss"):
        Signature.of(Calling(forward), A)
