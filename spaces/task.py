"""What the user gives: a trained model, three splits that never mix, and what "good" means."""

from __future__ import annotations

from collections.abc import Sequence, Sized
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

from torch import nn
from torch.utils.data import DataLoader


@runtime_checkable
class Dataset(Sized, Protocol):
    """A map-style dataset of ``(input, target)``: any ``torch.utils.data.Dataset`` with a length.

    The input is a tensor, or several in a tuple, a list, a dict or a dataclass: floating point numbers, whole numbers
    (indices that are looked up) or truth values (a mask). A tuple or a list is given to ``forward`` by position, a dict
    by keyword; where ``forward`` has no such parameters, as its one argument, as a dataclass is in any case.

    Inputs, and targets that are tensors, arrays or numbers, have one shape, and are batched. Targets of any number of
    things (boxes) are lists, tuples or mappings of those; metrics are given a list of them.
    """

    def __getitem__(self, index: int) -> Any: ...


@dataclass(frozen=True)
class Task:
    """A compression job.

    Attributes:
        model: float32 network in eval mode. Tensors of shape ``(batch, …)`` in, as the samples have them, and out: one,
            or several in a tuple, a list, a dict or a dataclass. The ONNX file's inputs are called as the parameters of
            ``forward`` (or the keys, or the fields, of its one argument), its outputs as keys or fields, ``output_0``,
            ``output_1`` in a tuple; a single one is called ``input``, or ``output``.
        calibration: images from the training data, for statistics; labels are used only by the Taylor criterion.
        search: held out of training; scores candidates.
        test: seen once, by the final front.
        train: for training the front; optional. A dataset, or a ``torch.utils.data.DataLoader`` with batches in its own
            order and with its own augmentation.
        metric: ``"accuracy"`` (top-1) or another name that ``parefront doctor`` lists; a ``torchmetrics.Metric``, which
            gives one number; or a function of outputs and targets that gives a score for each sample, shape ``(n,)``.
            Outputs are given nested as the model returns them.
        metric_name: what a metric of your own is called in configs, tables and JSON; by default the name of its class,
            ``mean_squared_error`` for ``MeanSquaredError``, or of the function. Objectives and budgets may call it
            ``accuracy``, too.
        higher_is_better: its direction; by default what the metric itself says, and to be given where it says nothing.
        metric_unit: ``"fraction"`` where it lies between 0 and 1, so that it is shown in per cent and budgets may be in
            points (``-1.0pt``), or e.g. ``"dB"``; by default what a ``torchmetrics.Metric`` says of its bounds.
        subgroups: of the samples of ``test``, for tasks with the metric accuracy: a sequence of names as long as that,
            or a function of a sample's input and target that gives one. What a compression changes in each subgroup is
            reported as it is for classes.
        class_names: for tasks with the metric accuracy, a sequence of names in the order of the labels, by which the
            page of a run calls the classes; by default those of ``test.classes``, where there are as many.
    """

    model: nn.Module
    calibration: Dataset
    search: Dataset
    test: Dataset
    train: Dataset | DataLoader[Any] | None = None
    metric: Any = "accuracy"
    metric_name: str | None = None
    higher_is_better: bool | None = None
    metric_unit: str | None = None
    subgroups: Any = None
    class_names: Sequence[str] | None = None
