"""Devices of a real cluster: where their owners run, how like ones share the load, what happens while one is lost."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from parefront.evaluators.device.device_options import DeviceOptions
from parefront.evaluators.device.errors import DeviceUnreachable
from parefront.evaluators.device.latency import measure
from parefront.evaluators.results.span import READING
from parefront.search.controller import search
from parefront.search.executors.ray.cluster import Cluster, ClusterOptions, alive_nodes
from parefront.search.executors.ray.device_actors import DeviceActors
from parefront.search.executors.ray.executor import RayExecutor
from parefront.search.runs.events import Event, Finished
from parefront.search.runs.run import Run
from parefront.spaces.errors import ConfigError
from parefront.spaces.network.emit import emit
from parefront.testing.specimen import specimen

from ....waiting import until
from .conftest import NODE
from .reading import QUICK, JoinReading, unit
from .running import run_in

PLACES = {"nano": "device=nano", "far": "device=far", "pi": "device:pi", "none": "device=none"}
LOST_SECONDS = 5.0


@pytest.fixture(scope="module")
def cluster(nodes: Any) -> Iterator[Cluster]:
    with closing(Cluster(ClusterOptions(nodes.address, workers=2, device_nodes=PLACES))) as connected:
        yield connected


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    subject = specimen("plain")
    return emit(subject.net, tmp_path_factory.mktemp("model") / "plain.onnx", subject.calibration.example).path


OpenDevices = Callable[..., DeviceActors]


@pytest.fixture
def started(cluster: Cluster) -> Iterator[OpenDevices]:
    """``started({"pi": options}, seconds=3)``: the owners, which end with the test."""
    all_started = []

    def start(devices: Mapping[str, DeviceOptions], **given: float) -> DeviceActors:
        all_started.append(DeviceActors.start(cluster, devices, **given))
        return all_started[-1]

    yield start
    for devices in all_started:
        devices.close()


def node_of(devices: DeviceActors, name: str) -> dict[str, Any]:
    """The node that the owner runs on, as Ray tells of it."""
    import ray

    actor = ray._private.state.actors(devices.owners[name]._actor_id.hex())
    (found,) = (node for node in ray.nodes() if node["NodeID"] == actor["Address"]["NodeID"])
    return dict(found)


def test_an_owner_runs_on_the_node_with_the_label_or_the_resource_that_its_device_has(started: OpenDevices) -> None:
    devices = started({name: DeviceOptions() for name in ("nano", "pi", "here")})
    for name in devices.owners:
        assert devices.open(name, DeviceOptions()).profile.cores > 0
    assert node_of(devices, "nano")["Labels"]["device"] == "nano"
    assert node_of(devices, "pi")["Resources"]["device:pi"] == 1
    assert node_of(devices, "here")["Resources"]["node:__internal_head__"] == 1


def test_an_owner_whose_place_no_node_has_is_waited_for_and_then_told_of(
    started: OpenDevices, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("parefront.search.executors.ray.device_actors.START_SECONDS", 0.5)
    said: list[str] = []
    devices = replace(started({"none": DeviceOptions()}, seconds=1.2), say=said.append)
    with pytest.raises(DeviceUnreachable, match=r"could not be started on a node with the label device=none within"):
        _ = devices.open("none", DeviceOptions()).profile
    assert said == ["waiting for a node with the label device=none, which the device none is reached from"]


def test_what_ray_takes_for_no_label_is_refused(nodes: Any, cluster: Cluster) -> None:
    wrong = Cluster(replace(cluster.options, device_nodes={"pi": "device=-"}))
    with pytest.raises(ConfigError, match=r"executor\.device_nodes: Ray refuses the label device=-: "):
        DeviceActors.start(wrong, {"pi": DeviceOptions()})


def test_a_device_whose_node_was_lost_is_read_again_once_such_a_node_is_there(
    nodes: Any, started: OpenDevices, model: Path
) -> None:
    node = nodes.add_node(num_cpus=0, labels={"device": "far"}, **NODE)
    devices = started({"far": DeviceOptions()})
    device = devices.open("far", DeviceOptions())
    assert measure(device, model, model, QUICK).runs >= QUICK.min_samples
    nodes.remove_node(node, allow_graceful=False)
    until(lambda: node.node_id not in alive_nodes())
    devices.seconds = 1.0
    with pytest.raises(DeviceUnreachable, match="the node that the device far is reached from has been lost for 1 s"):
        measure(device, model, model, QUICK)
    nodes.add_node(num_cpus=0, labels={"device": "far"}, **NODE)
    devices.seconds = 60.0
    assert measure(device, model, model, QUICK).runs >= QUICK.min_samples


def test_like_devices_share_the_load_after_they_were_compared_and_records_say_which_has_read(
    cluster: Cluster, started: OpenDevices, model: Path, tmp_path: Path
) -> None:
    one, two = (unit(tmp_path / str(number), number) for number in (1, 2))
    places = {"pi": replace(one, like=(two,))}
    run, told = run_in(tmp_path, 6), list[str]()
    searched(run, cluster, started(places), JoinReading(places, model, tmp_path), told)
    assert run.counts["complete"] == 6
    read_by = [record.candidate.units for record in run.trials if record.candidate]
    assert {len(units) for units in read_by} == {1}
    assert {name for units in read_by for name in units} == {one.name, two.name}
    assert [line for line in told if "set aside" in line] == []


def test_while_a_device_is_lost_accuracy_goes_on_and_latency_once_it_is_back(
    cluster: Cluster, started: OpenDevices, model: Path, tmp_path: Path
) -> None:
    places = {"pi": unit(tmp_path, 1)}
    run, told, lost = run_in(tmp_path, 6), list[str](), Loss(tmp_path / "gone", LOST_SECONDS)
    searched(run, cluster, started(places), JoinReading(places, model), told, lost)
    assert run.counts["complete"] == 6
    began: dict[str, list[float]] = {}
    for record in run.trials:
        for span in record.candidate.spans if record.candidate else ():
            began.setdefault(span.step, []).append(span.began)
    assert any(lost.began < moment < lost.ended for moment in began["accuracy"])
    assert not any(lost.began < moment < lost.ended for moment in began[READING])
    assert any(moment > lost.ended for moment in began[READING])
    assert [line for line in told if "the device pi" in line] == [
        "waiting for the device pi, which cannot be reached now",
        "the device pi can be reached again",
    ]


def test_a_device_that_is_lost_for_longer_than_it_is_waited_for_ends_the_search_which_goes_on_when_it_is_back(
    cluster: Cluster, started: OpenDevices, model: Path, tmp_path: Path
) -> None:
    places = {"pi": unit(tmp_path, 1)}
    run, lost = run_in(tmp_path, 6), Loss(tmp_path / "gone")
    join = JoinReading(places, model)
    devices = started(places)
    assert devices.open("pi", places["pi"]).profile.cores > 0
    devices.seconds = 2.0
    with pytest.raises(DeviceUnreachable, match="cannot reach"):
        searched(run, cluster, devices, join, on_event=lost)
    assert run.counts["failed"] == 0
    done = {record.policy.digest for record in run.trials}
    assert 2 <= len(done) < 6
    lost.end()
    search(run, join(devices.open, run.path))
    assert run.counts["complete"] == 6
    assert done < {record.policy.digest for record in run.trials}


class Loss:
    """Loses the device with the second candidate, for so many seconds where these are given."""

    def __init__(self, gone: Path, seconds: float | None = None) -> None:
        self._gone, self._seconds = gone, seconds
        self.began = self.ended = 0.0

    def __call__(self, event: Event) -> None:
        if isinstance(event, Finished) and event.done == 2:
            self._gone.touch()
            self.began = time.time()
            if self._seconds is not None:
                threading.Timer(self._seconds, self.end).start()

    def end(self) -> None:
        self.ended = time.time()
        self._gone.unlink()


def searched(
    run: Run,
    cluster: Cluster,
    devices: DeviceActors,
    join: JoinReading,
    told: list[str] | None = None,
    on_event: Callable[[Event], None] | None = None,
) -> None:
    """Search with workers and a controller that have the same evaluator."""
    said = list[str]() if told is None else told
    executor = RayExecutor(cluster, devices, lambda folder, rivals: join, tell=said.append)
    search(run, join(devices.open, run.path), on_event, executor=executor)
