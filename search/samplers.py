"""Who suggests the next policy: the registry of samplers, and how a name becomes an Optuna sampler."""

from __future__ import annotations

import importlib
import inspect
import warnings
from collections.abc import Callable
from importlib.metadata import entry_points
from typing import Any

import optuna
from optuna.exceptions import ExperimentalWarning
from optuna.samplers import BaseSampler

from ..spaces import ConfigError
from ..spaces.messages import did_you_mean
from .auto import KnapsackSampler
from .context import SamplerContext
from .repeatable import RepeatableSampler
from .singles import AutoSampler
from .uniform import UniformSampler

GROUP = "parefront.samplers"
"""Entry-point group by which third-party packages register a ``SamplerFactory``."""

SamplerFactory = Callable[[SamplerContext], BaseSampler]


def random(context: SamplerContext) -> BaseSampler:
    """Every knob drawn uniformly, in every trial: the control that others must beat."""
    return optuna.samplers.RandomSampler(seed=context.seed)


def nsga2(context: SamplerContext) -> BaseSampler:
    """NSGA-II (Deb et al. 2002) from a random population."""
    return optuna.samplers.NSGAIISampler(seed=context.seed, population_size=16)


def tpe(context: SamplerContext) -> BaseSampler:
    """Multi-objective tree-structured Parzen estimators (Ozaki et al. 2022), multivariate."""
    return optuna.samplers.TPESampler(seed=context.seed, multivariate=True, n_startup_trials=20)


SAMPLERS: dict[str, SamplerFactory] = {
    "auto": KnapsackSampler,
    "singles": AutoSampler,
    "knapsack": KnapsackSampler,
    "nsga2": nsga2,
    "random": random,
    "tpe": tpe,
    "uniform": UniformSampler,
}


def make_sampler(name: str, context: SamplerContext) -> BaseSampler:
    """The sampler of that name, made repeatable (see :class:`RepeatableSampler`).

    Args:
        name: of the registry, of the entry-point group ``parefront.samplers``, or the import path of an Optuna sampler
            such as ``optuna.samplers:CmaEsSampler``; a class is given ``seed`` where it takes one.
        context: what the search is about.

    Raises:
        ConfigError: where there is no such sampler, naming those that there are.
    """
    factory = SAMPLERS.get(name) or _registered(name) or _imported(name)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ExperimentalWarning)
        made = factory(context)
    if not isinstance(made, BaseSampler):
        raise ConfigError(f"sampler {name!r}: expected an optuna.samplers.BaseSampler, got {type(made).__name__}")
    return RepeatableSampler(factory, context)


def sampler_names() -> list[str]:
    """The names that a config may give, those of installed packages included."""
    return sorted({*SAMPLERS, *(point.name for point in entry_points(group=GROUP))})


def _registered(name: str) -> SamplerFactory | None:
    for point in entry_points(group=GROUP, name=name):
        factory: SamplerFactory = point.load()
        return factory
    return None


def _imported(path: str) -> SamplerFactory:
    module_name, colon, class_name = path.partition(":")
    if not colon:
        hint = did_you_mean(path, sampler_names())
        raise ConfigError(f"no sampler {path!r}{hint} (or the import path of one: package.module:Class)")
    try:
        made: Any = getattr(importlib.import_module(module_name), class_name)
    except (ImportError, AttributeError) as error:
        raise ConfigError(f"sampler {path!r} cannot be imported: {error}") from error
    takes_seed = "seed" in inspect.signature(made).parameters

    def factory(context: SamplerContext) -> BaseSampler:
        sampler: BaseSampler = made(seed=context.seed) if takes_seed else made()
        return sampler

    return factory
