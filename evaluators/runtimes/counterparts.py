"""What the runtimes of one device are called on another one, where the order or the names differ."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Mapping

from .choice import RuntimeChoice

Called = Mapping[str, RuntimeChoice]
"""Runtimes and the precisions in effect, by what policies call them; ``""`` is the first one of a device."""

_ALIKE: tuple[Callable[[str, RuntimeChoice], Hashable], ...] = (
    lambda name, choice: name or None,
    lambda name, choice: choice,
    lambda name, choice: choice.runtime,
)
"""By what two are the same, what tells most first; None by nothing."""


def counterparts(there: Called, here: Called) -> dict[str, str]:
    """What the runtimes of a device are called here, by their names there; those alone that are here, too.

    Two are the same where they have the same name, else the same runtime and precision, else the same runtime where it
    is once in each. A device with a single runtime is followed by whatever is first here.
    """
    found = {}
    for name in there:
        same = next((only for alike in _ALIKE for only in _only(alike, name, there, here)), None)
        if same is not None:
            found[name] = same
    return found or ({"": ""} if len(there) == 1 else {})


def _only(alike: Callable[[str, RuntimeChoice], Hashable], name: str, there: Called, here: Called) -> Iterator[str]:
    """What is like the one of that name here, where nothing else is, there or here."""
    key = alike(name, there[name])
    mine, its = ([each for each, choice in known.items() if alike(each, choice) == key] for known in (there, here))
    if key is not None and (len(mine), len(its)) == (1, 1):
        yield its[0]
