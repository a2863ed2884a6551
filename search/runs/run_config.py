"""The config of a run as a typed value: what the door hands to a search, and what is read of a ``config.yaml``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, get_args

from ...spaces.errors import ConfigError
from ...spaces.masking import masked, masked_text
from ...spaces.messages import kind


@dataclass(frozen=True)
class SearchKeys:
    """The section ``search``; what the keys mean stands in :class:`parefront.config.models.SearchConfig`."""

    sampler: str = "auto"
    sampler_options: Mapping[str, Any] = field(default_factory=dict)
    trials: int = 150
    minutes: float | None = None
    patience: int | None = None
    seed: int = 0
    images: int | None = None
    racing: bool = True
    pictures: int = 24
    storage: str | None = None
    study: str | None = None
    keep_artifacts: str = "auto"
    final: str = "front"
    warm_start: str | None = None
    reuse_scores: str | None = None

    @classmethod
    def of(cls, section: Mapping[str, Any]) -> SearchKeys:
        """The section; what is missing or null has its default, unknown keys are left out.

        Raises:
            ConfigError: for a value of another type.
        """
        return cls(**typed_keys("search", section, _TYPES))


@dataclass(frozen=True)
class Place:
    """A device as the config has it.

    Attributes:
        command: that leads there; empty for this machine.
        threads: of the runtime.
        settings: all keys that were given.
    """

    command: tuple[str, ...] = ()
    threads: int = 1
    settings: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def of(cls, section: Mapping[str, Any]) -> Place:
        """The section ``device``, or one of ``devices``."""
        threads = section.get("threads")
        return cls(tuple(map(str, section.get("command") or ())), 1 if threads is None else threads, section)


@dataclass(frozen=True)
class RunConfig:
    """The whole config of a run, each section by its name.

    Attributes:
        task: ``file.py:callable`` relative to the run, ``package.module:callable``, or that it was given in Python.
        objectives: names of metrics.
        budget: constraints, as text.
        compress: options by compressor; each compressor knows its own.
        places: the devices by name; ``""`` is the only one of a config that names none.
        latency: how long latency is measured.
        search: which candidates to try, and how many.
        recover: who of the front is trained, and how; see :class:`.recover_settings.RecoverSettings`.
    """

    task: str = ""
    objectives: tuple[str, ...] = ("accuracy", "latency")
    budget: tuple[str, ...] = ()
    compress: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    places: Mapping[str, Place] = field(default_factory=lambda: {"": Place()})
    latency: Mapping[str, Any] = field(default_factory=dict)
    search: SearchKeys = SearchKeys()
    recover: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def of(cls, config: Mapping[str, Any]) -> RunConfig:
        """Read a resolved config, or one that leaves keys out, which then have their defaults.

        Raises:
            ConfigError: for a section or a value of another type.
        """
        budget = config.get("budget") or ()
        named, search = _section(config, "devices"), _section(config, "search")
        places = {name: Place.of(_section(first_units(named), name, "devices.")) for name in named}
        return cls(
            task=str(config.get("task") or ""),
            objectives=_texts("objectives", config.get("objectives") or cls.objectives),
            budget=(budget,) if isinstance(budget, str) else _texts("budget", budget),
            compress=_section(config, "compress"),
            places=places or {"": Place.of(_section(config, "device"))},
            latency=_section(config, "latency"),
            search=SearchKeys.of(search),
            recover=_section(config, "recover"),
        )

    @property
    def batch(self) -> int:
        """Inputs in one timed run."""
        return self.latency.get("batch") or 1

    @property
    def measuring(self) -> dict[str, Any]:
        """How and where costs are measured, secrets masked: equal for runs whose costs may stand side by side."""
        where = {name: dict(place.settings) for name, place in self.places.items()}
        found: dict[str, Any] = masked({"devices": where, "latency": dict(self.latency)})
        return found


_TYPES: dict[str, tuple[Any, str]] = {
    "sampler": (str, "text"),
    "sampler_options": (Mapping, "a mapping"),
    "trials": (int, "a whole number"),
    "minutes": (int | float, "a number"),
    "patience": (int, "a whole number"),
    "seed": (int, "a whole number"),
    "images": (int, "a whole number"),
    "racing": (bool, "true or false"),
    "pictures": (int, "a whole number"),
    "storage": (str, "text"),
    "study": (str, "text"),
    "keep_artifacts": (str, "text"),
    "final": (str, "text"),
    "warm_start": (str, "text"),
    "reuse_scores": (str, "text"),
}


def _section(config: Mapping[str, Any], key: str, prefix: str = "") -> Mapping[str, Any]:
    section = config.get(key)
    if section is None:
        return {}
    if not isinstance(section, Mapping):
        raise ConfigError(f"{prefix}{key}: expected a mapping, got {kind(section)}")
    return section


def typed_keys(name: str, section: Mapping[str, Any], types: Mapping[str, tuple[Any, str]]) -> dict[str, Any]:
    """The keys of a section that are there and not null; unknown ones are left out.

    Args:
        name: of the section.
        section: as it was read.
        types: of each known key, and how messages call it.

    Raises:
        ConfigError: for a value of another type.
    """
    given = {key: section[key] for key in types if section.get(key) is not None}
    for key, value in given.items():
        expected, words = types[key]
        if not isinstance(value, expected) or (isinstance(value, bool) and bool not in (expected, *get_args(expected))):
            raise ConfigError(f"{name}.{key}: expected {words}, got {masked_text(repr(value))}")
    return given


def first_units(devices: Mapping[str, Any]) -> dict[str, Any]:
    """Of several like devices the first, which tells what all are."""
    return {name: units[0] if isinstance(units, list) and units else units for name, units in devices.items()}


def _texts(key: str, value: Any) -> tuple[str, ...]:
    if not isinstance(value, list | tuple) or not all(isinstance(item, str) for item in value):
        raise ConfigError(f"{key}: expected a list of texts, got {masked_text(repr(value))}")
    return tuple(value)
