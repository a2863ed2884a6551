"""What a device cannot do is told in one line, before anything is written."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from parefront.evaluators.device import worker
from parefront.evaluators.device.device_options import DeviceOptions
from parefront.evaluators.device.device_profile import DeviceProfile
from parefront.evaluators.results.metrics import metric_of
from parefront.spaces.errors import ConfigError
from parefront.task_check.device_check import check_devices

from ..conftest import Command

HERE = replace(DeviceProfile.from_json(worker.profile()), cpu="Some CPU", cores=4, energy=False)


def test_a_device_that_can_do_it_all_passes() -> None:
    metrics = [metric_of(name) for name in ("accuracy", "latency", "memory", "p99")]

    check_devices(metrics, {"": DeviceOptions(threads=4)}, {"": HERE})
    check_devices([metric_of("energy")], {"": DeviceOptions()}, {"": replace(HERE, energy=True)})


@pytest.mark.parametrize(
    ("metric", "names", "message"),
    [
        ("energy", [""], r"^energy: the device \(Some CPU\) tells no energy: it has no RAPL counters"),
        ("energy", ["pi", "server"], r"^energy: the device 'pi' \(Some CPU\) tells no energy"),
        ("energy@server", ["pi", "server"], r"^energy@server: the device 'server'"),
    ],
)
def test_energy_is_refused_where_the_device_tells_none(metric: str, names: list[str], message: str) -> None:
    with pytest.raises(ConfigError, match=message) as caught:
        check_devices([metric_of(metric)], {n: DeviceOptions() for n in names}, dict.fromkeys(names, HERE))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        (
            "",
            DeviceOptions(threads=5),
            r"^device.threads: expected at most the 4 cores that the device has to use",
        ),
        ("pi", DeviceOptions(threads=5), r"^devices.pi.threads: expected at most the 4 cores that the device 'pi' has"),
        (
            "",
            DeviceOptions(providers=("FastProvider",)),
            r"^device.providers: onnxruntime on the device has no 'Fast",
        ),
    ],
)
def test_threads_and_providers_that_it_has_not_are_refused(name: str, options: DeviceOptions, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        check_devices([], {name: options}, {name: HERE})


def test_the_profile_says_whether_there_are_counters_that_can_be_read(tmp_path: Path) -> None:
    told = worker.profile()

    assert told["energy"] is (worker.microjoules(worker.energy_counters()) is not None)
    old = {key: value for key, value in told.items() if key != "energy"}
    assert DeviceProfile.from_json(old).energy is False, "as in runs of a version that did not ask"


def test_nothing_is_written(project: Path, run: Command) -> None:
    outcome = run("search", "demo/search.yaml", "--set", "device.threads=4096")

    assert (outcome.code, len(outcome.err.splitlines())) == (2, 1)
    assert "device.threads: expected at most" in outcome.err
    assert not (project / "runs").exists()
