"""The owner of like devices, without a cluster: tells what befalls them, and compares them after it was lost."""

from __future__ import annotations

import hashlib
import sys
from contextlib import closing
from dataclasses import replace

from parefront.evaluators.device.device_options import DeviceOptions
from parefront.evaluators.device.remote.request import Content, Method, Request
from parefront.evaluators.device.units import Units
from parefront.search.executors.ray.owner_actor import OwnerActor

from ....evaluators.device.boards import Board


def test_what_befalls_one_of_several_like_devices_is_kept_for_the_controller() -> None:
    one, lost = (DeviceOptions(command=("env", f"UNIT={n}"), python=sys.executable) for n in (1, 2))
    with closing(OwnerActor("pi", replace(one, like=(replace(lost, python="no-such-python"),)))) as owner:
        assert owner.serve(Request("pi", "profile")).value.cores > 0
        (line,) = owner.news()
        assert line.startswith("device pi: env UNIT=2 cannot be reached, its readings go to the others")
        assert owner.news() == []


def owner_of(*boards: Board) -> OwnerActor:
    first, *others = [board.options for board in boards]
    options = replace(first, like=tuple(others))
    return OwnerActor("pi", options, lambda name, options, say: Units(name, options, boards, say))


def content(data: bytes, sent: bool = True) -> Content:
    return Content(hashlib.sha256(data).hexdigest(), data if sent else None)


def asked(method: Method, candidate: Content, reference: Content) -> Request:
    return Request("pi", method, (candidate, reference), {"protocol": {}, "shapes": None})


def test_an_owner_that_starts_anew_compares_its_devices_before_one_reads() -> None:
    one, far = Board("one", 10.0), Board("far", 20.0)
    with closing(owner_of(one, far)) as owner:
        reply = owner.serve(asked("time", content(b"candidate"), content(b"reference")))
        assert [span.place for span in reply.readings] == ["ssh one"]
        (line,) = owner.news()
        assert line.startswith("device pi: ssh far is set aside: the uncompressed model takes 20 ms")


def test_devices_are_compared_once_by_each_reference() -> None:
    one, two = Board("one"), Board("two")
    reference = content(b"reference")
    with closing(owner_of(one, two)) as owner:
        owner.serve(asked("time_anchor", reference, reference))
        assert (one.readings, two.readings) == (1, 1)
        for _ in range(3):
            owner.serve(asked("time", content(b"candidate"), reference))
        assert (one.readings, two.readings) == (4, 1)
        owner.serve(asked("time", content(b"candidate"), content(b"another")))
        assert (one.readings, two.readings) == (6, 2)


def test_a_reference_that_the_owner_has_lost_is_asked_for_before_devices_are_compared_by_it() -> None:
    with closing(owner_of(Board("one"), Board("two"))) as owner:
        reply = owner.serve(asked("time", content(b"candidate", sent=False), content(b"reference", sent=False)))
        assert content(b"reference").sha256 in reply.missing
        again = owner.serve(asked("time", content(b"candidate"), content(b"reference")))
        assert again.value is not None
