"""Feeds hostile conversations to the worker's loop; run as a program, since a case may take the process with it.

``python fuzz.py MODEL.onnx FIRST LAST RUNTIME`` prints a line ``done SEED MEASURED`` for each case that ended as it
should, with how many conversations so far have come to a measurement.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import random
import resource
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from parefront.evaluators.device import worker
else:  # as on a device: the one file alone
    sys.path.append(str(Path(__file__).resolve().parents[2] / "evaluators" / "device"))
    import worker

LONGEST_SECONDS = 10.0
"""Of CPU, for a case: however busy the machine is, one that hangs takes more, or all of the test's time."""
CODES = {"stream", "version", "op", "unknown_model", "digest", "model", "provider", "shape", "type", "run", "core"}
CODES |= {"runtime", "internal", "not_fresh", "bounds", "host"}
OPTIONS: dict[str, Any] = {
    "threads": 1,
    "spinning": False,
    "providers": ["CPUExecutionProvider"],
    "optimisation": "disable_all",
}
PROTOCOL = {"min_samples": 2, "min_seconds": 0.0, "max_seconds": 0.001, "half_width": 9.0, "warmup_seconds": 0.0}
VALUES: list[Any] = [
    None, True, -1, 0, 1, 2**31, 2**63, 10**30, -1.5, 1e308, "", "x", "../../etc/passwd", "\0", [], [[]], [None], {},
    {"a": {}}, ["CPUExecutionProvider"] * 3, {"input": [1, 3, 8, 8]}, {"input": [10**9] * 4}, "9" * 5000,
]  # fmt: skip


def main(model: Path, first: int, last: int, runtime: str) -> None:
    resource.setrlimit(resource.RLIMIT_AS, (8 << 30, 8 << 30))
    worker.ALONE = f"\0parefront-fuzz-{os.getpid()}"  # it waits for nobody who measures meanwhile
    if runtime != worker.ONNX_RUNTIME:
        send(runtime)
    source = model.read_bytes()
    before, measured = set(os.listdir()), 0
    for seed in range(first, last):
        print("begin", seed, measured, flush=True)
        stream = conversation(random.Random(seed), source)
        sink, started = io.BytesIO(), time.process_time()
        status = worker.serve(io.BytesIO(stream), sink, worker.Worker())
        assert status in (0, 2), (seed, status)
        assert time.process_time() - started < LONGEST_SECONDS, seed
        measured += check_answers(seed, sink.getvalue())
        assert set(os.listdir()) == before, (seed, set(os.listdir()) - before)
        print("done", seed, measured, flush=True)


def send(runtime: str) -> None:
    """Give the worker another runtime, and ask for that in all requests."""
    folder = Path(__file__).resolve().parents[2] / "evaluators" / "runtimes"
    worker.Worker().runtime({"name": runtime}, (folder / f"{runtime}_model.py").read_bytes())
    OPTIONS.clear()
    OPTIONS.update({"threads": 1, "runtime": runtime, "precision": "f32"})


def check_answers(seed: int, written: bytes) -> bool:
    """Whole frames of JSON, each of them served or refused with a known code and a reason; whether one has timings."""
    measured = False
    while written:
        magic, length = worker.PREFIX.unpack_from(written)
        assert magic == worker.MAGIC, seed
        answer = json.loads(written[worker.PREFIX.size : worker.PREFIX.size + length])
        written = written[worker.PREFIX.size + length :]
        assert answer.get("beat") or answer["ok"] or (answer["code"] in CODES and answer["error"]), (seed, answer)
        measured |= "pairs" in answer
    return measured


def conversation(chance: random.Random, model: bytes) -> bytes:
    """A few requests, in one way or another not what they should be."""
    payload = chance.choice(PAYLOADS)(chance, model)
    requests = sane(payload)
    how = chance.randrange(5)
    if how == 0:  # values of any type, anywhere in a header
        spoil(chance, chance.choice(requests)[0])
    chosen = [chance.choice(requests) for _ in range(chance.randint(1, 4))] if how == 1 else requests
    stream = bytearray(b"".join(frame(header, data, chance if how == 2 else None) for header, data in chosen))
    if how == 3:
        for _ in range(chance.randint(1, 8)):
            stream[chance.randrange(len(stream))] = chance.randrange(256)
    if how == 4:
        cut = chance.randrange(len(stream))
        stream = stream[:cut] if chance.random() < 0.5 else stream[:cut] + stream[chance.randrange(len(stream)) :]
    return bytes(stream)


