"""Repairs by name: the project's own, and those of other packages, found through entry points."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from functools import cache

from ...spaces.errors import ConfigError
from ...spaces.installed import entry_points
from ...spaces.messages import did_you_mean
from .block_reconstruction import BlockReconstruction
from .compensate import BatchNorm, Covariance, LeastSquares, NoRepair
from .repair import Repair

GROUP = "parefront.repairs"
"""Entry-point group by which other packages register a subclass of :class:`Repair`."""

BUILT_IN: dict[str, type[Repair]] = {
    kind.name: kind for kind in (BlockReconstruction, LeastSquares, Covariance, BatchNorm, NoRepair)
}
"""The project's own, the strongest first."""


class RepairNames(Collection[str]):
    """The names that ``compensate:`` may give, those of installed packages included, looked up whenever it is asked."""

    def __iter__(self) -> Iterator[str]:
        others = {point.name for point in entry_points(group=GROUP)}
        return iter([*BUILT_IN, *sorted(others - BUILT_IN.keys())])

    def __len__(self) -> int:
        return len(list(iter(self)))

    def __contains__(self, name: object) -> bool:
        return name in list(self)


def repair_of(name: str) -> Repair:
    """The repair of that name.

    Raises:
        ConfigError: for an unknown name, with the known ones; for one that is registered and is no repair.
    """
    return BUILT_IN[name]() if name in BUILT_IN else _registered(name)


@cache
def _registered(name: str) -> Repair:
    for point in entry_points(group=GROUP, name=name):
        try:
            found = point.load()
        except (ImportError, AttributeError) as error:
            raise ConfigError(f"repair {name!r} cannot be imported from {point.value}: {error}") from error
        if not (isinstance(found, type) and issubclass(found, Repair)):
            raise ConfigError(f"repair {name!r}: expected a subclass of Repair, got {found!r}")
        return found()
    raise ConfigError(f"unknown repair {name!r}{did_you_mean(name, RepairNames())}")
