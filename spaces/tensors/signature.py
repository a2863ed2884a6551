"""How a model is called and what it returns: the names of its tensors, and the user's own nesting of them."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

import torch
from torch import Tensor, nn

from .batch import Arrays, Tensors, named, unnamed
from .structure import Structure, StructureError, word_of

INPUT, OUTPUT = "input", "output"
"""Names of the tensors of a model that has one input, or one output."""

Call = Literal["one", "positional", "keyword"]
"""How the inputs of a sample are handed to ``forward``: as one argument, one by one, or by keyword."""


@dataclass(frozen=True, eq=False)
class InputForm:
    """How the inputs of a model are given, and what they are called.

    A tuple or a list is given by position, a dict by keyword; where ``forward`` has no such parameters, either is its
    one argument, as a tensor and a dataclass are in any case. What comes through a parameter is called as the parameter
    is; the values of a dict, or of a dataclass, that is the one argument as its keys, or fields, are. A single tensor
    is called ``input``.

    Attributes:
        call: as what they are given.
        structure: of the inputs of one sample.
        names: of the tensors in it, in order; they are those of the ONNX file's inputs.
    """

    call: Call
    structure: Structure
    names: tuple[str, ...]

    @classmethod
    def bare(cls) -> InputForm:
        """One tensor."""
        return cls("one", Structure.of(torch.empty(0)), (INPUT,))

    @classmethod
    def of(cls, model: nn.Module, inputs: Any) -> InputForm:
        """The form of ``inputs``, of one sample or of a batch.

        Raises:
            StructureError: where they hold something else than tensors, or ``forward`` takes them in no way.
        """
        structure = Structure.of(inputs)
        call = _call_of(model, inputs)
        if len(structure.paths) == 1:
            return cls(call, structure, (INPUT,))
        if call == "positional":
            parameters = _positions(model, len(inputs))
            flat = [word_of((parameters[int(path[0])], *path[1:])) for path in structure.paths]
        elif call == "keyword":
            flat = structure.names(INPUT)
        else:
            flat = structure.names(_positions(model, 1)[0])
        return cls(call, structure, _distinct(flat))

    def flatten(self, inputs: Any) -> dict[str, Any]:
        """The tensors of the inputs of another sample by name; raises ``StructureError`` where they differ."""
        return dict(zip(self.names, self.structure.flatten(inputs), strict=True))

    def batch(self, inputs: Any) -> Tensors:
        """The same of a batch: one tensor, or several by name."""
        found: Tensors = unnamed(self.flatten(inputs))
        return found

    def restore(self, batch: Tensors) -> Any:
        """A batch nested as the user's samples are."""
        return self.structure.restore([*named(batch, INPUT).values()])

    def run(self, model: Callable[..., Any], batch: Tensors) -> Any:
        """What the model, or its ``forward``, returns for a batch."""
        inputs = self.restore(batch)
        if self.call == "positional":
            return model(*inputs)
        return model(**inputs) if self.call == "keyword" else model(inputs)


@dataclass(frozen=True, eq=False)
class OutputForm:
    """How a model returns its outputs, and what they are called.

    Values of a dict and fields of a dataclass are called as their keys and fields are; what is in a tuple or a list
    ``output_0``, ``output_1``; a single tensor ``output``. One that has an input's name gets ``output_`` before it.

    Attributes:
        structure: of the outputs.
        names: of the tensors in it, in order; they are those of the ONNX file's outputs.
    """

    structure: Structure
    names: tuple[str, ...]

    @classmethod
    def bare(cls) -> OutputForm:
        """One tensor."""
        return cls(Structure.of(torch.empty(0)), (OUTPUT,))

    @classmethod
    def of(cls, outputs: Any, taken: tuple[str, ...] = ()) -> OutputForm:
        """The form of ``outputs``; ``taken`` are the names of the inputs.

        Raises:
            StructureError: where they hold something else than tensors.
        """
        structure = Structure.of(outputs)
        if len(structure.paths) == 1:
            return cls(structure, (OUTPUT,))
        flat = [f"{OUTPUT}_{name}" if name in taken else name for name in structure.names(OUTPUT)]
        return cls(structure, _distinct(flat, taken))

    def batch(self, outputs: Any) -> Tensors:
        """The tensors that a model returned: one, or several by name; raises ``StructureError`` where they differ."""
        found: Tensors = unnamed(dict(zip(self.names, self.structure.flatten(outputs), strict=True)))
        return found

    def restore(self, outputs: Tensors | Arrays | Mapping[str, Any]) -> Any:
        """Outputs, by name or one alone, nested as the model returns them."""
        parts: Mapping[str, Any] = named(outputs, OUTPUT)
        return self.structure.restore([parts[name] for name in self.names])


