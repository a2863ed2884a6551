"""Options of a sampler: read from a mapping into a frozen dataclass, with one clear line where they cannot be."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import fields
from typing import Any, TypeVar

from ...spaces.errors import ConfigError
from ...spaces.messages import did_you_mean

T = TypeVar("T")


def read_options(kind: type[T], options: Mapping[str, Any], sampler: str) -> T:
    """The options as the dataclass ``kind``, whose fields' defaults stand for what is not given.

    Raises:
        ConfigError: for an option that there is not, naming the nearest; and what ``kind`` itself finds wrong.
    """
    refuse_unknown(options, [field.name for field in fields(kind)], sampler)  # type: ignore[arg-type]
    return kind(**options)


def refuse_unknown(options: Mapping[str, Any], known: Collection[str], sampler: str) -> None:
    """Raise ``ConfigError`` for the first option that is not ``known``."""
    for name in options:
        if name not in known:
            hint = did_you_mean(name, known) or "; it takes none"
            raise ConfigError(f"sampler_options: {sampler!r} has no option {name!r}{hint}")
