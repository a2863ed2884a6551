"""What can be told of a metric of the user's own without knowing it: its class, its direction, its plain settings."""

from __future__ import annotations

import copy
import enum
from collections.abc import Iterator, Mapping
from typing import Any

import torch

from ....evaluators.quality.scoring.quality import Quality


def settings_of(metric: Any) -> dict[str, str]:
    """``name``, ``higher is better`` and the settings, as text.

    Settings are the public attributes of plain values, those of metrics inside included. What a metric has counted is
    none of them: it is asked to forget that first, in a copy.
    """
    if isinstance(metric, str):
        return {"name": metric}
    if isinstance(metric, Quality):
        return {key: str(value) for key, value in metric.metric.to_json().items()}
    kind = metric if isinstance(metric, type) or not hasattr(metric, "update") else type(metric)
    direction = getattr(metric, "higher_is_better", None)
    found = {"name": getattr(kind, "__qualname__", type(metric).__qualname__), "higher is better": str(direction)}
    try:
        fresh = copy.deepcopy(metric)
        fresh.reset()
    except Exception:  # a metric without either is refused where it is used; here it has no settings that can be told
        return found
    return found | dict(_settings(fresh, ""))


def _settings(value: Any, prefix: str) -> Iterator[tuple[str, str]]:
    states = getattr(value, "_defaults", {})
    modules = getattr(value, "_modules", {})
    for name, held in sorted({**vars(value), **modules}.items()):
        if name.startswith("_") or name in states or name == "training":
            continue
        if _is_plain(held):
            yield f"{prefix}{name}", str(held)
        elif isinstance(held, torch.Tensor) and held.numel() <= 1000:
            yield f"{prefix}{name}", str(held.tolist())
        elif isinstance(held, torch.nn.Module):
            yield f"{prefix}{name}", type(held).__qualname__
            yield from _settings(held, f"{prefix}{name}.")


def _is_plain(value: Any) -> bool:
    if isinstance(value, Mapping):
        return all(_is_plain(item) for pair in value.items() for item in pair)
    if isinstance(value, list | tuple):
        return all(map(_is_plain, value))
    return value is None or isinstance(value, bool | int | float | str | enum.Enum | torch.dtype)
