"""A model → the ONNX program that ``torch.onnx`` makes of it, for any batch size; what stops it, in one line."""

from __future__ import annotations

import inspect
import re
import traceback
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import onnx_ir
import onnxscript
import torch
from torch import Tensor, nn
from torch._subclasses import fake_tensor

from ..errors import TraceError
from ..messages import first_line, one_line
from ..tensors.batch import Tensors, named
from ..tensors.signature import INPUT, OUTPUT

OPSET = 21
"""Loaded by ONNX Runtime 1.20 and later; the first with 4-bit integers."""


def onnx_program(model: nn.Module, example: Tensors, outputs: Sequence[str] = (OUTPUT,)) -> torch.onnx.ONNXProgram:
    """``model`` as ``torch.onnx.export`` gives it, not optimised, the batch axis of every tensor dynamic.

    Where the model takes its batch size as a plain number (``len(x)``, ``int(x.shape[0])``), ``torch.onnx`` fixes it
    without a word. The model is captured from its Python code then (``strict``), where that number stays a symbol.

    Args:
        model: takes the tensors of ``example`` one by one, and returns one tensor or a tuple of them.
        example: the one tensor, called ``input``, or several with their names.
        outputs: names of what the model returns.

    Raises:
        TraceError: where the model cannot be exported for any batch size: what stops it, where, and what to do.
    """
    inputs = named(example, INPUT)
    try:
        with _constants_known():
            program = _convert(model, inputs, outputs)
            if not _fixed(program):
                return program
            arguments, shapes = tuple(inputs.values()), _shapes(model, len(inputs))
            strict = torch.export.export(model, arguments, dynamic_shapes=shapes, strict=True)
            program = _convert(strict, inputs, outputs)
    except Exception as error:
        raise TraceError(f"the model cannot be exported to ONNX: {_reason(error)}") from error
    if _fixed(program):
        raise TraceError(f"the model cannot be exported to ONNX: {_FIXED}; {_FREE_IT}")
    return program


_LIBRARIES = tuple(Path(str(module.__file__)).resolve().parent for module in (torch, onnx_ir, onnxscript))
_FIXED = "its code works for one batch size only"
_FREE_IT = "write shapes with x.shape[0] or -1, and no Python loop over the batch"
_KNOWN_NUMBERS = 4096
"""Constants of up to so many elements have known values while the model is captured, so that checks of them pass."""


@contextmanager
def _constants_known() -> Iterator[None]:
    """Have ``torch.export`` know the values of small constants, as of the deviations that ``Normalize`` looks at.

    By itself it knows those of single numbers only, and takes a check of three for a choice by the input.
    """
    before = fake_tensor.CONSTANT_NUMEL_LIMIT
    fake_tensor.CONSTANT_NUMEL_LIMIT = _KNOWN_NUMBERS
    try:
        yield
    finally:
        fake_tensor.CONSTANT_NUMEL_LIMIT = before


def _convert(
    model: nn.Module | torch.export.ExportedProgram, inputs: Mapping[str, Tensor], outputs: Sequence[str]
) -> torch.onnx.ONNXProgram:
    shapes = _shapes(model, len(inputs)) if isinstance(model, nn.Module) else None
    program = torch.onnx.export(
        model, tuple(inputs.values()), dynamo=True, optimize=False, verbose=False, opset_version=OPSET,
        input_names=list(inputs), output_names=list(outputs), dynamic_shapes=shapes,
    )  # fmt: skip
    assert program is not None
    return program


def _shapes(model: nn.Module, count: int) -> tuple[object, ...]:
    """The dynamic axes of ``count`` inputs, in the structure of the arguments of ``forward``."""
    axes: object = {0: torch.export.Dim("batch", min=1)}
    first = next(iter(inspect.signature(model.forward).parameters.values()), None)
    several = (axes,) * count
    return (several,) if first is not None and first.kind is first.VAR_POSITIONAL else several


def _fixed(program: torch.onnx.ONNXProgram) -> bool:
    """Whether the program works for the example's batch size only."""
    return any(value.shape is not None and isinstance(value.shape[0], int) for value in program.model.graph.inputs)


def _reason(error: BaseException) -> str:
    """What stops the export, in the words of the user's own code: the operator, the line, what to do."""
    causes = list(_causes(error))
    said = "\n".join(str(cause) for cause in causes)
    where = _place(causes, said)
    if "Constraints violated (batch)" in said:
        return f"{_FIXED}{where}; {_FREE_IT}"
    if "data-dependent" in said or "GuardOnDataDependent" in said:
        return f"what it computes depends on the values of its input{where}; write the choice as torch.where"
    operator = re.search(r"No ONNX function found for <OpOverload\(op='([\w.]+)'", said)
    if operator is not None:
        return f"the operator {operator[1]} has no counterpart in ONNX{where}; write that part with other operators"
    return f"torch.onnx cannot follow it{where}: {_told(causes[-1])}"


def _told(error: BaseException) -> str:
    return one_line(error) if len(first_line(error)) < 200 else f"{type(error).__name__}: {first_line(error):.200} …"


def _causes(error: BaseException) -> Iterator[BaseException]:
    """An exception and what it was raised from, down to the first one."""
    current: BaseException | None = error
    while current is not None:
        yield current
        current = current.__cause__


def _place(causes: list[BaseException], said: str) -> str:
    """``" at FILE:LINE (CODE)"`` of the user's code that was run last, or nothing where it is not known."""
    frames = [frame for cause in causes for frame in traceback.extract_tb(cause.__traceback__)]
    users = [(f.filename, f.lineno, f.line or "") for f in frames if _of_the_user(f.filename)]
    told = re.findall(r'File "([^"]+)", line (\d+), in \w+\n\s*(.*)', said)
    users += [found for found in told if _of_the_user(found[0])]
    if not users:
        return ""
    file, line, code = users[-1]
    return f" at {Path(file).name}:{line} ({code.strip()})"


def _of_the_user(file: str) -> bool:
    """Whether a file is neither Python's own, nor of the exporter, nor of this package."""
    path = Path(file)
    others = (*_LIBRARIES, Path(__file__).resolve().parent)
    standard = path.parent == Path(inspect.__file__).parent
    return path.is_file() and not standard and not any(path.resolve().is_relative_to(other) for other in others)
