"""Whether a plug-in keeps anything between two calls."""

from __future__ import annotations

from typing import Any

import torch


def state_of(plugin: Any) -> dict[str, Any]:
    """The attributes of an object and of its class, as values that can be compared later."""
    held = {
        name: value
        for kind in reversed(type(plugin).__mro__)
        if kind is not object
        for name, value in vars(kind).items()
        if not name.startswith(("__", "_abc_"))
    }
    return {name: _value(value) for name, value in (held | vars(plugin)).items()}


def assert_nothing_kept(plugin: Any, before: dict[str, Any]) -> None:
    """Fail where an attribute is another one than ``before``, which :func:`state_of` gave."""
    after = state_of(plugin)
    kept = sorted(name for name in {*before, *after} if before.get(name) != after.get(name))
    assert not kept, f"{plugin.name} keeps {', '.join(kept)} between calls"


def _value(held: Any) -> Any:
    """What an attribute holds, by value where it is data; functions and classes by themselves."""
    if isinstance(held, torch.Tensor):
        return "tensor", tuple(held.shape), held.detach().cpu().numpy().tobytes()
    if isinstance(held, dict):
        return "dict", [(repr(key), _value(value)) for key, value in held.items()]
    if isinstance(held, list | tuple):
        return type(held).__name__, [_value(value) for value in held]
    if callable(held):
        return held
    return (type(held).__name__, _value(vars(held))) if hasattr(held, "__dict__") else repr(held)
