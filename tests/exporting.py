"""Many evaluations in one process: what is the same for all, or was exported before, is not worked out again."""

from __future__ import annotations

import functools
import gc
import hashlib
import io
import os
import pickle
import zipfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import onnx
import onnx_ir as ir
import pytest
import torch
from torch import nn

from parefront.evaluators.device.device import Device
from parefront.evaluators.results.measurement import Measurement
from parefront.evaluators.trial import evaluate
from parefront.evaluators.trial.timing.clock import Clock
from parefront.spaces.network import trace
from parefront.spaces.network.export import Exported, export
from parefront.spaces.tensors.batch import Tensors, named

EXPORTS = "PAREFRONT_TEST_EXPORTS"
"""Of the environment: the folder of what was exported and read, for processes that a test starts."""


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


@contextmanager
def equal_models_exported_once(folder: Path) -> Iterator[None]:
    """Inside, a model that equals one that was traced before, down to its weights, gets a copy of that one's graph.

    Most tests trace a network that many others trace, too: of 65 exports in the tests of trials, 55 were made before.
    What one process has exported lies in ``folder`` for all that use the same one; it is to be new, since nothing tells
    there of the code that has exported.
    """

    def remembered(model: nn.Module, example: Tensors, outputs: Sequence[str] = ("output",)) -> Exported:
        key = _digest(model, example, outputs)
        if key is None:
            return export(model, example, outputs)
        file = folder / f"{key}.pickle"
        if file.exists():
            content, kept = pickle.loads(file.read_bytes())
            assert isinstance(kept, Exported)
            return replace(kept, graph=ir.serde.deserialize_graph(onnx.GraphProto.FromString(content)))
        made = export(model, example, outputs)
        if _is_whole(made.graph):
            content = ir.serde.serialize_graph(made.graph).SerializeToString()
            _write(file, pickle.dumps((content, replace(made, graph=None))))  # type: ignore[arg-type]
        return made

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(trace, "export", remembered)
        yield


def _digest(model: nn.Module, example: Tensors, outputs: Sequence[str]) -> str | None:
    """Of a model's classes and weights, its inputs' shapes and types, its outputs' names; None where it has none."""
    inputs = [(name, tuple(value.shape), value.dtype) for name, value in named(example, "input").items()]
    written = io.BytesIO()
    try:
        torch.save((model, inputs, list(outputs)), written)
    except Exception:  # of what pickle cannot write, as a class that is defined in a function
        return None
    with zipfile.ZipFile(written) as parts:
        content = [parts.read(name) for name in sorted(parts.namelist()) if not name.endswith("serialization_id")]
    return hashlib.sha256(b"".join(content)).hexdigest()


def _is_whole(graph: ir.Graph) -> bool:
    """Whether all constants that nodes read are initializers; what is folded into shared layers is not, and is lost."""
    read = {value for node in graph for value in node.inputs if value is not None and value.const_value is not None}
    return read <= set(graph.initializers.values())


@contextmanager
def garbage_collected_seldom() -> Iterator[None]:
    """Inside, collections are rare, and making an evaluator does not go through all objects.

    That is right for a process that makes one evaluator and then builds candidates for an hour. Of tests, which make
    hundreds of them, it took a fifth of the CPU time.
    """
    nothing = SimpleNamespace(collect=lambda: 0, freeze=lambda: None, unfreeze=lambda: None)
    before = gc.get_threshold()
    gc.set_threshold(10_000, 10, 100)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(evaluate, "gc", nothing)
        yield
    gc.set_threshold(*before)


@contextmanager
def memory_read_once(folder: Path) -> Iterator[None]:
    """Inside, evaluators read the peak memory of a file on this machine once, and that of an uncompressed model in one.

    Each reading starts a process, the usual three for an uncompressed model: three quarters of the processes of tests
    that search. Hundreds of tests evaluate, and a few look at what was read. Readings lie in ``folder`` as exports do.
    """
    read = Clock.memory

    def remembered(clock: Clock, artifact: Path, repeats: int) -> Measurement:
        device = clock.first
        if not isinstance(device, Device) or device.options.command:
            return read(clock, artifact, repeats)
        asked = repr((device.options, clock._batch, repeats)).encode()
        file = folder / f"{hashlib.sha256(asked + artifact.read_bytes()).hexdigest()}.memory"
        if file.exists():
            found: Measurement = pickle.loads(file.read_bytes())
            return found
        found = read(clock, artifact, repeats)
        _write(file, pickle.dumps(found))
        return found

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(evaluate, "MEMORY_REPEATS", 1)
        patch.setattr(Clock, "memory", remembered)
        yield


def _write(file: Path, content: bytes) -> None:
    """So that others read all of it or find nothing."""
    written = file.with_suffix(f".{os.getpid()}")
    written.write_bytes(content)
    written.replace(file)
