"""Probes of the synthetic network, as a search takes them."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

from parefront.search.probes.probing import Prober
from parefront.search.runs.stores.probe_store import ProbeStore
from parefront.search.surrogate.sensitivity import Sensitivity

from .synthetic import SyntheticEvaluator


def probe(evaluator: SyntheticEvaluator, trials: int = 60) -> Sensitivity:
    """What each choice does alone, on top of int8."""
    with TemporaryDirectory() as folder:
        return Prober(evaluator, ProbeStore(Path(folder)), Path(folder), ["latency"], trials).measure()
