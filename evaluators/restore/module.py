"""The module that an ONNX file becomes: it computes what the file computes, is trained, and is written back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from ...spaces.errors import ParefrontError
from ...spaces.files import write_bytes
from .contents import Slot
from .stored import StoredWeight
from .write import written


@dataclass(frozen=True, slots=True)
class Step:
    """One call of a module on values by their names in the file.

    Attributes:
        last: the values that no later step reads.
    """

    module: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    last: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Program:
    """What an :class:`ArtifactModule` runs.

    Attributes:
        inputs: names of the file's inputs, in its order.
        outputs: names of its outputs, in its order.
        steps: in the order of execution.
        slots: by name of a weight in the module, where the file holds it.
    """

    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    steps: tuple[Step, ...]
    slots: Mapping[str, tuple[Slot, ...]]


class ArtifactModule(nn.Module):
    """An ONNX file in PyTorch. Made by :func:`parefront.load` and :meth:`Candidate.module`.

    It is as flat as the file: a submodule for every node, under the node's name. For a layer that is the user's name,
    with ``_`` in place of dots. A float convolution or linear layer is torch's own; any other node says its operator.

    What can be trained are the weights and biases of layers and norms, tables of embeddings and slopes of activations.
    Integer weights have latent floats, ``NAME.weight.latent``, that are rounded in every forward pass with a
    straight-through gradient; activations between integers are rounded likewise. Sparse weights keep their zeros,
    shared ones share their (trained) values. Scales, zero points and all other constants are the file's, and stay.

    The ``state_dict`` holds these parameters and nothing that the file says already, so it is to be loaded into a
    module of the same file. Batch norms are folded into the layers of a candidate's file, and dropout is not in it:
    training and evaluation mode compute the same.

    Attributes:
        source: the bytes of the file.
        program: the steps, and where the file holds what is trained.
    """

    def __init__(self, source: bytes, program: Program, modules: Mapping[str, nn.Module]) -> None:
        super().__init__()
        self.source = source
        self.program = program
        for name, module in modules.items():
            self.add_module(name, module)

    def forward(self, *inputs: Tensor, **named: Tensor) -> Tensor | dict[str, Tensor]:
        """What the file computes.

        Args:
            inputs: in the order of the file's inputs.
            named: those that are left, by their names in the file.

        Returns:
            The one output, or of several a dict by their names in the file.

        Raises:
            TypeError: for inputs that the file does not have, or lacks.
        """
        values = self._given(inputs, named)
        for step in self.program.steps:
            result = self._run(step, [values[name] for name in step.inputs])
            outputs = result if isinstance(result, tuple) else (result,)
            values.update(zip(step.outputs, outputs, strict=False))
            for name in step.last:
                del values[name]
        found = {name: values[name] for name in self.program.outputs}
        return found if len(found) > 1 else found[self.program.outputs[0]]

    def to_onnx(self, path: str | Path) -> Path:
        """Write the file that computes what this module computes, atomically; untrained, the bytes it was made of.

        The graph is the file's, with the weights as they are: integers rounded, zeros and shared values kept.

        Raises:
            ParefrontError: for a weight that is not finite.
        """
        target = Path(path)
        content = self.to_bytes()
        target.parent.mkdir(parents=True, exist_ok=True)
        write_bytes(target, content)
        return target

    def to_bytes(self) -> bytes:
        """The file that :meth:`to_onnx` writes."""
        return written(self.source, [(slots, self._content(name)) for name, slots in self.program.slots.items()])

    def _content(self, name: str) -> np.ndarray:
        owner, _, key = name.rpartition(".")
        weight = getattr(self.get_submodule(owner), key)
        for parameter in weight.parameters() if isinstance(weight, nn.Module) else [weight]:
            if not bool(torch.isfinite(parameter).all()):
                raise ParefrontError(f"{name} is not finite, so it cannot be written; train with a smaller step")
        if isinstance(weight, StoredWeight):
            return weight.content()
        return np.asarray(weight.detach().float().cpu().numpy())

    def _given(self, inputs: Sequence[Tensor], named: Mapping[str, Tensor]) -> dict[str, Any]:
        names = self.program.inputs
        given = dict(zip(names, inputs, strict=False))
        wrong = [name for name in named if name not in names or name in given]
        missing = [name for name in names if name not in given and name not in named]
        if len(inputs) > len(names) or wrong or missing:
            came = ", ".join([*(f"#{index + 1}" for index in range(len(inputs))), *named]) or "none"
            raise TypeError(f"expected the inputs {', '.join(names)}, each once, in this order or by name; got {came}")
        return given | dict(named)

    def _run(self, step: Step, inputs: Sequence[Tensor]) -> Any:
        try:
            return self.get_submodule(step.module)(*inputs)
        except ParefrontError as error:
            raise ParefrontError(f"node {step.module!r}: {error}") from None
