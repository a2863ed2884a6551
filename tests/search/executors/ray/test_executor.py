"""The Ray executor on a real cluster of three nodes, with the evaluator of a formula."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import pytest

from parefront.evaluators.device.device_options import DeviceOptions
from parefront.evaluators.device.latency import measure
from parefront.evaluators.results.errors import HostFailed
from parefront.evaluators.results.fronts.front import Front
from parefront.search.controller import search
from parefront.search.executors.ray.cluster import Cluster, ClusterOptions
from parefront.search.executors.ray.device_actors import DeviceActors
from parefront.search.executors.ray.executor import RayExecutor
from parefront.search.executors.ray.worker import JoinSearch
from parefront.spaces.errors import ParefrontError
from parefront.spaces.network.emit import emit
from parefront.testing.devices import QUICK
from parefront.testing.specimen import specimen

from ...building import BuildingEvaluator
from ...synthetic import SyntheticEvaluator
from .joining import JoinFullDisk, JoinSynthetic, join_building, join_nothing
from .running import run_in


@pytest.fixture(scope="module")
def cluster(nodes: Any) -> Iterator[Cluster]:
    with closing(Cluster(ClusterOptions(nodes.address, workers=2, device_nodes={"pi": "device:pi"}))) as connected:
        yield connected


def executor_of(cluster: Cluster, join: JoinSearch, ordered: bool = False) -> RayExecutor:
    return RayExecutor(cluster, DeviceActors({}), lambda folder, rivals: join, ordered)


def test_every_policy_is_evaluated_once_and_none_fails(cluster: Cluster, tmp_path: Path) -> None:
    run = run_in(tmp_path, 30)
    search(run, SyntheticEvaluator(), executor=executor_of(cluster, JoinSynthetic()))
    assert len({record.policy.digest for record in run.trials}) == len(run.trials) == 30
    assert run.counts["failed"] == 0
    for candidate in run.front:
        assert candidate.artifact is not None
        assert candidate.artifact.is_file()


def test_in_order_its_candidates_do_not_depend_on_the_clock(cluster: Cluster, tmp_path: Path) -> None:
    asked = []
    for name, seconds in (("even", 0.0), ("uneven", 0.2)):
        run = run_in(tmp_path / name, 12)
        search(run, SyntheticEvaluator(), executor=executor_of(cluster, JoinSynthetic(seconds), ordered=True))
        asked.append([record.policy for record in run.trials])
    assert asked[0] == asked[1]


def test_a_worker_that_cannot_make_its_evaluator_ends_the_search_with_one_line(
    cluster: Cluster, tmp_path: Path
) -> None:
    run = run_in(tmp_path, 4)
    with pytest.raises(ParefrontError, match="cannot make its evaluator: ModuleNotFoundError: nothing there"):
        search(run, SyntheticEvaluator(), executor=executor_of(cluster, join_nothing))
    assert list(run.trials) == []


def test_a_worker_writes_what_is_written_here_on_the_core_that_it_is_given(
    cluster: Cluster, tmp_path: Path, on_threads: Callable[[int], None]
) -> None:
    on_threads(3)  # more than a worker has
    here, front = BuildingEvaluator(), Front.of([], ["accuracy", "latency"], SyntheticEvaluator().baseline(tmp_path))
    local = here.evaluate(here.strongest, tmp_path / "local.onnx")
    with closing(executor_of(cluster, join_building)) as executor:
        far = executor.submit(here.strongest, tmp_path / "ray.onnx", front).result(timeout=300)
    assert far.sha256 == local.sha256
    assert (tmp_path / "ray.onnx").read_bytes() == (tmp_path / "local.onnx").read_bytes()
    assert far.notes[0] == "1 threads"


def test_a_device_is_read_by_its_owner_and_again_once_a_lost_owner_is_back(cluster: Cluster, tmp_path: Path) -> None:
    import ray

    subject = specimen("plain")
    artifact = emit(subject.net, tmp_path / "plain.onnx", subject.calibration.example).path
    with closing(DeviceActors.start(cluster, {"pi": DeviceOptions()})) as devices:
        device = devices.open("pi", DeviceOptions())
        before = measure(device, artifact, artifact, QUICK)
        ray.kill(devices.owners["pi"], no_restart=False)
        after = measure(device, artifact, artifact, QUICK)
        for latency in (before, after):
            assert latency.runs >= QUICK.min_samples
        assert device.profile.cores > 0


def test_what_a_machine_fails_at_is_evaluated_again_and_told(cluster: Cluster, tmp_path: Path) -> None:
    told: list[str] = []
    here = SyntheticEvaluator()
    policy, front = here.bases[0], Front.of([], ["accuracy", "latency"], here.baseline(tmp_path))
    join = JoinFullDisk(tmp_path / "was full")
    with closing(RayExecutor(cluster, DeviceActors({}), lambda folder, rivals: join, tell=told.append)) as executor:
        candidate = executor.submit(policy, tmp_path / "ray.onnx", front).result(timeout=300)
    assert candidate.policy == policy
    (lost,) = [line for line in told if "worker was lost" in line]
    assert "No space left on device" in lost


def test_where_ray_tune_has_ended_evaluations_fail_instead_of_waiting(
    cluster: Cluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Ended:
        def fit(self) -> None:
            """At once."""

    executor = executor_of(cluster, JoinSynthetic())
    monkeypatch.setattr(executor, "_tuner", lambda join, folder: Ended())
    here = SyntheticEvaluator()
    front = Front.of([], ["accuracy", "latency"], here.baseline(tmp_path))
    with closing(executor):
        for _ in range(2):
            with pytest.raises(HostFailed, match="Ray Tune has failed: it has ended before the search"):
                executor.submit(here.bases[0], tmp_path / "ray.onnx", front).result(timeout=60)


def test_nothing_of_a_cluster_that_is_started_here_is_reached_from_elsewhere(nodes: Any) -> None:
    addresses = listening(descendants(os.getpid()))
    assert len(addresses) > 3
    assert {address for address in addresses if not address.endswith(LOOPBACK)} == set()


LOOPBACK = "0100007F"
"""127.0.0.1 as the system writes it, also at the end of ``::ffff:127.0.0.1``."""
LISTENING = "0A"


def descendants(root: int) -> set[int]:
    """The processes that a process has started, and those that these have."""
    parents = {}
    for folder in Path("/proc").iterdir():
        with suppress(OSError, ValueError):  # of a process that is gone meanwhile, or of no process
            parents[int(folder.name)] = int((folder / "stat").read_text().rpartition(")")[2].split()[1])
    found = {root}
    while more := {pid for pid, parent in parents.items() if parent in found and pid not in found}:
        found |= more
    return found - {root}


def listening(processes: set[int]) -> list[str]:
    """The addresses, in hexadecimal digits, that these processes accept TCP connections at."""
    sockets = set()
    for pid in processes:
        with suppress(OSError):
            for file in Path(f"/proc/{pid}/fd").iterdir():
                with suppress(OSError):
                    sockets.add(os.readlink(file))
    rows = [row.split() for table in ("tcp", "tcp6") for row in Path(f"/proc/net/{table}").read_text().splitlines()[1:]]
    return [row[1].split(":")[0] for row in rows if row[3] == LISTENING and f"socket:[{row[9]}]" in sockets]
