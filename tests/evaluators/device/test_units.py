"""Several like devices share the readings; one that disagrees, drifts off or is lost does not hold up the others."""

from __future__ import annotations

import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from parefront.evaluators.device import roster
from parefront.evaluators.device.agreement import RECENT
from parefront.evaluators.device.device import Device
from parefront.evaluators.device.device_options import DeviceOptions
from parefront.evaluators.device.errors import AnswerMalformed, DeviceError, DeviceUnreachable, RequestRefused
from parefront.evaluators.device.link import DeviceLink
from parefront.evaluators.device.remote.owner import DeviceOwner
from parefront.evaluators.device.remote.remote_device import RemoteDevice
from parefront.evaluators.device.units import Units, own_device
from parefront.testing.devices import DeviceConformance

from ...waiting import until
from .boards import Board

Said = list[str]


class TestTwoOnThisMachine(DeviceConformance):
    @pytest.fixture
    def device(self) -> Iterator[DeviceLink]:
        one, two = (DeviceOptions(command=("env", f"UNIT={n}"), python=sys.executable) for n in (1, 2))
        link = own_device("pi", DeviceOptions(one.command, python=one.python, like=(two,)))
        assert isinstance(link, Units)
        yield link
        link.close()


@pytest.fixture
def said() -> Said:
    return []


@pytest.fixture
def model(tmp_path: Path) -> Path:
    path = tmp_path / "model.onnx"
    path.write_bytes(b"model")
    return path


@pytest.fixture(autouse=True)
def looked_for_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(roster, "AGAIN_SECONDS", 0.01)
    monkeypatch.setattr(roster, "LONGEST_SECONDS", 0.02)


def together(said: Said, *boards: Board) -> Units:
    first, *others = [board.options for board in boards]
    options = DeviceOptions(first.command, first.threads, like=tuple(others))
    return Units("pi", options, boards, said.append)


def read_on(units: Units, model: Path) -> str:
    units.take_readings()
    units.time(model, model, {})
    (span,) = units.take_readings()
    return span.place


def test_a_single_device_is_itself() -> None:
    assert isinstance(own_device("", DeviceOptions()), Device)


def test_one_that_disagrees_is_set_aside_with_both_figures(said: Said, model: Path) -> None:
    one, near, far = Board("one", 10.0), Board("near", 10.3), Board("far", 12.0)
    units = together(said, one, near, far)
    timing = units.time_anchor(model, model, {})
    assert timing.median_ms == pytest.approx(10.0)
    assert units.at_once == 2
    (line,) = said
    assert line == (
        "device pi: ssh far is set aside: the uncompressed model takes 12 ms (11.9 to 12.1) there, "
        "10 ms (9.95 to 10.1) on ssh one"
    )
    assert far.readings == 3, "it is read again before it is set aside"


def test_they_are_compared_on_every_anchor(said: Said, model: Path, tmp_path: Path) -> None:
    one, two = Board("one"), Board("two")
    units = together(said, one, two)
    units.time_anchor(model, model, {})
    anchor = tmp_path / "anchor.onnx"
    anchor.write_bytes(b"quantised")
    two.ms = 20.0
    units.time_anchor(anchor, model, {})
    assert [line.partition(" (")[0] for line in said] == [
        "device pi: ssh two is set aside: the quantised model takes 20 ms"
    ]


def test_a_machine_that_was_slow_for_a_moment_is_read_again(said: Said, model: Path) -> None:
    class SlowAtFirst(Board):
        def time(self, *given: object, **named: object) -> object:  # type: ignore[override]
            self.ms = 10.0 if self.readings else 15.0
            return super().time(model, model, {})

    units = together(said, Board("one"), SlowAtFirst("two"))
    units.time_anchor(model, model, {})
    assert (said, units.at_once) == ([], 2)


def test_one_of_another_kind_is_set_aside_and_so_is_one_that_is_used_otherwise(said: Said) -> None:
    units = together(said, Board("one"), Board("old", cpu="Cortex-A53"), Board("wide", threads=4))
    assert units.profile.cpu == "Cortex-A72"
    assert said == [
        "device pi: ssh old is set aside: it differs from ssh one: another CPU (Cortex-A72 there, Cortex-A53 here)",
        "device pi: ssh wide is set aside: it differs from ssh one: other threads (1 there, 4 here)",
    ]
    assert units.at_once == 1


def test_each_reads_one_thing_at_a_time_and_all_read_at_once(said: Said, model: Path) -> None:
    barrier = threading.Barrier(3)
    boards = [Board(name, barrier=barrier) for name in ("one", "two", "three")]
    units = together(said, *boards)
    with ThreadPoolExecutor(6) as threads:
        list(threads.map(lambda _: units.time(model, model, {}), range(12)))
    assert [board.readings for board in boards] == [4, 4, 4]


