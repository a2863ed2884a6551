"""Many exports in one process: what PyTorch looks up of its operators for each is looked up once for all of them."""

from __future__ import annotations

import functools
import gc
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest


@contextmanager
def one_table_of_operators() -> Iterator[None]:
    """Inside, each export gets a copy of the table that the first one has made.

    Making it parses the Python source of 900 functions, which took a quarter of the CPU time of all tests. A user's
    process exports once. Where this version of PyTorch keeps the table elsewhere, nothing is shared.
    """
    try:
        from torch.onnx._internal.exporter._registration import ONNXRegistry
    except ImportError:
        yield
        return
    make: Callable[..., Any] = functools.cache(ONNXRegistry.from_torchlib)

    def copied(*args: Any, **kwargs: Any) -> Any:
        made, copy = make(*args, **kwargs), ONNXRegistry()
        vars(copy).update(vars(made), functions={name: list(found) for name, found in made.functions.items()})
        return copy

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("torch._export.utils._materialize_cpp_cia_ops", _operators_listed_once(), raising=False)
        patch.setattr(ONNXRegistry, "from_torchlib", staticmethod(copied))
        yield


def _operators_listed_once() -> Callable[[], None]:
    """For each namespace of operators, 15 times an export, PyTorch makes sure that all of C++ are known to Python.

    Operators that are loaded later are known once something uses them; none of them is in our networks. What has been
    imported stays, too, so that the garbage collector need not go through it.
    """
    from torch._export import utils

    listed: Callable[[], None] = functools.cache(getattr(utils, "_materialize_cpp_cia_ops", lambda: None))
    gc.collect()
    gc.freeze()
    return listed