def sane(payload: bytes) -> list[tuple[dict[str, Any], bytes]]:
    digest = hashlib.sha256(payload).hexdigest()
    both: dict[str, Any] = {role: {"digest": digest, "slot": role} for role in ("candidate", "reference")}
    headers: list[dict[str, Any]] = [
        {"op": "load", "digest": digest, "slot": "candidate"},
        {"op": "load", "digest": digest, "slot": "reference"},
        {"op": "measure", **both, "protocol": {**PROTOCOL, "seed": 0}, "shapes": {}},
        {"op": "operators", **both, "rounds": 1, "shapes": {}},
        {"op": "bye"},
    ]
    common = {"version": worker.VERSION}
    requests = [({**common, "options": dict(OPTIONS), "id": n, **header}, b"") for n, header in enumerate(headers)]
    return [(requests[0][0], payload), *requests[1:]]


def frame(header: dict[str, Any], payload: bytes, chance: random.Random | None) -> bytes:
    """A frame; with ``chance``, one whose lengths or digest lie."""
    announced: dict[str, Any] = {}
    if payload:
        announced = {"payload_bytes": len(payload), "payload_sha256": hashlib.sha256(payload).hexdigest()}
    if payload and chance is not None:
        lies: list[dict[str, Any]] = [
            {"payload_bytes": chance.choice([-1, 0, 1, len(payload) + 1, 2**31, 2**40, "4", 1.5, None, True])},
            {"payload_sha256": chance.choice(["0" * 64, "", None, 3, []])},
        ]
        announced |= chance.choice(lies)
    body = json.dumps({**header, **announced}).encode()
    length = len(body)
    if chance is not None and chance.random() < 0.3:
        length = chance.choice([0, 1, length - 1, length + 1, worker.MAX_HEADER_BYTES, 2**32 - 1])
    magic = chance.randbytes(4) if chance is not None and chance.random() < 0.2 else worker.MAGIC
    return worker.PREFIX.pack(magic, length) + body + payload


def spoil(chance: random.Random, header: dict[str, Any]) -> None:
    """Replace one value, somewhere in the header, or take it away."""
    inside = header
    while (
        nested := [value for value in inside.values() if isinstance(value, dict) and value]
    ) and chance.random() < 0.6:
        inside = chance.choice(nested)
    key = chance.choice(list(inside))
    if chance.random() < 0.2:
        del inside[key]
    else:
        inside[key] = chance.choice(VALUES)


def altered(chance: random.Random, model: bytes) -> bytes:
    data = bytearray(model)
    for _ in range(chance.randint(1, 4)):
        data[chance.randrange(len(data))] = chance.randrange(256)
    return bytes(data)


def elsewhere(chance: random.Random, model: bytes) -> bytes:
    """A model that says that its weights lie in another file."""
    path = chance.choice(
        ["/etc/passwd", "../../secret.bin", "weights.bin", "C:\\x", "", "/dev/zero", "\0", "a" * 4096]
    ).encode()
    entry = _field(1, b"location") + _field(2, path)
    tensor = _field(8, b"w") + b"\x10\x01" + b"\x08\x04" + _field(13, entry) + b"\x70\x01"
    node = _field(1, b"x") + _field(1, b"w") + _field(2, b"y") + _field(4, b"Add")
    graph = _field(1, node) + _field(2, b"g") + _field(5, tensor)
    return b"\x08\x0a" + _field(7, graph) + _field(8, b"\x10\x15")


def _field(number: int, data: bytes) -> bytes:
    size, length = len(data), bytearray()
    while size > 127:
        length.append(size & 127 | 128)
        size >>= 7
    return bytes([number << 3 | 2]) + bytes(length) + bytes([size]) + data


PAYLOADS: list[Callable[[random.Random, bytes], bytes]] = [
    lambda chance, model: model,
    lambda chance, model: chance.randbytes(chance.randint(1, 200)),
    lambda chance, model: model[: chance.randrange(1, len(model))],
    altered,
    elsewhere,
]

if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]), sys.argv[4])
