"""What :mod:`forked`'s server has done before it forks: imports, and exports and tables that processes begin with."""

from __future__ import annotations

import contextlib
import os
import sqlite3
from pathlib import Path

import torch

from parefront.cli import main  # noqa: F401  what the command loads
from parefront.search import controller  # noqa: F401
from parefront.search.runs.studies.empty_tables import are_as_made
from parefront.spaces.network.trace import trace
from parefront.testing.networks import plain

from .exporting import (
    EXPORTS,
    equal_models_exported_once,
    garbage_collected_seldom,
    memory_read_once,
    one_table_of_operators,
)

torch.set_num_threads(1)
os.fsync = lambda fd: None
_kept = contextlib.ExitStack()
for _sharing in (garbage_collected_seldom, one_table_of_operators):
    _kept.enter_context(_sharing())
with contextlib.closing(sqlite3.connect(":memory:")) as _empty:
    are_as_made(_empty)
_network, _shape = plain()
trace(_network, torch.zeros(2, *_shape))  # in earnest: what it loads is there for all that fork
for _shared in (equal_models_exported_once, memory_read_once):
    _kept.enter_context(_shared(Path(os.environ[EXPORTS])))
