"""How far a module's outputs are from those of a file in ONNX Runtime."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnxruntime as ort
import torch
from torch import Tensor

from ...spaces.errors import ParefrontError
from ...spaces.files import read_bytes
from ..storage.packed_file import load_packed
from .exact_session import exact_session
from .module import ArtifactModule

SAMPLES = 4
"""Inputs that are drawn where none are given."""
STEPS = 255
"""Steps of an 8-bit integer that spans an output."""
_TYPES = {"tensor(float)": torch.float32, "tensor(int64)": torch.int64, "tensor(int32)": torch.int32,
          "tensor(bool)": torch.bool, "tensor(double)": torch.float64}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Difference:
    """The largest absolute difference of one output between a module and a file; lower is better.

    Attributes:
        relative: to the largest absolute output of the file.
        int8_steps: in steps of an 8-bit integer from the least to the greatest output of the file.
    """

    relative: float
    int8_steps: float


@dataclass(frozen=True, slots=True)
class Parity:
    """The differences of all outputs.

    Attributes:
        outputs: by the output's name.
        samples: how many inputs they were taken over.
    """

    outputs: Mapping[str, Difference]
    samples: int

    @property
    def relative(self) -> float:
        """The greatest relative difference of any output."""
        return max(difference.relative for difference in self.outputs.values())

    @property
    def int8_steps(self) -> float:
        """The greatest difference of any output in 8-bit steps."""
        return max(difference.int8_steps for difference in self.outputs.values())

    def __str__(self) -> str:
        each = [f"{n}: {d.relative:.1e} of the largest, {d.int8_steps:.2g} int8 steps" for n, d in self.outputs.items()]
        return f"{'; '.join(each)} ({self.samples} samples)"


def parity(
    module: ArtifactModule,
    file: str | Path | None = None,
    inputs: Sequence[Tensor] | Mapping[str, Tensor] | Tensor | None = None,
) -> Parity:
    """Compare a module with a file in ONNX Runtime on this machine's CPU.

    Args:
        module: as :func:`load` or :meth:`Candidate.module` gives it, trained or not.
        file: ``.onnx`` or ``.pfz``, with the inputs and outputs of the module's; by default what
            :meth:`ArtifactModule.to_onnx` would write.
        inputs: the input, or the inputs in the file's order or by its names, shape ``(samples, …)``; by default four
            samples of standard normal noise from a fixed seed, or zeros for inputs of integers.

    Raises:
        ParefrontError: where the file's inputs or outputs are not those of the module, or other inputs are given.
    """
    session = exact_session(module.to_bytes() if file is None else _content(Path(file)))
    names = tuple(given.name for given in session.get_inputs())
    outputs = [given.name for given in session.get_outputs()]
    if (names, tuple(outputs)) != (module.program.inputs, module.program.outputs):
        expected = f"{', '.join(module.program.inputs)} → {', '.join(module.program.outputs)}"
        raise ParefrontError(
            f"{file}: expected {expected}, as the module has; got {', '.join((*names, '→', *outputs))}"
        )
    tensors = _drawn(session) if inputs is None else _in_order(inputs, names)
    feeds = {name: tensor.detach().cpu().numpy() for name, tensor in zip(names, tensors, strict=True)}
    expected_outputs = session.run(outputs, feeds)
    where = next((parameter.device for parameter in module.parameters()), torch.device("cpu"))
    with torch.no_grad():
        found = module(*(tensor.to(where) for tensor in tensors))
    actual = found if isinstance(found, dict) else {outputs[0]: found}
    pairs = zip(outputs, expected_outputs, strict=True)
    compared = {name: _difference(wanted, actual[name].cpu().numpy()) for name, wanted in pairs}
    return Parity(compared, len(tensors[0]) if tensors and tensors[0].dim() else 1)


def _in_order(inputs: Sequence[Tensor] | Mapping[str, Tensor] | Tensor, names: Sequence[str]) -> list[Tensor]:
    given = {names[0]: inputs} if isinstance(inputs, Tensor) else inputs
    came: Iterable[str | int] = given if isinstance(given, Mapping) else range(len(given))
    if set(came) not in (set(names), set(range(len(names)))):
        got = f"those named {', '.join(given)}" if isinstance(given, Mapping) else str(len(given))
        raise ParefrontError(f"expected the inputs {', '.join(names)}, in this order or by name; got {got}")
    return [given[name] for name in names] if isinstance(given, Mapping) else list(given)


def _content(path: Path) -> bytes:
    return load_packed(path) if path.suffix.lower() == ".pfz" else read_bytes(path, follow=True)


def _drawn(session: ort.InferenceSession) -> list[Tensor]:
    generator = torch.Generator().manual_seed(0)
    tensors = []
    for given in session.get_inputs():
        kind = _TYPES.get(given.type)
        if kind is None:
            raise ParefrontError(f"input {given.name} is a {given.type}; give the inputs to compare on")
        free = [size for size in given.shape[1:] if not isinstance(size, int)]
        if free:
            raise ParefrontError(f"input {given.name} has sizes that are free ({free}); give the inputs to compare on")
        first = given.shape[0] if given.shape and isinstance(given.shape[0], int) else SAMPLES
        shape = [first, *given.shape[1:]] if given.shape else []
        noise = torch.randn(shape, generator=generator)
        tensors.append(noise.to(kind) if kind.is_floating_point else torch.zeros(shape, dtype=kind))
    return tensors


def _difference(wanted: np.ndarray, actual: np.ndarray) -> Difference:
    if wanted.shape != actual.shape:
        raise ParefrontError(f"the file gives shape {wanted.shape}, the module {actual.shape}")
    numbers = wanted.astype(np.float64)
    apart = float(np.abs(numbers - actual).max(initial=0.0))
    largest, span = float(np.abs(numbers).max(initial=0.0)), float(np.ptp(numbers)) if numbers.size else 0.0
    return Difference(apart / (largest or 1.0), apart * STEPS / (span or 1.0))
