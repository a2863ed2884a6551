"""A user's folder in which a search has ended, for the tests of what comes after it."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from parefront.cli import main as cli
from parefront.search.runs.run import Run

SEARCH = ("search", "demo/search.yaml")
_TASK = """
import torch
from torch.utils.data import TensorDataset
import parefront as pf
from parefront.testing.networks import {network}, random_images

def task():
    net, _ = {network}()
    def split(count, seed):
        images = random_images(count, seed)
        with torch.no_grad():
            return TensorDataset(images, net(images).argmax(1))
    return pf.Task(model=net, {splits})
"""


def labelled_by_itself(network: str, **splits: int) -> str:
    """A file with the task of a network of :mod:`parefront.testing.networks`, which has told the labels itself.

    Args:
        network: its name.
        splits: images of each; they are made from the seeds 1, 2, … in this order.
    """
    told = ", ".join(f"{name}=split({count}, {seed})" for seed, (name, count) in enumerate(splits.items(), start=1))
    return _TASK.format(network=network, splits=told)


def write_project(folder: Path, task: str, config: Mapping[str, Any]) -> None:
    """``demo/task.py`` and ``demo/search.yaml`` in a folder."""
    (folder / "demo").mkdir()
    (folder / "demo" / "task.py").write_text(task)
    (folder / "demo" / "search.yaml").write_text(yaml.safe_dump(dict(config), sort_keys=False))


def searched_project(folder: Path, task: str, config: Mapping[str, Any], *settings: str) -> Path:
    """That folder with a finished run, ``demo``; ``settings`` are further arguments of the command."""
    write_project(folder, task, config)
    with pytest.MonkeyPatch.context() as patched:
        patched.chdir(folder)
        assert cli.main((*SEARCH, *settings)) == 0
    return folder


def run_copied(folder: Path, into: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """The run ``demo`` of a copy of a folder, which is the working directory from now on."""
    shutil.copytree(folder, into, dirs_exist_ok=True)
    monkeypatch.chdir(into)
    return Run.open("demo")
