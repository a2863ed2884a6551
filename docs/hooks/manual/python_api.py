"""The reference of the Python API: what ``parefront`` offers, from signatures and docstrings."""

from __future__ import annotations

import enum
import inspect
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import parefront

from .docstrings import in_markdown

HEAD = """# Python

What `import parefront as pf` offers, made from signatures and docstrings. [From Python](../python.md) shows how they go
together. Names are imported when they are first used, so that the import alone loads neither torch nor ONNX Runtime.
"""

STARS: dict[Any, str] = {inspect.Parameter.VAR_POSITIONAL: "*", inspect.Parameter.VAR_KEYWORD: "**"}
LONGEST_DEFAULT = 40
WIDTH = 100
"""Of a signature on one line, in characters."""


def python_page() -> str:
    """The page, in Markdown: functions first, then classes, each by name."""
    offered = {name: getattr(parefront, name) for name in sorted(parefront.__all__)}
    functions = [_function(name, it) for name, it in offered.items() if not inspect.isclass(it)]
    classes = [_class(name, it) for name, it in offered.items() if inspect.isclass(it)]
    return "\n".join([HEAD, *functions, *classes])


def _function(name: str, function: Any, level: str = "##", before: str = "pf.") -> str:
    shown = _signature(function, before + name)
    return f"{level} {name}\n\n```python\n{shown}\n```\n\n{in_markdown(inspect.getdoc(function) or '')}\n"


def _class(name: str, kind: type) -> str:
    parts = [f"## {name}\n\n{in_markdown(inspect.getdoc(kind) or '')}\n"]
    for member, found in _members(kind):
        if isinstance(found, property):
            told = in_markdown(inspect.getdoc(found) or "")
            parts.append(f"### {name}.{member}\n\n{told}\n")
        else:
            parts.append(_function(f"{name}.{member}", found, "###", ""))
    return "\n".join(parts)


def _members(kind: type) -> Iterator[tuple[str, Any]]:
    """Public methods and properties that have a docstring, in the order of the source; none of libraries' bases."""
    if issubclass(kind, enum.Enum | BaseException):
        return
    for base in kind.__mro__:
        if base.__module__.split(".")[0] != parefront.__name__:
            continue
        for name, found in vars(base).items():
            unbound = getattr(found, "__func__", found)
            callable_or_value = inspect.isfunction(unbound) or isinstance(found, property)
            if callable_or_value and not name.startswith("_") and inspect.getdoc(unbound):
                yield name, unbound


def _signature(function: Any, name: str) -> str:
    """The signature, one parameter a line where it is long."""
    signature = inspect.signature(function)
    parameters = [p for p in signature.parameters.values() if p.name not in ("self", "cls")]
    shown = [_parameter(parameter) for parameter in parameters]
    kinds = [parameter.kind for parameter in parameters]
    if inspect.Parameter.KEYWORD_ONLY in kinds and inspect.Parameter.VAR_POSITIONAL not in kinds:
        shown.insert(kinds.index(inspect.Parameter.KEYWORD_ONLY), "*")
    result = "" if signature.return_annotation is inspect.Signature.empty else f" -> {signature.return_annotation}"
    line = f"{name}({', '.join(shown)}){result}"
    return line if len(line) <= WIDTH else "\n".join([f"{name}(", *(f"    {one}," for one in shown), f"){result}"])


def _parameter(parameter: inspect.Parameter) -> str:
    """With its annotation as the source has it, and its default."""
    stars = STARS.get(parameter.kind, "")
    empty = inspect.Parameter.empty
    annotation = "" if parameter.annotation is empty else f": {parameter.annotation}"
    if parameter.default is empty:
        return f"{stars}{parameter.name}{annotation}"
    default = repr(str(parameter.default) if isinstance(parameter.default, Path) else parameter.default)
    return f"{parameter.name}{annotation} = {default if len(default) <= LONGEST_DEFAULT else '…'}"
