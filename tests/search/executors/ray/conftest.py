"""A real cluster of three nodes on this machine: one that the controller and the device are on, two that compute."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.util import find_spec
from typing import Any

import pytest

NODE: dict[str, Any] = {"object_store_memory": 80 << 20, "include_dashboard": False}


@pytest.fixture(scope="module")
def nodes() -> Iterator[Any]:
    """``ray.cluster_utils.Cluster``; the resource ``device:pi`` is on its head, the label ``device=nano`` on a node
    that computes."""
    if find_spec("ray") is None or find_spec("pyarrow") is None:
        pytest.skip("Ray Tune is not installed: pip install 'parefront[ray]'")
    from parefront.search.executors.ray.cluster import keep_to_ourselves

    keep_to_ourselves()
    from ray.cluster_utils import Cluster

    quick = {"health_check_initial_delay_ms": 0, "health_check_period_ms": 500, "health_check_failure_threshold": 4}
    cluster = Cluster(
        True, head_node_args={**NODE, "num_cpus": 0, "resources": {"device:pi": 1}, "_system_config": quick}
    )
    for labels in ({}, {"device": "nano"}):
        cluster.add_node(num_cpus=1, labels=labels, **NODE)
    yield cluster
    cluster.shutdown()
