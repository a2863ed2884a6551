"""How a task's model takes the inputs of its samples and returns its outputs."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from ...spaces.errors import TaskError
from ...spaces.messages import first_line
from ...spaces.network.wrappers import evaluating
from ...spaces.task import Task
from ...spaces.tensors.signature import InputForm, OutputForm, Signature
from ...spaces.tensors.structure import StructureError, transformed
from .reading import read_sample


def input_form(task: Task) -> InputForm:
    """How the inputs of a sample are nested and called, by the first one of the calibration split.

    Raises:
        TaskError: where they hold something else than tensors, or the model takes them in no way.
    """
    try:
        return InputForm.of(task.model, _first(task))
    except StructureError as error:
        raise TaskError(f"task.calibration: the inputs of sample 0: {error}") from error


def signature_of(task: Task) -> Signature:
    """The same with the outputs, by running the model on that sample.

    Raises:
        TaskError: as :func:`input_form`; or where outputs are no tensors, or the model fails.
    """
    inputs = transformed(_first(task), _batched)
    with evaluating(task.model) as model:
        try:
            return Signature.of(model, inputs)
        except StructureError as error:
            raise TaskError(f"task.model: {error}") from error
        except Exception as error:
            raise TaskError(f"task.model failed on sample 0 of the calibration split: {first_line(error)}") from error


def metric_form(task: Task, outputs: OutputForm) -> OutputForm:
    """How the task's metric is given the outputs: as the model returns them; one that is called by its name is given
    the only tensor, wherever that lies."""
    return OutputForm.bare() if isinstance(task.metric, str) and len(outputs.names) == 1 else outputs


def _first(task: Task) -> Any:
    return read_sample(task.calibration, 0, "task.calibration")[0]


def _batched(sample: Tensor) -> Tensor:
    """A batch of the sample twice."""
    return torch.stack([sample, sample])
