"""Turns what pydantic found wrong into one line: the key by its path, what was expected, what came."""

from __future__ import annotations

import re
import types
import typing
from collections.abc import Sequence
from typing import Any

from pydantic import BaseModel, ValidationError

from ..spaces.masking import masked, masked_text
from ..spaces.messages import did_you_mean

ONE, SEVERAL = "one device", "like devices"
"""Tags of the two forms of an entry of ``devices``, which pydantic puts into its paths; no key has a space."""


def explain(error: ValidationError, model: type[BaseModel], prefix: str = "") -> tuple[str, str]:
    """The message for the fault that is told first, and the dotted key it is about.

    Unknown keys are told before missing ones: a key that is mistyped is usually also the one that is missing.

    Args:
        error: what pydantic raised.
        model: the model that was validated; its fields are the known keys.
        prefix: put before the key, where the model is a part of a larger config.
    """
    faults: list[Any] = list(error.errors())
    fault = next((f for f in faults if f["type"] == "extra_forbidden"), faults[0])
    loc = [part for part in fault["loc"] if part not in (ONE, SEVERAL)]
    path = [str(part) for part in loc]
    key = prefix + ".".join(path)
    if fault["type"] == "extra_forbidden":
        parent, named = key[: -len(path[-1])], [part for part in loc[:-1] if isinstance(part, str)]
        return f"unknown key {key!r}" + did_you_mean(path[-1], _known(model, named), parent), key
    if fault["type"] == "missing":
        return f"missing key {key!r}", key
    return f"{key}: {_expectation(fault['msg'])}, got {_short(fault['input'])}", key


def _known(model: type[BaseModel], path: Sequence[str]) -> list[str]:
    """The keys that the model, or the model in it at ``path``, has."""
    annotation: Any = model
    for part in path:
        inner = _model_in(annotation)
        if inner is not None:
            field = inner.model_fields.get(part)
            annotation = field.annotation if field else None
        else:  # the name of an entry of a mapping, which may be any
            annotation = typing.get_args(annotation)[1] if typing.get_origin(annotation) is dict else None
    found = _model_in(annotation)
    if found is None:
        return []
    model = found
    return [field.alias or name for name, field in model.model_fields.items()]


def _model_in(annotation: Any) -> type[BaseModel] | None:
    while typing.get_origin(annotation) is typing.Annotated:
        annotation = typing.get_args(annotation)[0]
    is_union = isinstance(annotation, types.UnionType) or typing.get_origin(annotation) is typing.Union
    for option in typing.get_args(annotation) if is_union else (annotation,):
        while typing.get_origin(option) is typing.Annotated:
            option = typing.get_args(option)[0]
        if isinstance(option, type) and issubclass(option, BaseModel):
            return option
    return None


def _expectation(message: str) -> str:
    """What pydantic expected, in the words of the other messages."""
    message = re.sub(r"a valid dictionary( or instance of \w+)?", "a mapping", message.removeprefix("Value error, "))
    message = re.sub(r"^Input should be (?=greater|less)", "expected a number ", message)
    message = re.sub(r"^Input should be ", "expected ", message)
    return message[:1].lower() + message[1:]


def _short(value: object, limit: int = 60) -> str:
    text = masked_text(repr(masked(value)))
    return text if len(text) <= limit else text[: limit - 1] + "…"
