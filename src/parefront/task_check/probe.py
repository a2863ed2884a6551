"""Runs the model on a few images, alone and in batches: it has to give each of them the same output in any company."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from ..spaces.errors import TaskError
from ..spaces.messages import first_line, kind

TOLERANCE = 1e-3
"""Largest difference allowed between an image's output alone and in a batch, relative to the largest output: torch adds
up in another order for another batch size."""


def probe(model: nn.Module, name: str, images: Tensor) -> Tensor:
    """Run the model on each image alone, on all in one batch, and on each beside others that are made of them.

    Args:
        model: in eval mode.
        name: of the split, for error messages.
        images: ``(n, …)``, a few; they may be equal to each other.

    Returns:
        The outputs of the batch, ``(n, …)``.

    Raises:
        TaskError: where the model fails, gives something else than one finite tensor with a batch axis, or gives an
            image another output in another batch, or at another time.
    """
    alone = [_run(model, name, image) for image in torch.split(images, 1)]
    together = _run(model, name, images)
    if not torch.isfinite(together).all():
        raise TaskError(f"task.model: its output on an input of shape {_shape(images)} from the {name} split has NaN")
    if not _alike(alone[0], _run(model, name, images[:1])):
        raise TaskError(
            f"task.model: two runs on one input of the {name} split give two outputs: something in it is random or "
            "keeps a state in eval mode, e.g. F.dropout without training=self.training"
        )
    others = _run(model, name, torch.cat([images[:1], _neighbours(images)]))
    if not (_alike(torch.cat(alone), together) and _alike(alone[0], others[:1])):
        raise TaskError(_depends_on_batch(model, name))
    return together


def _neighbours(images: Tensor) -> Tensor:
    """Other images in the same range, also where all the given ones are equal: mirrored, with less contrast."""
    mean = images.flatten(1).mean(1).reshape(-1, *[1] * (images.dim() - 1))
    axes = list(range(1, images.dim()))
    contrast = torch.linspace(0.1, 0.5, len(images)).reshape(mean.shape)
    return mean + contrast * (images.flip(axes) - mean)


def _alike(first: Tensor, second: Tensor) -> bool:
    """Whether two outputs are equal but for the order of additions; whole numbers have to be equal."""
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


def _run(model: nn.Module, name: str, batch: Tensor) -> Tensor:
    where = f"an input of shape {_shape(batch)} from the {name} split"
    try:
        with torch.no_grad():
            output = model(batch)
    except Exception as error:
        if next(_without_statistics(model), None) is not None and len(batch) == 1:
            raise TaskError(_depends_on_batch(model, name)) from error
        raise TaskError(f"model failed on {where}: {first_line(error)}") from error
    if not isinstance(output, Tensor):
        raise TaskError(f"model: expected one tensor as output for {where}, got {kind(output)}")
    if output.dim() == 0 or len(output) != len(batch):
        raise TaskError(
            f"model: expected an output with a batch axis of {len(batch)} for {where}, got {_shape(output)}"
        )
    return output


def _shape(tensor: Tensor) -> tuple[int, ...]:
    return tuple(tensor.shape)
