"""The quickstart as its ``search.yaml`` has it, for benchmarks that need its task or options."""

from __future__ import annotations

from typing import Any

import yaml
from compare import REPOSITORY

from parefront.config.load import load_task
from parefront.spaces.task import Task

FOLDER = REPOSITORY / "examples" / "fashion_mnist"
CONFIG: dict[str, Any] = yaml.safe_load((FOLDER / "search.yaml").read_text())


def quickstart() -> Task:
    return load_task(CONFIG["task"], FOLDER)
