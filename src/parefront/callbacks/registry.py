"""Callbacks by name, for configs: those of the project, and of other packages by an entry point."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from importlib import import_module
from typing import Any

from ..spaces.errors import ConfigError
from ..spaces.installed import entry_points
from ..spaces.messages import did_you_mean, kind
from .callback import Callback

GROUP = "parefront.callbacks"
"""Entry-point group by which other packages register a subclass of ``Callback``, or a function that makes one."""

OWN = {
    "markdown": "markdown:MarkdownSummary",
    "mlflow": "mlflow:MlflowTracking",
    "tensorboard": "tensorboard:TensorBoardScalars",
}
"""Module and class in this room."""


def callback_names() -> list[str]:
    """The names that a config may give, those of installed packages included."""
    return sorted({*OWN, *(point.name for point in entry_points(group=GROUP))})


def check_callbacks(names: Iterable[str]) -> None:
    """Raise ``ConfigError`` for a name that nobody has, with the nearest."""
    for name in names:
        if name not in callback_names():
            raise ConfigError(f"callbacks: no callback {name!r}{did_you_mean(name, callback_names())}")


def make_callbacks(given: Iterable[str | Callback]) -> tuple[Callback, ...]:
    """Callbacks, made where they are given by name.

    Raises:
        ConfigError: for an unknown name, for what is no callback, or where a package is missing: how to install it.
    """
    return tuple(_made(item) for item in given)


def _made(item: Any) -> Callback:
    made = _by_name(item)() if isinstance(item, str) else item
    if not isinstance(made, Callback):
        hint = f"; write {item.__name__}(…)" if isinstance(item, type) else ""
        raise ConfigError(f"callbacks: expected the name of one, or a parefront.Callback, got {kind(made)}{hint}")
    return made


def _by_name(name: str) -> Callable[[], Callback]:
    check_callbacks([name])
    if name not in OWN:
        for point in entry_points(group=GROUP, name=name):
            found: Callable[[], Callback] = point.load()
            return found
    module, _, own = OWN[name].partition(":")
    made: Callable[[], Callback] = getattr(import_module(f"{__package__}.{module}"), own)
    return made


def needs(package: str, extra: str, error: ImportError) -> ConfigError:
    """What to say where an optional package is missing."""
    return ConfigError(f"callbacks: {extra} needs the package {package} ({error}): pip install 'parefront[{extra}]'")
