"""Digests of all that a node's value is made from, so that networks are known to begin alike."""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Callable, Mapping, Set
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor, fx, nn

from ..tensors.sharing import to_array

PLAIN = {bool, int, float, complex, str, bytes, type(None), torch.dtype, torch.device, torch.memory_format}
_unlike = itertools.count()


class _Hash(Protocol):
    def update(self, content: Any, /) -> None: ...


def digests(net: fx.GraphModule, about: Callable[[fx.Node], object] = lambda _: None) -> dict[fx.Node, bytes]:
    """SHA-256 for each node, of itself and of all nodes before it: what they call, with which weights, on what.

    Two nodes of equal digests give equal values on equal inputs, and so do all nodes before them. A module that holds
    what cannot be compared is unlike any other one, itself included.

    Args:
        net: the network, its modules called by nodes.
        about: what else has to be equal of a node, made of plain values.
    """
    found: dict[fx.Node, bytes] = {}
    chain = hashlib.sha256()
    for node in net.graph.nodes:
        target = f"{node.target.__module__}.{node.target.__qualname__}" if callable(node.target) else node.target
        _add(chain, (node.op, node.name, target, str(node.args), str(node.kwargs), about(node)))
        if node.op == "call_module":
            _add(chain, net.get_submodule(str(node.target)))
        elif node.op == "get_attr":
            _add(chain, object())
        found[node] = chain.digest()
    return found


def _add(chain: _Hash, value: Any) -> None:
    """Take a value in, with its type and its length, so that different values never look alike."""
    if type(value) in PLAIN:
        text = repr(value)
        chain.update(f"{type(value).__name__} {len(text)}:{text}".encode())
    elif isinstance(value, Tensor):
        _add_array(chain, to_array(value))
    elif isinstance(value, np.ndarray) and value.dtype.kind != "O":
        _add_array(chain, value)
    elif isinstance(value, nn.Module):
        chain.update(f"{type(value).__module__}.{type(value).__qualname__}:".encode())
        _add(chain, {key: held for key, held in vars(value).items() if not _is_empty(held)})  # as are hooks
    elif isinstance(value, Mapping):
        _add(chain, [part for item in value.items() for part in item])
    elif isinstance(value, list | tuple):
        chain.update(f"{type(value).__name__} {len(value)}:".encode())
        for part in value:
            _add(chain, part)
    else:
        chain.update(f"unlike {next(_unlike)}:".encode())


def _is_empty(value: object) -> bool:
    return isinstance(value, Mapping | Set) and not value


def _add_array(chain: _Hash, array: np.ndarray) -> None:
    chain.update(f"array {array.dtype.str}{array.shape}{array.strides}:".encode())
    chain.update(np.ascontiguousarray(array).reshape(-1).view(np.uint8).data)
