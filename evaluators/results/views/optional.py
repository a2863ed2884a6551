"""Packages that only notebooks need: imported where they are used, with the command that installs them."""

from __future__ import annotations

import importlib
from typing import Any

INSTALL = "pip install 'parefront[notebook]'"


def imported(module: str, what: str) -> Any:
    """The module of that name.

    Args:
        module: e.g. ``plotly.graph_objects``.
        what: needs it, for the message.

    Raises:
        ImportError: naming what to install.
    """
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise ImportError(f"{what} needs {module.partition('.')[0]}: {INSTALL}") from error
