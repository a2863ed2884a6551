"""Hostile configs are refused in one line, those made by hand every one."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from ...evaluators.mutations import CASES
from . import configs
from .watch import judged


@pytest.mark.parametrize("name", configs.TEXTS)
def test_a_hostile_config_is_refused_in_one_line(name: str, tmp_path: Path) -> None:
    path, text = tmp_path / "search.yaml", configs.TEXTS[name]
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    verdict = judged(configs.acts(path, tmp_path), tmp_path)

    assert verdict.faults == []
    assert len(verdict.said) == 1
    assert [entry.name for entry in tmp_path.iterdir()] == ["search.yaml"]


@pytest.mark.parametrize("name", configs.PLACES)
def test_what_is_no_file_is_refused_in_one_line(name: str, tmp_path: Path) -> None:
    path = tmp_path / "search.yaml"
    configs.PLACES[name](path)
    verdict = judged(configs.acts(path, tmp_path), tmp_path)

    assert verdict.faults == []
    assert len(verdict.said) == 1
    assert not (tmp_path / "run").exists()


def test_configs_changed_by_chance_are_read_or_refused_in_one_line(tmp_path: Path) -> None:
    refused = 0
    for seed in range(3 * CASES):
        folder = tmp_path / str(seed)
        folder.mkdir()
        (folder / "search.yaml").write_bytes(configs.fuzzed(random.Random(seed)))
        verdict = judged(configs.acts(folder / "search.yaml", folder), folder)
        assert verdict.faults == [], seed
        refused += len(verdict.said)
    assert CASES < refused < 3 * CASES
