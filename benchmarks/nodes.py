"""A Ray cluster of three nodes on this machine, on loopback: one for the controller, two of one core that compute."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from parefront.search.executors.ray.cluster import keep_to_ourselves

WORKERS = 2
NODE: dict[str, Any] = {"object_store_memory": 80 << 20, "include_dashboard": False}
ATTENTIVE = {"health_check_initial_delay_ms": 0, "health_check_period_ms": 500, "health_check_failure_threshold": 6}


@contextmanager
def three_nodes(resources: dict[str, float] | None = None) -> Iterator[Any]:
    """``ray.cluster_utils.Cluster``, whose first node has those resources."""
    keep_to_ourselves()
    from ray.cluster_utils import Cluster

    head = {**NODE, "num_cpus": 0, "resources": resources or {}, "_system_config": ATTENTIVE}
    nodes = Cluster(True, head_node_args=head)
    for _ in range(WORKERS):
        nodes.add_node(num_cpus=1, **NODE)
    try:
        yield nodes
    finally:
        nodes.shutdown()


def replace_one(nodes: Any, generator: random.Random) -> None:
    """Kill a random node that computes, and add a new one."""
    node = generator.choice(sorted(nodes.worker_nodes, key=lambda node: str(node.node_id)))
    nodes.remove_node(node, allow_graceful=False)
    nodes.add_node(wait=False, num_cpus=1, **NODE)
