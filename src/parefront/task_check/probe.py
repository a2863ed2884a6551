"""Runs the model on a few images, alone and in batches: it has to give each of them the same output in any company."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from ..spaces.errors import TaskError
from ..spaces.messages import first_line
from ..spaces.tensors.batch import Batch, Tensors, joined, mapped, named
from ..spaces.tensors.signature import OUTPUT, InputForm, OutputForm
from ..spaces.tensors.structure import StructureError

TOLERANCE = 1e-3
"""Largest difference allowed between an image's output alone and in a batch, relative to the largest output: torch adds
up in another order for another batch size."""


def probe(model: nn.Module, name: str, images: Tensors, form: InputForm | None = None) -> tuple[OutputForm, Tensors]:
    """Run the model on each image alone, on all in one batch, and on each beside others that are made of them.

    Args:
        model: in eval mode.
        name: of the split, for error messages.
        images: ``(n, …)``, a few, or several inputs by name; they may be equal to each other.
        form: how the model is given them; one tensor where None.

    Returns:
        How the model returns its outputs, and those of the batch, ``(n, …)``.

    Raises:
        TaskError: where the model fails, gives something else than finite tensors with a batch axis, or gives an
            image another output in another batch, or at another time.
    """
    run = _Runner(model, name, form or InputForm.bare())
    alone = [run(images[index : index + 1]) for index in range(len(images))]
    together = run(images)
    if not all(torch.isfinite(output).all() for output in named(together, OUTPUT).values()):
        raise TaskError(f"task.model: its output on {run.where(images)} has NaN")
    if not _alike(alone[0], run(images[:1])):
        raise TaskError(
            f"task.model: two runs on one input of the {name} split give two outputs: something in it is random or "
            "keeps a state in eval mode, e.g. F.dropout without training=self.training"
        )
    others = run(joined([images[:1], mapped(_neighbours, images)]))
    if not (_alike(joined(alone), together) and _alike(alone[0], others[:1])):
        raise TaskError(_depends_on_batch(model, name))
    assert run.outputs is not None
    return run.outputs, together


def _neighbours(images: Tensor) -> Tensor:
    """Other images in the same range, also where all the given ones are equal: mirrored, with less contrast.

    Whole numbers and truth values are mirrored, and those of the sample before.
    """
    if not images.is_floating_point():
        return images.flip(list(range(1, images.dim()))).roll(1, 0)
    if images.dim() == 1:
        return images.roll(1, 0)
    mean = images.flatten(1).mean(1).reshape(-1, *[1] * (images.dim() - 1))
    axes = list(range(1, images.dim()))
    contrast = torch.linspace(0.1, 0.5, len(images)).reshape(mean.shape)
    return mean + contrast * (images.flip(axes) - mean)


def _alike(first: Tensors, second: Tensors) -> bool:
    """Whether all outputs are equal but for the order of additions; whole numbers have to be equal."""
    others = named(second, OUTPUT)
    return all(_is_alike(output, others[name]) for name, output in named(first, OUTPUT).items())


def _is_alike(first: Tensor, second: Tensor) -> bool:
    if first.shape != second.shape:
        return False
    if not first.is_floating_point():
        return torch.equal(first, second)
    largest = float(first.abs().max()) if first.numel() else 0.0
    return bool(((first - second).abs() <= TOLERANCE * largest).all())


def _depends_on_batch(model: nn.Module, name: str) -> str:
    head = f"task.model: its output for an image of the {name} split depends on the other images of the batch"
    layer = next(_without_statistics(model), None)
    if layer is not None:
        return (
            f"{head}: batch norm {layer!r} has no statistics of its own and takes those of the batch; train it with "
            "track_running_stats=True and call eval()"
        )
    return (
        f"{head}; expected outputs of each image by itself: no statistics over axis 0, batch norms with "
        "track_running_stats=True, model.eval()"
    )


def _without_statistics(model: nn.Module) -> Iterator[str]:
    """Names of the batch norms that normalise by the statistics of the batch in eval mode, too."""
    return (
        name
        for name, module in model.named_modules()
        if isinstance(module, _BatchNorm) and not module.track_running_stats
    )


class _Runner:
    """Runs the model on batches of a split; what it returns has to be nested alike each time."""

    def __init__(self, model: nn.Module, name: str, form: InputForm) -> None:
        self._model, self._name, self._form = model, name, form
        self.outputs: OutputForm | None = None

    def __call__(self, batch: Tensors) -> Tensors:
        where = self.where(batch)
        try:
            with torch.no_grad():
                returned = self._form.run(self._model, batch)
        except Exception as error:
            if next(_without_statistics(self._model), None) is not None and len(batch) == 1:
                raise TaskError(_depends_on_batch(self._model, self._name)) from error
            whole = _whole_numbers(batch)
            raise TaskError(f"model failed on {where}: {first_line(error)}{whole}") from error
        try:
            self.outputs = self.outputs or OutputForm.of(returned, self._form.names)
            found = self.outputs.batch(returned)
        except StructureError as error:
            raise TaskError(
                f"model: outputs for {where}: {error}; return tensors, or tuples, lists, dicts or dataclasses of "
                "tensors, the same ones for every batch"
            ) from error
        for name, output in named(found, OUTPUT).items():
            if output.dim() == 0 or len(output) != len(batch):
                which = "an output" if name == OUTPUT else f"an output {name}"
                raise TaskError(
                    f"model: expected {which} with a batch axis of {len(batch)} for {where}, got {tuple(output.shape)}"
                )
        return found

    def where(self, batch: Tensors) -> str:
        """The batch in words."""
        if not isinstance(batch, Batch):
            return f"an input of shape {tuple(batch.shape)} from the {self._name} split"
        shapes = ", ".join(f"{name} {tuple(part.shape)}" for name, part in batch.parts.items())
        return f"inputs of the shapes {shapes} from the {self._name} split"


def _whole_numbers(batch: Tensors) -> str:
    """What to do about inputs that are no floating point numbers, where a model fails on them; "" where all are."""
    found = [
        f"{name} is {part.dtype}" for name, part in named(batch, "the input").items() if not part.is_floating_point()
    ]
    return f" ({', '.join(found)}; give float32 where the model does not convert it)" if found else ""
