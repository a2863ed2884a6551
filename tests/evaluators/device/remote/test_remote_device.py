"""A device that stands for one of another process answers as that one does, and raises what it raises."""

from __future__ import annotations

import hashlib
import pickle
import shutil
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from itertools import pairwise
from pathlib import Path

import pytest

from parefront.evaluators.device.device import Device
from parefront.evaluators.device.device_options import DeviceOptions
from parefront.evaluators.device.errors import DeviceError, RequestRefused
from parefront.evaluators.device.latency import measure
from parefront.evaluators.device.link import DeviceLink
from parefront.evaluators.device.remote.kept_contents import KeptContents, MissingContents
from parefront.evaluators.device.remote.owner import DeviceOwner
from parefront.evaluators.device.remote.remote_device import RemoteDevice
from parefront.evaluators.device.remote.request import Content, Reply, Request
from parefront.evaluators.results.span import READING
from parefront.spaces.errors import ConfigError
from parefront.spaces.network.emit import emit
from parefront.testing.devices import QUICK, DeviceConformance
from parefront.testing.specimen import specimen


class Pipe:
    """Takes requests to an owner as another process would: all that passes is pickled, errors too."""

    def __init__(self, owner: DeviceOwner) -> None:
        self._owner = owner
        self.sent: list[int] = []

    def __call__(self, request: Request) -> Reply:
        content = pickle.dumps(request)
        self.sent.append(len(content))
        try:
            reply: Reply = pickle.loads(pickle.dumps(self._owner.serve(pickle.loads(content))))
        except Exception as error:
            raise pickle.loads(pickle.dumps(error)) from None
        return reply


@pytest.fixture(scope="module")
def owner() -> Iterator[DeviceOwner]:
    with closing(DeviceOwner()) as owner:
        owner.open("", DeviceOptions())
        yield owner


@pytest.fixture(scope="module")
def artifact(tmp_path_factory: pytest.TempPathFactory) -> Path:
    subject = specimen("plain")
    return emit(subject.net, tmp_path_factory.mktemp("remote") / "plain.onnx", subject.calibration.example).path


class TestByPath(DeviceConformance):
    @pytest.fixture
    def device(self, owner: DeviceOwner) -> DeviceLink:
        return RemoteDevice("", DeviceOptions(), Pipe(owner))


class TestByContent(DeviceConformance):
    @pytest.fixture
    def device(self, owner: DeviceOwner) -> DeviceLink:
        return RemoteDevice("", DeviceOptions(), Pipe(owner), by_content=True)


def test_the_bytes_of_an_artifact_are_sent_once(owner: DeviceOwner, artifact: Path, tmp_path: Path) -> None:
    mine = Path(shutil.copy(artifact, tmp_path / "mine.onnx"))
    with mine.open("ab") as file:
        file.write(b"\x72\x00")  # an empty documentation of the graph's producer: other bytes, the same network
    pipe = Pipe(owner)
    device = RemoteDevice("", DeviceOptions(), pipe, by_content=True)
    size = mine.stat().st_size
    for _ in range(2):
        assert device.memory(mine, repeats=1).value > 0
    assert [sent > size for sent in pipe.sent] == [False, True, False]


def test_readings_come_with_the_answer(owner: DeviceOwner, artifact: Path) -> None:
    device, other = (RemoteDevice("", DeviceOptions(), Pipe(owner)) for _ in range(2))
    other.memory(artifact, repeats=1)
    measure(device, artifact, artifact, QUICK)
    device.memory(artifact, repeats=2)
    spans = device.take_readings()
    assert [(span.step, span.place) for span in spans] == [(READING, "this machine")] * 3
    assert all(one.began < one.ended <= next_.began for one, next_ in pairwise(spans))
    assert device.take_readings() == ()
    assert len(other.take_readings()) == 1


def test_what_the_device_refuses_is_refused_in_its_own_words(owner: DeviceOwner, tmp_path: Path) -> None:
    broken = tmp_path / "broken.onnx"
    broken.write_bytes(b"no model")
    with Device() as own, pytest.raises(RequestRefused) as there:
        own.memory(broken, repeats=1)
    with pytest.raises(RequestRefused) as here:
        RemoteDevice("", DeviceOptions(), Pipe(owner)).memory(broken, repeats=1)
    assert (here.value.code, str(here.value)) == (there.value.code, str(there.value))


def test_the_profile_is_told_while_the_device_is_read(owner: DeviceOwner, artifact: Path) -> None:
    """Who asks for it may hold up the very reading that it would wait for."""
    expected = owner.serve(Request("", "profile")).value
    device = owner.open("", DeviceOptions())
    assert isinstance(device, Device)
    with ThreadPoolExecutor(1) as threads, device._mutex:  # as a reading holds it
        assert threads.submit(lambda: RemoteDevice("", DeviceOptions(), Pipe(owner)).profile).result(10) == expected


def test_a_device_that_nobody_opened_is_named(owner: DeviceOwner) -> None:
    with pytest.raises(ConfigError, match="no device 'pi'"):
        _ = RemoteDevice("pi", DeviceOptions(), Pipe(owner)).profile


def content(byte: bytes) -> Content:
    return Content(hashlib.sha256(byte * 40).hexdigest(), byte * 40)


def test_contents_are_kept_while_there_is_room(tmp_path: Path) -> None:
    one, two, three = (content(byte) for byte in (b"1", b"2", b"3"))
    kept = KeptContents(tmp_path / "kept", most_bytes=100)
    with kept.paths([one, two]) as paths:
        assert [path.read_bytes() for path in paths] == [one.content, two.content]
    for used in (Content(one.sha256), three):
        with kept.paths([used]):
            pass
    assert len(list((tmp_path / "kept").iterdir())) == 2
    with pytest.raises(MissingContents) as missing, kept.paths([Content(one.sha256), Content(two.sha256)]):
        pass
    assert missing.value.digests == (two.sha256,)
    with pytest.raises(DeviceError, match="other bytes"), kept.paths([Content(two.sha256, b"else")]):
        pass


def test_contents_that_a_request_waits_with_are_kept_whatever_comes_meanwhile(tmp_path: Path) -> None:
    one, two, three = (content(byte) for byte in (b"1", b"2", b"3"))
    kept = KeptContents(tmp_path / "kept", most_bytes=50)
    with kept.paths([one]) as (first,):
        for other in (two, three):
            with kept.paths([other, one]):
                pass
        assert first.read_bytes() == one.content
    with kept.paths([three]):
        assert not first.exists()