@dataclass(frozen=True, eq=False)
class Signature:
    """What a model takes and what it returns."""

    inputs: InputForm
    outputs: OutputForm

    @classmethod
    def of(cls, model: nn.Module, inputs: Any) -> Signature:
        """Read from running a model, in eval mode, on a batch of inputs nested as the user's samples are.

        Raises:
            StructureError: where inputs or outputs hold something else than tensors.
        """
        form = InputForm.of(model, inputs)
        with torch.no_grad():
            returned = form.run(model, form.batch(inputs))
        return cls(form, OutputForm.of(returned, form.names))

    @cached_property
    def is_bare(self) -> bool:
        """Whether the model takes one tensor and returns one tensor."""
        return self.inputs.structure.is_bare and self.outputs.structure.is_bare and self.inputs.call == "one"

    def run(self, model: nn.Module, batch: Tensors) -> Tensors:
        """The outputs of the user's model for a batch; raises ``StructureError`` where they are nested otherwise."""
        return self.outputs.batch(self.inputs.run(model, batch))


@contextmanager
def flattened(model: nn.Module, signature: Signature) -> Iterator[nn.Module]:
    """Meanwhile, ``forward`` of the model takes and returns tensors alone, in the order of their names.

    It is the attribute of the module that changes, and not the module, so that all inside keeps its name.
    """
    if signature.is_bare:
        yield model
        return
    forward = model.forward

    def flat(*tensors: Tensor) -> tuple[Tensor, ...]:
        batch = unnamed(dict(zip(signature.inputs.names, tensors, strict=True)))
        return tuple(signature.outputs.structure.flatten(signature.inputs.run(forward, batch)))

    held = vars(model).get("forward")
    model.forward = flat
    try:
        yield model
    finally:
        if held is None:
            del model.forward
        else:
            model.forward = held


def _call_of(model: nn.Module, inputs: Any) -> Call:
    """The first way of handing over ``inputs`` that ``forward`` takes."""
    signature = inspect.signature(model.forward)
    if isinstance(inputs, Mapping) and all(isinstance(key, str) for key in inputs) and _binds(signature, **inputs):
        return "keyword"
    if isinstance(inputs, tuple | list) and _binds(signature, *inputs):
        return "positional"
    if _binds(signature, inputs):
        return "one"
    takes = ", ".join(signature.parameters)
    raise StructureError(f"forward({takes}) of the model cannot be called with {Structure.of(inputs)}")


def _binds(signature: inspect.Signature, *positional: Any, **keywords: Any) -> bool:
    try:
        signature.bind(*positional, **keywords)
    except TypeError:
        return False
    return True


def _positions(model: nn.Module, count: int) -> list[str]:
    """Names of the first parameters of ``forward``; ``input_0`` and so on for those that have none."""
    parameters = list(inspect.signature(model.forward).parameters.values())
    own = [p.name for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    return [own[index] if index < len(own) else f"{INPUT}_{index}" for index in range(count)]


def _distinct(names: Sequence[str], taken: tuple[str, ...] = ()) -> tuple[str, ...]:
    """The names, with a number behind those that come again."""
    found: list[str] = []
    for name in names:
        candidate, number = name, 1
        while candidate in found or candidate in taken:
            number += 1
            candidate = f"{name}_{number}"
        found.append(candidate)
    return tuple(found)
