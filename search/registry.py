"""Who suggests the next policy: the registry of samplers, and how a name becomes an Optuna sampler."""

from __future__ import annotations

import importlib
import inspect
import warnings
from collections.abc import Callable, Mapping
from typing import Any

import optuna
from optuna.exceptions import ExperimentalWarning
from optuna.samplers import BaseSampler

from ..spaces.errors import ConfigError
from ..spaces.installed import entry_points
from ..spaces.messages import did_you_mean
from .agent.agent import AmcOptions
from .agent.amc import AmcSampler
from .samplers.auto import KnapsackSampler
from .samplers.bisect import BisectSampler
from .samplers.cmaes import CmaSampler
from .samplers.context import SamplerContext
from .samplers.gaussian_process import GaussianProcessSampler
from .samplers.genetic import nsga2, nsga3
from .samplers.given import GivenOptions, GivenSampler
from .samplers.options import read_options, refuse_unknown
from .samplers.peel import PeelOptions, PeelSampler
from .samplers.repeatable import RepeatableSampler
from .samplers.replay import ReplayOptions, ReplaySampler
from .samplers.uniform import UniformSampler

GROUP = "parefront.samplers"
"""Entry-point group by which third-party packages register a ``SamplerFactory``."""

SamplerFactory = Callable[[SamplerContext], BaseSampler]


def random(context: SamplerContext) -> BaseSampler:
    """Every knob drawn uniformly, in every trial: the control that others must beat."""
    return optuna.samplers.RandomSampler(seed=context.seed)


def tpe(context: SamplerContext) -> BaseSampler:
    """Multi-objective tree-structured Parzen estimators (Ozaki et al. 2022), multivariate."""
    return optuna.samplers.TPESampler(seed=context.seed, multivariate=True, n_startup_trials=20)


SAMPLERS: dict[str, SamplerFactory] = {
    "amc": AmcSampler,
    "auto": KnapsackSampler,
    "bisect": BisectSampler,
    "cmaes": CmaSampler,
    "given": GivenSampler,
    "gp": GaussianProcessSampler,
    "knapsack": KnapsackSampler,
    "nsga2": nsga2,
    "nsga3": nsga3,
    "peel": PeelSampler,
    "random": random,
    "replay": ReplaySampler,
    "tpe": tpe,
    "uniform": UniformSampler,
}

OPTIONS: dict[str, type] = {"amc": AmcOptions, "given": GivenOptions, "peel": PeelOptions, "replay": ReplayOptions}
"""Dataclasses of the options of those samplers of ours that have any."""


def make_sampler(name: str, context: SamplerContext) -> BaseSampler:
    """The sampler of that name, made repeatable (see :class:`RepeatableSampler`).

    Args:
        name: of the registry, of the entry-point group ``parefront.samplers``, or the import path of an Optuna sampler
            such as ``optuna.samplers:NSGAIIISampler``; a class is given the context's options, and ``seed`` where it
            takes one.
        context: what the search is about.

    Raises:
        ConfigError: where there is no such sampler, or it has no such option, naming those that there are.
    """
    check_options(name, context.options)
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


def check_options(name: str, options: Mapping[str, Any]) -> None:
    """Raise ``ConfigError`` for options that one of our own samplers does not have; others check theirs when made."""
    if name in OPTIONS:
        read_options(OPTIONS[name], options, name)
    elif name in SAMPLERS:
        refuse_unknown(options, (), name)


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
    takes = inspect.signature(made).parameters

    def factory(context: SamplerContext) -> BaseSampler:
        if not any(parameter.kind is inspect.Parameter.VAR_KEYWORD for parameter in takes.values()):
            refuse_unknown(context.options, takes, path)
        seed = {"seed": context.seed} if "seed" in takes else {}
        sampler: BaseSampler = made(**seed | dict(context.options))
        return sampler

    return factory
