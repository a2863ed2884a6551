"""Compressors by name, the project's own and those of other packages, found through entry points."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError

from ..spaces.errors import ConfigError
from ..spaces.installed import entry_points
from ..spaces.messages import did_you_mean
from .base import Compressor
from .target import Target

GROUP = "parefront.compressors"


def known() -> dict[str, str]:
    """The names of all compressors, with where each comes from."""
    return {point.name: point.value for point in sorted(entry_points(group=GROUP), key=lambda p: p.name)}


def find(name: str) -> type[Compressor]:
    """The compressor class of that name.

    Raises:
        ConfigError: for an unknown name; lists the known ones.
    """
    for point in entry_points(GROUP, name):
        found = point.load()
        if not (isinstance(found, type) and issubclass(found, Compressor)):
            raise ConfigError(f"compressor {name!r}: expected a subclass of Compressor, got {found!r}")
        return found
    raise ConfigError(f"unknown compressor {name!r}{did_you_mean(name, known())}")


def create(name: str, options: Mapping[str, Any] | None = None, target: Target | None = None) -> Compressor:
    """A compressor from its name and its options as the config gives them.

    Raises:
        ConfigError: for an unknown name or option, or a value that does not fit; one line.
    """
    kind = find(name)
    try:
        return kind(kind.Options.model_validate(dict(options or {})), target)
    except ValidationError as error:
        raise ConfigError(f"compress.{name}: {_explain(error, kind)}") from None


def _explain(error: ValidationError, kind: type[Compressor]) -> str:
    first = error.errors()[0]
    where = ".".join(str(part) for part in first["loc"])
    if first["type"] != "extra_forbidden":
        return f"{where}: {first['msg']}, got {first.get('input')!r}"
    return f"unknown option {where!r}{did_you_mean(where, kind.Options.model_fields)}"
