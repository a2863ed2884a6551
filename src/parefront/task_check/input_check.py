"""How the inputs of every sample have to be: nested, shaped and typed as the first of the calibration split."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from ..spaces.errors import TaskError
from ..spaces.messages import kind
from ..spaces.tensors.batch import Tensors, unnamed
from ..spaces.tensors.signature import InputForm
from ..spaces.tensors.structure import StructureError, is_nested

Spec = tuple[tuple[int, ...], torch.dtype]
"""Shape, without a batch axis, and type of an input."""

WHOLE = (torch.int64, torch.int32, torch.int16, torch.int8, torch.uint8, torch.bool)
"""Types of inputs besides float32: indices, masks, pixels that the model converts itself."""


@dataclass(frozen=True)
class InputCheck:
    """What is expected of the inputs of a sample.

    Attributes:
        form: how they are nested and called.
        specs: by name.
    """

    form: InputForm
    specs: Mapping[str, Spec]

    @classmethod
    def of(cls, model: nn.Module, name: str, inputs: Any) -> InputCheck:
        """As the inputs of sample 0 of the split ``name`` are.

        Raises:
            TaskError: where they are no tensors of a type that can be an input, or the model takes them in no way.
        """
        if not is_nested(inputs):
            _check_type(name, inputs)
        try:
            form = InputForm.of(model, inputs)
        except StructureError as error:
            raise TaskError(f"task.{name}: the inputs of sample 0: {error}") from error
        parts = form.flatten(inputs)
        for key, part in parts.items():
            _check_type(name, part, f" {key}" if len(parts) > 1 else "")
        return cls(form, {key: (tuple(part.shape), part.dtype) for key, part in parts.items()})

    def check_first(self, name: str, inputs: Any) -> None:
        """Raise ``TaskError`` where sample 0 of the split ``name`` has inputs of other shapes."""
        for key, part in self._parts(name, 0, inputs).items():
            shape, expected = tuple(part.shape), self.specs[key][0]
            if shape != expected:
                what = "inputs have" if self._is_one else f"input {key} has"
                raise TaskError(
                    f"task.{name}: {what} shape {shape}, "
                    f"{'those' if self._is_one else 'that'} of the calibration split {expected}"
                )

    def check(self, name: str, index: int, inputs: Any, others: str = "others have") -> dict[str, Tensor]:
        """The inputs of a sample by name.

        Raises:
            TaskError: where they are nested, typed or shaped in another way.
        """
        parts = self._parts(name, index, inputs)
        for key, part in parts.items():
            shape, expected = tuple(part.shape), self.specs[key][0]
            if shape != expected:
                which = "" if self._is_one else f"an input {key} of "
                raise TaskError(
                    f"task.{name}: sample {index} has {which}shape {shape}, {others} {expected}; "
                    "expected one shape, so that images can be batched"
                )
        return parts

    def stack(self, samples: list[dict[str, Tensor]]) -> Tensors:
        """A batch of samples."""
        found: Tensors = unnamed({key: torch.stack([sample[key] for sample in samples]) for key in self.specs})
        return found

    @property
    def _is_one(self) -> bool:
        return len(self.specs) == 1

    def _parts(self, name: str, index: int, inputs: Any) -> dict[str, Tensor]:
        try:
            parts = self.form.flatten(inputs)
        except StructureError as error:
            raise TaskError(f"task.{name}: the inputs of sample {index}: {error}") from error
        for key, part in parts.items():
            dtype = self.specs[key][1]
            if not isinstance(part, Tensor) or part.dtype != dtype:
                which = "" if self._is_one else f" {key}"
                raise _other_type(name, index, part, str(dtype).removeprefix("torch."), which)
        return parts


def _check_type(name: str, came: Any, which: str = "") -> None:
    if not isinstance(came, Tensor) or came.dtype not in (torch.float32, *WHOLE):
        raise _other_type(name, 0, came, "float32", which)


def _other_type(name: str, index: int, came: Any, expected: str, which: str = "") -> TaskError:
    got = came.dtype if isinstance(came, Tensor) else getattr(came, "dtype", kind(came))
    article = "an" if expected.startswith("int") else "a"
    return TaskError(f"task.{name}: sample {index}: expected {article} {expected} tensor as input{which}, got {got}")
