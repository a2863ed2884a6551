"""A worker of the pool has fewer cores than the search's own process, and writes the same bytes."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from parefront.evaluators.device.remote.owner import DeviceOwner
from parefront.evaluators.results.fronts.front import Front
from parefront.search.executors.local import LocalExecutor
from parefront.search.executors.pool.cores import cores_of_workers
from parefront.search.executors.pool.pool import PoolExecutor, PoolOptions
from parefront.spaces.cores import own_cores
from parefront.spaces.files import write_json

from ...building import BuildingEvaluator
from ...synthetic import SyntheticEvaluator
from .evaluating import building


@pytest.fixture(autouse=True)
def more_threads_than_cores(on_threads: Callable[[int], None]) -> None:
    on_threads(len(own_cores()) + 1)


def test_a_worker_writes_what_the_local_executor_writes_on_the_cores_that_it_is_given(tmp_path: Path) -> None:
    artifacts = tmp_path / "run" / "artifacts"
    artifacts.mkdir(parents=True)
    write_json(artifacts / "anchors.json", {})
    front = Front.of([], ["accuracy", "latency"], SyntheticEvaluator(blocks=1).baseline(artifacts))
    here = BuildingEvaluator()

    local = LocalExecutor(here).submit(here.strongest, artifacts / "local.onnx", front).result()
    options = PoolOptions(workers=2)
    with closing(PoolExecutor(building, DeviceOwner(), options)) as pool:
        far = pool.submit(here.strongest, artifacts / "pool.onnx", front).result(timeout=300)

    assert (artifacts / "local.onnx").read_bytes() == (artifacts / "pool.onnx").read_bytes()
    assert far.sha256 == local.sha256
    given = cores_of_workers(own_cores(), options.workers, options.device_threads)
    assert far.notes[0] in {f"{len(cores)} threads" for cores in given}
