"""The memory that a search will take is told, warned of where it is not free, and refused where it can never be had."""

from __future__ import annotations

from pathlib import Path

import pytest

from parefront.spaces.errors import ConfigError
from parefront.spaces.network.graph import Layer, ModelGraph
from parefront.task_check import memory_check
from parefront.task_check.memory_check import MemoryNeed, machine_memory


def linear(inputs: int, outputs: int) -> Layer:
    weights = inputs * outputs
    return Layer("fc", "linear", (inputs,), (outputs,), weights, weights, 1, (), (), 0)


def need(layer: Layer, local: bool = True, **compress: dict[str, str]) -> MemoryNeed:
    return MemoryNeed.of(ModelGraph((layer,), ()), compress, local)


def test_what_is_counted_grows_with_weights_statistics_and_a_worker_here() -> None:
    layer = linear(8192, 8192)
    plain = need(layer)
    assert plain.search == pytest.approx(1.1e9 + 5 * 4 * 8192**2)
    assert plain.worker == pytest.approx(0.1e9 + 4.5 * 4 * 8192**2)
    assert need(layer, local=False).worker == 0
    assert need(layer, low_rank={}).search - plain.search == pytest.approx(4 * 8 * 8192**2)
    assert need(layer, low_rank={"compensate": "covariance"}).search == need(layer, low_rank={}).search, "too wide"
    narrow = need(linear(1000, 8), prune_channels={"compensate": "covariance"}).search
    assert narrow - need(linear(1000, 8)).search == pytest.approx(4e6)


def test_it_is_told_in_one_line() -> None:
    assert str(need(linear(8192, 8192))) == "about 3.8 GB of memory, 1.3 GB of it the device's worker"


def test_each_worker_of_a_pool_takes_what_the_search_takes_but_for_the_code(monkeypatch: pytest.MonkeyPatch) -> None:
    found = MemoryNeed.of(ModelGraph((linear(3000, 3000),), ()), {}, True, processes=4)
    assert found.pool == pytest.approx(4 * (found.search - 0.45e9))
    assert str(found).endswith(", 0.3 GB of it the device's worker, 3.3 GB of it the pool's workers")
    monkeypatch.setattr(memory_check, "machine_memory", lambda: (4e9, 16e9))
    assert "take fewer workers" in str(found.warning())


@pytest.mark.parametrize(("free", "most", "says"), [(16e9, 16e9, None), (2e9, 16e9, "3.8 GB"), (None, None, None)])
def test_what_is_not_free_is_warned_of(
    free: float | None, most: float | None, says: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(memory_check, "machine_memory", lambda: (free, most))
    said = need(linear(8192, 8192)).warning()
    assert said is None if says is None else says in str(said) and "2.0 GB are free" in str(said)


def test_what_the_machine_can_never_have_is_refused_in_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory_check, "machine_memory", lambda: (1e9, 2e9))
    with pytest.raises(ConfigError, match=r"needs at least 3\.2 GB of memory, and this machine has 2\.0 GB; search on"):
        need(linear(8192, 8192)).warning()


def test_swap_and_the_limit_of_a_container_count(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    told = tmp_path / "meminfo"
    told.write_text("MemTotal: 4000 kB\nMemAvailable: 3000 kB\nSwapTotal: 1000 kB\nSwapFree: 500 kB\n")
    monkeypatch.setattr(memory_check, "GROUPS", ())
    assert machine_memory(told) == (3500 * 1024, 5000 * 1024)
    (tmp_path / "memory.max").write_text("1024000\n")
    monkeypatch.setattr(memory_check, "GROUPS", (str(tmp_path / "memory.max"), str(tmp_path / "none")))
    assert machine_memory(told) == (1024000, 1024000)
    (tmp_path / "memory.max").write_text("max\n")
    assert machine_memory(told) == (3500 * 1024, 5000 * 1024)
    assert machine_memory(tmp_path / "none") == (None, None)
