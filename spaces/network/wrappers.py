"""The user's model as it is traced: seen through the wrappers of torch, in eval mode, and left as it was."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import nn

from ..errors import TraceError

INNER = {
    "torch.nn.parallel.data_parallel.DataParallel": "module",
    "torch.nn.parallel.distributed.DistributedDataParallel": "module",
    "torch.optim.swa_utils.AveragedModel": "module",
    "torch._dynamo.eval_frame.OptimizedModule": "_orig_mod",
}
"""Modules that compute what the module inside computes: where it is held, by the wrapper's class and its subclasses."""


def unwrapped(model: nn.Module) -> nn.Module:
    """The module inside all wrappers that change nothing in what it computes; ``model`` itself where there is none.

    Raises:
        TraceError: for a TorchScript module, the Python code of which is gone.
    """
    held = _held(model)
    while held is not None:
        model, held = held, _held(held)
    for name, module in model.named_modules():
        if isinstance(module, torch.jit.ScriptModule):
            what = f"its module {name!r}" if name else "the model"
            raise TraceError(
                f"{what} is TorchScript (torch.jit), which cannot be taken apart into layers; "
                "pass the nn.Module that it was made from, with the same weights loaded"
            )
    return model


@contextmanager
def evaluating(model: nn.Module) -> Iterator[nn.Module]:
    """The unwrapped model in eval mode and not compiled; afterwards every module is as it was.

    What a forward pass keeps in a module (a mask of one batch, a tensor of the exporter's) is gone with it.

    Raises:
        TraceError: for a TorchScript module.
    """
    inner = unwrapped(model)
    before = {module: _state(module) for module in inner.modules()}
    try:
        inner.eval()
        for module in before:
            if module._compiled_call_impl is not None:
                module._compiled_call_impl = None
        yield inner
    finally:
        for module, state in before.items():
            vars(module).clear()
            vars(module).update(state)


def _state(module: nn.Module) -> dict[str, Any]:
    """All that a module refers to: its mode, its hooks, tensors, modules inside and whatever else it keeps."""
    return {name: copy.copy(value) if isinstance(value, dict) else value for name, value in vars(module).items()}


def _held(model: nn.Module) -> nn.Module | None:
    """The module inside one wrapper, or None where ``model`` is none."""
    for kind in type(model).__mro__:
        attribute = INNER.get(f"{kind.__module__}.{kind.__qualname__}")
        if attribute is not None:
            inner = getattr(model, attribute)
            assert isinstance(inner, nn.Module)
            return inner
    return None
