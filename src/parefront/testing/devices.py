"""What every device owes, as a test suite: subclass it, give one fixture."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

from ..evaluators.device.device_profile import DeviceProfile
from ..evaluators.device.latency import LatencyProtocol, measure
from ..evaluators.device.link import DeviceLink
from ..evaluators.runtimes.runtime import DEFAULT
from ..spaces.network.emit import emit
from .specimen import specimen

QUICK = LatencyProtocol(min_samples=32, min_seconds=0.1, max_seconds=0.3, warmup_seconds=0.05)


class DeviceConformance:
    """The suite for a :class:`~parefront.evaluators.Device`, on a network of 0.1 ms.

    ::

        class TestMyBoard(DeviceConformance):
            @pytest.fixture
            def device(self) -> Iterator[Device]:
                with Device(DeviceOptions(command=("ssh", "me@board"))) as board:
                    yield board

    Attributes:
        protocol: by which it times; one that takes longer for what is not fast enough for it.
    """

    protocol: ClassVar[LatencyProtocol] = QUICK

    def test_it_says_what_it_is(self, device: DeviceLink) -> None:
        profile = device.profile
        assert profile.cpu
        assert profile.machine
        assert profile.cores >= 1
        assert profile.memory_bytes > 0
        assert profile.runtime == device.options.runtime
        assert profile.onnxruntime or profile.runtime_version
        assert set(device.options.providers) <= set(profile.providers) or profile.runtime != DEFAULT
        assert DeviceProfile.from_json(profile.to_json()) == profile

    def test_an_artifact_takes_as_long_as_itself(self, device: DeviceLink, tmp_path: Path) -> None:
        artifact = _artifact(tmp_path)
        latency = measure(device, artifact, artifact, self.protocol)
        assert 0.67 < latency.ratio.value < 1.5
        assert 0 < latency.latency_ms.low <= latency.latency_ms.value <= latency.latency_ms.high
        assert latency.runs >= self.protocol.min_samples or latency.seconds >= self.protocol.max_seconds

    def test_it_answers_again_and_again(self, device: DeviceLink, tmp_path: Path) -> None:
        artifact = _artifact(tmp_path)
        first, second = (measure(device, artifact, artifact, self.protocol).latency_ms.value for _ in range(2))
        assert 0.2 < first / second < 5
        assert device.memory(artifact, repeats=1).value > 0

    def test_it_can_be_closed_and_used_again(self, device: DeviceLink, tmp_path: Path) -> None:
        artifact = _artifact(tmp_path)
        before = device.profile.machine
        device.close()
        device.close()
        assert measure(device, artifact, artifact, self.protocol).ratio.value > 0
        assert device.profile.machine == before


def _artifact(folder: Path) -> Path:
    subject = specimen("plain")
    return emit(subject.net, folder / "plain.onnx", subject.calibration.example).path
