"""A real cluster of three nodes on this machine: one that the controller and the device are on, two that compute."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.util import find_spec
from typing import Any

import pytest

STORE_BYTES = 80 << 20


@pytest.fixture(scope="module")
def nodes() -> Iterator[Any]:
    """``ray.cluster_utils.Cluster``; the resource ``device:pi`` is on its head."""
    if find_spec("ray") is None or find_spec("pyarrow") is None:
        pytest.skip("Ray Tune is not installed: pip install 'parefront[ray]'")
    from parefront.search.executors.ray.cluster import keep_to_ourselves

    keep_to_ourselves()
    from ray.cluster_utils import Cluster

    quick = {"health_check_initial_delay_ms": 0, "health_check_period_ms": 500, "health_check_failure_threshold": 4}
    common: dict[str, Any] = {"object_store_memory": STORE_BYTES, "include_dashboard": False}
    cluster = Cluster(
        True, head_node_args={**common, "num_cpus": 0, "resources": {"device:pi": 1}, "_system_config": quick}
    )
    for _ in range(2):
        cluster.add_node(num_cpus=1, **common)
    yield cluster
    cluster.shutdown()
