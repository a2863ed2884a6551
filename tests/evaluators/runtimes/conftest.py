"""A small file to run."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest


@pytest.fixture(scope="module")
def net(conv_net: Callable[..., Path]) -> Path:
    return conv_net(channels=16)