def test_who_asks_alone_gets_the_first(said: Said, model: Path) -> None:
    units = together(said, Board("one"), Board("two"))
    assert [read_on(units, model) for _ in range(3)] == ["ssh one"] * 3


def test_what_a_lost_one_was_to_read_is_read_on_another_until_it_is_back(said: Said, model: Path) -> None:
    one, two = Board("one"), Board("two")
    units = together(said, one, two)
    units.time_anchor(model, model, {})
    one.lose()
    assert read_on(units, model) == "ssh two"
    assert said == [
        "device pi: ssh one cannot be reached, its readings go to the others (cannot reach ssh one: no route to host)"
    ]
    one.failure = None
    until(lambda: units.at_once == 2)
    assert read_on(units, model) == "ssh one"
    until(lambda: said[1:] == ["device pi: ssh one can be reached again"])


def test_where_none_is_left_it_is_as_with_a_single_device(said: Said, model: Path) -> None:
    one, two = Board("one"), Board("two")
    units = together(said, one, two)
    one.lose()
    two.lose()
    for _ in range(2):
        with pytest.raises(DeviceUnreachable, match="no route to host"):
            units.time(model, model, {})
    assert units.at_once == 1
    two.failure = None
    assert read_on(units, model) == "ssh two"
    units.close()


def test_one_that_was_lost_at_the_start_is_compared_once_it_is_back(said: Said, model: Path) -> None:
    one, two = Board("one"), Board("two", ms=20.0)
    two.lose()
    units = together(said, one, two)
    assert units.profile.cpu == "Cortex-A72"
    units.time_anchor(model, model, {})
    two.failure = None
    until(lambda: len(said) == 2)
    assert said[1].startswith("device pi: ssh two is set aside: the uncompressed model takes 20 ms")
    assert (units.at_once, read_on(units, model)) == (1, "ssh one")


def test_none_can_be_reached_at_the_start(said: Said) -> None:
    one, two = Board("one"), Board("two")
    one.lose()
    two.lose()
    units = together(said, one, two)
    with pytest.raises(DeviceUnreachable, match="cannot reach ssh one"):
        _ = units.profile
    units.close()


def test_one_that_answers_nonsense_is_set_aside_for_good(said: Said, model: Path) -> None:
    one, two = Board("one"), Board("two")
    units = together(said, one, two)
    one.failure = AnswerMalformed("its answer to 'measure' is malformed")
    assert read_on(units, model) == "ssh two"
    one.failure = None
    time.sleep(0.05)
    assert said == ["device pi: ssh one is set aside: its answer to 'measure' is malformed"]
    assert read_on(units, model) == "ssh two"


@pytest.mark.parametrize("error", [RequestRefused("model", "no such operator"), DeviceError("it died twice")])
def test_what_is_the_model_s_fault_is_no_loss(said: Said, model: Path, error: Exception) -> None:
    one, two = Board("one"), Board("two")
    units = together(said, one, two)
    one.failure = error
    with pytest.raises(DeviceError, match=str(error)):
        units.time(model, model, {})
    assert (said, two.readings) == ([], 0)


def test_one_that_drifts_off_is_set_aside_and_the_last_is_not(said: Said, model: Path) -> None:
    one, two = Board("one"), Board("two")
    units = together(said, one, two)
    units.time_anchor(model, model, {})
    one.ms = 13.0
    places = Counter(read_on(units, model) for _ in range(2 * RECENT))
    assert places == {"ssh one": RECENT, "ssh two": RECENT}
    assert said == [
        "device pi: ssh one is set aside: what candidates are timed against takes 13 ms there of late, "
        "10 ms (9.95 to 10.1) at the start"
    ]
    two.ms = 20.0
    assert {read_on(units, model) for _ in range(2 * RECENT)} == {"ssh two"}
    assert len(said) == 1


def test_the_owner_lets_as_many_pass_as_there_are_and_gives_each_its_own_readings(said: Said, model: Path) -> None:
    barrier = threading.Barrier(2)
    boards = [Board("one", barrier=barrier), Board("two", barrier=barrier)]
    units = together(said, *boards)
    owner = DeviceOwner(lambda name, options: units)
    owner.open("pi", units.options)
    asking = [RemoteDevice("pi", units.options, owner.serve) for _ in range(4)]
    with ThreadPoolExecutor(4) as threads:
        list(threads.map(lambda device: device.time(model, model, {}), asking * 2))
    spans = [span for device in asking for span in device.take_readings()]
    assert Counter(span.place for span in spans) == {"ssh one": 4, "ssh two": 4}


def test_two_that_are_reached_in_the_same_way_are_one() -> None:
    options = DeviceOptions(command=("ssh", "pi"))
    with pytest.raises(ValueError, match="got ssh pi twice"):
        DeviceOptions(command=("ssh", "pi"), threads=2, like=(options,))
