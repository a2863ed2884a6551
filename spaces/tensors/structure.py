"""Tensors nested in tuples, lists, dicts and dataclasses: taken apart in one order, and put together again."""

from __future__ import annotations

import copy
import dataclasses
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from torch import Tensor

from ..messages import kind

Path = tuple[str | int, ...]
"""Where a tensor lies in a value: keys, fields and positions, from the outside in."""


class StructureError(Exception):
    """A value that is not nested as expected, or that holds something else than tensors."""


@dataclass(frozen=True, eq=False)
class Structure:
    """How tensors are nested in a value.

    ``torch.utils._pytree`` does the same for what is registered there. A dataclass is not, unless the user's code
    registers it for the whole process; here every one is known. None may stand anywhere and is kept.

    Attributes:
        template: a value of this structure.
        paths: of its tensors, in order.
    """

    template: Any
    paths: tuple[Path, ...]

    @classmethod
    def of(cls, value: Any) -> Structure:
        """The structure of a value.

        Raises:
            StructureError: for anything in it that is neither a tensor nor None, and for a value without a tensor.
        """
        paths = []
        for path, leaf in _leaves(value):
            if not isinstance(leaf, Tensor):
                raise StructureError(f"expected tensors, got {kind(leaf)}{_at(path)}")
            paths.append(path)
        if not paths:
            raise StructureError(f"expected tensors, got {kind(value)} without any")
        return cls(value, tuple(paths))

    @property
    def is_bare(self) -> bool:
        """Whether the value is a tensor itself."""
        return self.paths == ((),)

    def flatten(self, value: Any) -> list[Any]:
        """The tensors of another value of this structure, in the order of :attr:`paths`.

        Raises:
            StructureError: where it is nested otherwise.
        """
        found = dict(_leaves(value))
        missing = [path for path in self.paths if path not in found]
        more = [path for path in found if path not in self.paths] if len(found) > len(self.paths) else []
        if missing or more:
            path = (missing or more)[0]
            differs = f" {'without' if missing else 'with'} {_word(path)}" if path and isinstance(path[0], str) else ""
            raise StructureError(f"expected {self}, got {kind(value)}{differs}")
        return [found[path] for path in self.paths]

    def restore(self, tensors: Sequence[Any]) -> Any:
        """A value of this structure that holds other tensors, given in the order of :attr:`paths`."""
        return tensors[0] if self.is_bare else _filled(self.template, dict(zip(self.paths, tensors, strict=True)), ())

    def names(self, prefix: str) -> list[str]:
        """A name for each tensor: its path, behind ``prefix`` where that begins with a position (``output_0``)."""
        return [word_of(path if path and isinstance(path[0], str) else (prefix, *path)) for path in self.paths]

    def __str__(self) -> str:
        if self.is_bare:
            return "one tensor"
        flat = all(len(path) == 1 and isinstance(path[0], int) for path in self.paths)
        return kind(self.template) if flat else f"{kind(self.template)} of {', '.join(map(_word, self.paths))}"


def transformed(value: Any, function: Callable[[Any], Any]) -> Any:
    """A value nested alike, of what ``function`` makes of each tensor or array in it."""
    found = dict(_leaves(value))
    return _filled(value, {path: function(leaf) for path, leaf in found.items()}, ())


def is_nested(value: Any) -> bool:
    """Whether a value is a tuple, a list, a dict or a dataclass, in which tensors can lie."""
    return _children(value) is not None


def _children(value: Any) -> list[tuple[str | int, Any]] | None:
    """What a value holds, by key, field or position; None for a leaf."""
    if isinstance(value, Mapping):
        return [(key if isinstance(key, int) else str(key), held) for key, held in value.items()]
    if isinstance(value, tuple) and hasattr(value, "_fields"):
        return list(zip(value._fields, value, strict=True))
    if isinstance(value, tuple | list):
        return list(enumerate(value))
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return [(field.name, getattr(value, field.name)) for field in dataclasses.fields(value)]
    return None


def _leaves(value: Any, path: Path = ()) -> Iterator[tuple[Path, Any]]:
    """What is nested in a value, but for None, with where it lies."""
    children = _children(value)
    if children is not None:
        for key, child in children:
            yield from _leaves(child, (*path, key))
    elif value is not None:
        yield path, value


def _filled(value: Any, tensors: Mapping[Path, Any], path: Path) -> Any:
    """A copy of a nested value with other tensors in it."""
    children = _children(value)
    if children is None:
        return tensors.get(path)
    filled = [_filled(child, tensors, (*path, key)) for key, child in children]
    if isinstance(value, Mapping):
        made = {} if type(value) is dict else copy.copy(value)
        for key, child in zip(value, filled, strict=True):
            made[key] = child  # type: ignore[index]
        return made
    if isinstance(value, tuple | list):
        return type(value)(*filled) if hasattr(value, "_fields") else type(value)(filled)
    made = copy.copy(value)
    for (key, _), child in zip(children, filled, strict=True):
        object.__setattr__(made, str(key), child)
    return made


def word_of(path: Path) -> str:
    """A path as one word that can be the name of a value in an ONNX file."""
    return re.sub(r"\W", "_", "_".join(map(str, path))) or "_"


def _word(path: Path) -> str:
    return "a tensor" if not path else ".".join(map(str, path))


def _at(path: Path) -> str:
    return f" as {_word(path)}" if path else ""
