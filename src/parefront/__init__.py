"""Pare a network down to its Pareto front: budget-constrained compression, measured on the device."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .api import compress as compress
    from .spaces import Policy as Policy
    from .spaces import Task as Task

__version__ = "0.1.0"
