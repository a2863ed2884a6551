"""Answers of a worker that are not what they should be: in a value, in a byte, or in their order; drawn by a seed."""

from __future__ import annotations

import copy
import itertools
import json
import os
import random
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from parefront.evaluators.device import worker
from parefront.evaluators.device.channel import Channel
from parefront.evaluators.device.device import Device
from parefront.evaluators.device.device_options import DeviceOptions
from parefront.evaluators.device.errors import WorkerDied
from parefront.evaluators.device.frames import Frames
from parefront.evaluators.device.liveness import Patience, Process

Answer = dict[str, Any]

VALUES: list[Any] = [
    None, True, False, -1, 0, 1, 2**31, 2**63, 10**30, -(10**30), 10**5000, -0.5, 1e308, -1e-300, float("nan"),
    float("inf"), float("-inf"), "", "x", "1", "\0", "x" * 10_000, [], [[]], [None], [0] * 1000, [-1], {}, {"a": {}},
]  # fmt: skip


class Scripted(Channel):
    """A channel whose worker is a function: a request → the bytes that it writes on stdout."""

    def __init__(self, respond: Callable[[Answer], bytes]) -> None:
        self._respond, self._frames, self._answered, self._unsent = respond, Frames(), False, b""
        self._watched = Process(os.getpid())
        self._ids = itertools.count(1)
        self._said = bytearray()
        self._ended = False

    @property
    def closed(self) -> bool:
        return self._ended

    def kill(self) -> None:
        self._ended = True

    close = kill

    def _exchange(self, frame: Sequence[bytes], patience: Patience) -> Answer:
        header = frame[0]
        _, length = worker.PREFIX.unpack_from(header)
        written = self._respond(json.loads(header[worker.PREFIX.size : worker.PREFIX.size + length]))
        for start in range(0, len(written), 1 << 16):
            if (answer := self._frames.feed(written[start : start + (1 << 16)])) is not None:
                return answer
        if not written:
            raise WorkerDied("the worker ended with status 1")
        raise TimeoutError


class ScriptedDevice(Device):
    """A device whose workers answer what was recorded of a real one, spoilt by ``chance``."""

    def __init__(self, recorded: dict[str, Answer], chance: random.Random | None) -> None:
        super().__init__(DeviceOptions(deadline_seconds=1.0))
        self._recorded, self._chance = recorded, chance

    def _start(self) -> Channel:
        return Scripted(self._respond)

    def _respond(self, request: Answer) -> bytes:
        answer = {**self._recorded[request["op"]], "id": request["id"]}
        if self._chance is None or self._chance.random() < 0.3:
            return framed(answer)
        return self._chance.choice(WAYS)(self._chance, answer)


def framed(answer: Any) -> bytes:
    body = json.dumps(answer).encode() if not isinstance(answer, bytes) else answer
    return worker.PREFIX.pack(worker.MAGIC, len(body)) + body


def with_values(chance: random.Random, answer: Answer) -> bytes:
    """One to three values replaced, taken away, or repeated, anywhere."""
    spoilt = copy.deepcopy(answer)
    for _ in range(chance.randint(1, 3)):
        places = list(_places(spoilt))
        if not places:
            break
        inside, key = chance.choice(places)
        how = chance.randrange(4)
        if how == 0:
            del inside[key]
        elif how == 1 and isinstance(inside[key], list):
            inside[key] = inside[key] * chance.choice([2, 3]) if chance.random() < 0.5 else inside[key][:-1]
        elif how == 2 and isinstance(inside[key], int | float):
            inside[key] *= chance.choice([-1, 0, 0.5, 1e9, 1e300])
        else:
            inside[key] = chance.choice(VALUES)
    return framed(_dumped(spoilt))


def with_bytes(chance: random.Random, answer: Answer) -> bytes:
    """A few bytes of the frame changed."""
    stream = bytearray(framed(answer))
    for _ in range(chance.randint(1, 6)):
        stream[chance.randrange(len(stream))] = chance.randrange(256)
    return bytes(stream)


def cut(chance: random.Random, answer: Answer) -> bytes:
    stream = framed(answer)
    return stream[: chance.randrange(len(stream))]


def out_of_order(chance: random.Random, answer: Answer) -> bytes:
    """The answer of another request, twice, after thousands of beats, or after noise."""
    other = framed({**answer, "id": chance.choice([0, -1, answer["id"] + 1, str(answer["id"]), None, True])})
    beats = framed({"id": answer["id"], "beat": True}) * chance.choice([1, 5000])
    noise = chance.randbytes(chance.choice([1, 100, 70_000]))
    return chance.choice([other + framed(answer), framed(answer) * 2, beats + framed(answer), noise + framed(answer)])


def refusing(chance: random.Random, answer: Answer) -> bytes:
    """A refusal, with whatever reason."""
    codes = ["model", "internal", "host", "stream", "version", "unknown_model", "\n", *VALUES]
    refusal = {"id": answer["id"], "ok": chance.choice([False, 0, None, "no"]), "code": chance.choice(codes)}
    return framed(_dumped({**refusal, "error": chance.choice(["two\nlines", "x" * 10_000, *VALUES])}))


def other_json(chance: random.Random, answer: Answer) -> bytes:
    """JSON, though not an object of the worker's; or none at all."""
    return framed(chance.choice([b"[" * 5000, b"[" * 200_000, b"null", b"[]", b"7", b"{}", b"", b"\xff", b'{"id":']))


WAYS = [with_values, with_values, with_values, with_bytes, cut, out_of_order, refusing, other_json]


def _places(value: Any) -> Iterator[tuple[Any, Any]]:
    """Every place of a nested value, but that of the answer's own number."""
    keys = list(value) if isinstance(value, dict) else range(len(value))
    for key in keys:
        yield value, key
        if isinstance(value[key], dict | list):
            yield from _places(value[key])


def _dumped(value: Any) -> bytes:
    """JSON; integers of thousands of digits, which Python does not write, as text of that form."""
    whole = 10**5000
    text = json.dumps(value, default=str) if not _has(value, whole) else json.dumps(_replaced(value, whole))
    return text.replace('"HUGE"', "1" + "0" * 5000).encode()


def _has(value: Any, wanted: int) -> bool:
    inside = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return (type(value) is int and value == wanted) or any(_has(item, wanted) for item in inside)


def _replaced(value: Any, wanted: int) -> Any:
    if isinstance(value, dict):
        return {key: _replaced(item, wanted) for key, item in value.items()}
    if isinstance(value, list):
        return [_replaced(item, wanted) for item in value]
    return "HUGE" if type(value) is int and value == wanted else value
