"""Hostile ONNX and packed files: made by hand, and by chance from sound ones."""

from __future__ import annotations

import os
import random
import struct
import zlib
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

import parefront
from parefront.cli.pack import pack_model, unpack_model
from parefront.evaluators.storage.packed_file import encode
from parefront.inspection.artifact import check_model

from ...evaluators.mutations import mutated
from .watch import Act

FLOAT = TensorProto.FLOAT


def model(*nodes: onnx.NodeProto, weights: tuple[onnx.TensorProto, ...] = (), **more: Any) -> bytes:
    """A model of ``x`` → ``y``."""
    ends = [helper.make_tensor_value_info(name, FLOAT, more.get("shape", ["n", 3, 8, 8])) for name in ("x", "y")]
    graph = helper.make_graph(list(nodes), "net", ends[:1], ends[1:], list(weights))
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid(more.get("domain", ""), more.get("opset", 21))])
    made.ir_version = more.get("ir", 10)
    content: bytes = made.SerializeToString()
    return content


def node(
    op: str, inputs: tuple[str, ...] = ("x",), outputs: tuple[str, ...] = ("y",), **attributes: Any
) -> onnx.NodeProto:
    return helper.make_node(op, list(inputs), list(outputs), **attributes)


def weight(name: str = "w", shape: tuple[int, ...] = (8, 3, 3, 3)) -> onnx.TensorProto:
    values = np.random.default_rng(0).normal(size=shape).astype(np.float32)
    return numpy_helper.from_array(values, name)


def sound() -> bytes:
    nodes = [node("Conv", ("x", "w"), ("h",), pads=[1, 1, 1, 1]), node("Relu", ("h",), ("r",)),
             node("Conv", ("r", "v"), ("y",))]  # fmt: skip
    return model(*nodes, weights=(weight(), weight("v", (3, 8, 1, 1))))


SOUND = sound()
PACKED = encode(SOUND)


def tensor(
    name: str = "w", kind: int = FLOAT, dims: tuple[int, ...] = (8, 3, 3, 3), raw: bytes | None = b""
) -> onnx.TensorProto:
    made = TensorProto(name=name, data_type=kind, dims=dims)
    if raw is not None:
        made.raw_data = raw
    return made


def elsewhere(location: str, **entries: str) -> onnx.TensorProto:
    made = TensorProto(name="w", data_type=FLOAT, dims=(8, 3, 3, 3), data_location=TensorProto.EXTERNAL)
    for key, value in {"location": location, **entries}.items():
        made.external_data.add(key=key, value=value)
    return made


CONV = node("Conv", ("x", "w"))
ELSEWHERE = (
    *("/etc/passwd", "../secret", "weights.bin", "/dev/zero", "/proc/self/environ", "", "a" * 5000, "pipe"),
    *("\\\\host\\share", "file:///etc/passwd", "//host/x"),
)


def scattered(place: str) -> bytes:
    """A model whose weights are said to lie there."""
    return model(CONV, weights=(elsewhere(place),))


def nested(depth: int) -> bytes:
    """Graphs inside of each other's nodes."""
    graph = helper.make_graph([node("Relu")], "g", [], [helper.make_tensor_value_info("y", FLOAT, [1])])
    for _ in range(depth):
        inner = helper.make_node("If", ["c"], ["y"], then_branch=graph)
        graph = helper.make_graph([inner], "g", [], [helper.make_tensor_value_info("y", FLOAT, [1])])
    return bytes(onnx.ModelProto(ir_version=10, graph=graph).SerializeToString())


def constant(value: onnx.TensorProto) -> bytes:
    return model(node("Constant", (), ("w",), value=value), CONV)


def length(number: int) -> bytes:
    """A base-128 number."""
    found = bytearray()
    while number > 127:
        found.append(number & 127 | 128)
        number >>= 7
    return bytes([*found, number])


REFUSED: dict[str, Callable[[], bytes]] = {
    "nothing": lambda: b"",
    "zeros": lambda: bytes(1000),
    "ones": lambda: b"\xff" * 1000,
    "random": lambda: random.Random(0).randbytes(5000),
    "text": lambda: b"import os; os.system('id')",
    "a pickle": lambda: b"\x80\x04\x8c\x05posix\x8c\x06system\x93\x8c\x02id\x85R.",
    "a zip": lambda: b"PK\x03\x04" + bytes(500),
    "an ELF": lambda: b"\x7fELF" + bytes(500),
    "cut": lambda: SOUND[:-100],
    "cut in the middle": lambda: SOUND[: len(SOUND) // 2],
    "a length of 2 GB": lambda: b"\x3a" + length(2**31 - 1) + b"x",
    "a length of 2**63": lambda: b"\x3a" + length(2**63) + b"x",
    "a number without end": lambda: b"\x08" + b"\x80" * 100,
    "an empty graph": lambda: model(),
    "no graph": lambda: onnx.ModelProto(ir_version=10).SerializeToString(),
    "groups": lambda: b"\x0b" + SOUND,
    "messages in messages": lambda: b"\x3a" + length(50_000) + b"\x0a" * 50_000,
    **{f"weights in {place[:20]!r}": partial(scattered, place) for place in ELSEWHERE},
    "weights in a range": lambda: model(CONV, weights=(elsewhere("/etc/passwd", offset="0", length="10"),)),
    "weights in no range": lambda: model(CONV, weights=(elsewhere("x", offset="-1", length="99999999999999"),)),
    "a constant elsewhere": lambda: constant(elsewhere("/etc/passwd")),
    "a constant in a branch elsewhere": lambda: model(
        node(
            "If",
            ("c",),
            then_branch=helper.make_graph([node("Constant", (), ("z",), value=elsewhere("/etc/passwd"))], "g", [], []),
        )
    ),
}
"""What no command takes."""

UNBUILDABLE: dict[str, Callable[[], bytes]] = {
    "fewer bytes than it says": lambda: model(CONV, weights=(tensor(raw=b"1234"),)),
    "more bytes than it says": lambda: model(CONV, weights=(tensor(raw=bytes(5000)),)),
    "no bytes": lambda: model(CONV, weights=(tensor(raw=None),)),
    "a terabyte of weights": lambda: model(CONV, weights=(tensor(dims=(10**6, 10**6, 1, 1)),)),
    "sizes that overflow": lambda: model(CONV, weights=(tensor(dims=(2**62, 2**62, 4, 4)),)),
    "a negative size": lambda: model(CONV, weights=(tensor(dims=(-8, 3, 3, 3)),)),
    "a thousand axes": lambda: model(CONV, weights=(tensor(dims=(1,) * 1000, raw=b"1234"),)),
    "a type of nobody": lambda: model(CONV, weights=(tensor(kind=99, raw=bytes(864)),)),
    "texts as weights": lambda: model(
        CONV, weights=(TensorProto(name="w", data_type=TensorProto.STRING, dims=(1,), string_data=[b"x"]),)
    ),
    "complex weights": lambda: model(CONV, weights=(tensor(kind=TensorProto.COMPLEX128, dims=(1,), raw=bytes(16)),)),
    "an operator of nobody": lambda: model(node("Shell", command="id")),
    "an operator of a domain": lambda: model(node("Relu", domain="com.hostile")),
    "an operator without a name": lambda: model(node("")),
    "Python in a name": lambda: model(node("__import__('os').system('id')")),
    "a circle": lambda: model(node("Relu", ("b",), ("a",)), node("Relu", ("a",), ("b",)), node("Relu", ("b",))),
    "a value from nowhere": lambda: model(node("Relu", ("z",))),
    "a value computed twice": lambda: model(node("Relu"), node("Relu")),
    "an output that is nobody's": lambda: model(node("Relu", ("x",), ("z",))),
    "attributes of other types": lambda: model(
        node("Conv", ("x", "w"), pads="x", strides=1.5, group="7"), weights=(weight(),)
    ),
    "groups of 0": lambda: model(node("Conv", ("x", "w"), group=0), weights=(weight(),)),
    "groups of a billion": lambda: model(node("Conv", ("x", "w"), group=10**9), weights=(weight(),)),
    "strides of 0": lambda: model(node("Conv", ("x", "w"), strides=[0, 0]), weights=(weight(),)),
    "pads of a billion": lambda: model(node("Conv", ("x", "w"), pads=[10**9] * 4), weights=(weight(),)),
    "a terabyte out of one number": lambda: model(
        node("ConstantOfShape", ("s",), ("z",)),
        node("Add", ("x", "z")),
        weights=(numpy_helper.from_array(np.array([10**6, 10**6]), "s"),),
    ),
    "a range of a trillion": lambda: model(
        node("Range", ("a", "b", "c"), ("z",)),
        node("Add", ("x", "z")),
        weights=tuple(numpy_helper.from_array(np.array(v), n) for n, v in (("a", 0.0), ("b", 1e12), ("c", 1.0))),
    ),
    "an expansion": lambda: model(
        node("Expand", ("e", "s"), ("z",)),
        node("Add", ("x", "z")),
        weights=(
            numpy_helper.from_array(np.ones((1, 1), np.float32), "e"),
            numpy_helper.from_array(np.array([10**6, 10**6]), "s"),
        ),
    ),
    "tiles": lambda: model(
        node("Tile", ("e", "s"), ("z",)),
        node("Add", ("x", "z")),
        weights=(
            numpy_helper.from_array(np.ones((1, 1), np.float32), "e"),
            numpy_helper.from_array(np.array([10**6, 10**6]), "s"),
        ),
    ),
    "an opset of the future": lambda: model(node("Relu"), opset=10_000),
    "an IR of the future": lambda: model(node("Relu"), ir=10_000),
    "branches": lambda: nested(5),
    "branches in branches": lambda: nested(20),
    "names that escape": lambda: model(
        node("Relu", ("x",), ("\x1b[2J",)), node("Frobnicate", ("\x1b[2J",), name="\x1b]0;x\x07")
    ),
    "a name of two lines": lambda: model(node("a\nb", name="c\nd")),
    "a very long name": lambda: model(node("x" * 1_000_000)),
    "names of attributes of a module": lambda: model(
        node("Relu", ("x",), ("__class__",), name="forward"), node("Relu", ("__class__",), name="__dict__")
    ),
}
"""What is an ONNX model as far as its bytes tell; it is loaded, or refused."""


def _head(**fields: Any) -> bytes:
    """A packed file with other fields in its head, and the right checksum."""
    from parefront.evaluators.storage import packed_file as pfz

    _, version, _, sha256, size, streams, held = pfz._HEAD.unpack_from(PACKED)
    told = {"version": version, "sha256": sha256, "size": size, "streams": streams, "held": held, **fields}
    body = fields.get("body", PACKED[pfz._HEAD.size :])
    rest = (told["sha256"], told["size"], told["streams"], told["held"])
    checksum = zlib.crc32(body, zlib.crc32(pfz._HEAD.pack(pfz.MAGIC, told["version"], 0, *rest)))
    return bytes(pfz._HEAD.pack(pfz.MAGIC, told["version"], checksum, *rest) + body)


def _bomb(size: int = 200_000_000) -> bytes:
    return zlib.compress(bytes(size), 9)


PACKS: dict[str, Callable[[], bytes]] = {
    "nothing": lambda: b"",
    "the magic alone": lambda: PACKED[:4],
    "half a head": lambda: PACKED[:30],
    "an ONNX file": lambda: SOUND,
    "a zip": lambda: b"PK\x03\x04" + bytes(500),
    "gzip": lambda: b"\x1f\x8b" + bytes(500),
    "cut": lambda: PACKED[:-1],
    "longer": lambda: PACKED + b"x",
    "another version": lambda: _head(version=2),
    "a size of nothing": lambda: _head(size=0),
    "a size of 2 GB": lambda: _head(size=2**31 - 1),
    "a size of 2**63": lambda: _head(size=2**63),
    "a size of 2**64 - 1": lambda: _head(size=2**64 - 1),
    "streams of 2**40": lambda: _head(streams=2**40),
    "streams of 2**64 - 1": lambda: _head(streams=2**64 - 1),
    "no streams": lambda: _head(streams=0),
    "an index of 2**63": lambda: _head(held=2**63),
    "an index of nothing": lambda: _head(held=0),
    "another digest": lambda: _head(sha256=bytes(32)),
    "a bomb": lambda: _head(body=_bomb(), held=len(_bomb())),
    "a bomb of a size that fits": lambda: _head(body=_bomb(), held=len(_bomb()), size=150_000_000, streams=1),
    "a bomb of many streams": lambda: _head(body=_bomb(), held=len(_bomb()), size=150_000_000, streams=5_000_000),
    "a bomb in a bomb": lambda: _head(body=zlib.compress(_bomb(), 9), held=len(zlib.compress(_bomb(), 9))),
    "the magic over and over": lambda: PACKED[:4] * 1000,
}  # fmt: skip

PLACES: dict[str, Callable[[Path], None]] = {
    "/dev/zero": lambda path: path.symlink_to("/dev/zero"),
    "a pipe": os.mkfifo,
    "a folder": lambda path: path.mkdir(),
    "a link to itself": lambda path: path.symlink_to(path),
    "a link to nothing": lambda path: path.symlink_to("nothing"),
    "a link to /proc/self/mem": lambda path: path.symlink_to("/proc/self/mem"),
    "nothing there": lambda path: None,
    "terabytes": lambda path: os.truncate(os.open(path, os.O_WRONLY | os.O_CREAT), 3 << 40),
}


def acts(path: Path, folder: Path) -> Iterator[Act]:
    """All that reads an ONNX file in this process; a model is run by a worker, whose own conversation is fuzzed."""
    yield lambda: check_model(path)
    yield lambda: pack_model(path, folder / "out.pfz")
    yield lambda: parefront.load(path)


def unpacking(path: Path, folder: Path) -> Iterator[Act]:
    """All that reads a packed file."""
    yield lambda: unpack_model(path, folder / "out.onnx")
    yield lambda: parefront.load(path)


def fuzzed(chance: random.Random) -> bytes:
    """A model that is not what it was."""
    if chance.random() < 0.5:
        return mutated(chance, SOUND)
    made = onnx.ModelProto.FromString(SOUND)
    for _ in range(chance.randint(1, 3)):
        _change(chance, made.graph)
    return bytes(made.SerializeToString())


def _change(chance: random.Random, graph: onnx.GraphProto) -> None:
    one, held = chance.choice(graph.node), chance.choice(graph.initializer)
    way = chance.randrange(8)
    number = chance.choice((-1, 0, 1, 7, 2**31, 2**62))
    if way == 0:
        one.op_type = chance.choice(
            ("Gemm", "Add", "Relu", "Reshape", "Transpose", "Split", "Constant", "Pad", "", "x")
        )
    elif way == 1 and one.input:
        one.input[chance.randrange(len(one.input))] = chance.choice(("x", "w", "h", "y", "", "z"))
    elif way == 2:
        one.output[0] = chance.choice(("x", "w", "h", "y", "", "z"))
    elif way == 3 and one.attribute:
        ints = chance.choice(one.attribute).ints
        ints[:] = [chance.choice((number, known)) for known in ints] or [number]
    elif way == 4:
        one.attribute.append(helper.make_attribute(chance.choice(("group", "pads", "strides", "axis", "to")), number))
    elif way == 5:
        held.dims[:] = [chance.choice((number, known)) for known in held.dims]
    elif way == 6:
        held.data_type = chance.randrange(30)
    else:
        held.raw_data = held.raw_data[: chance.randrange(len(held.raw_data) or 1)]


def packed(chance: random.Random) -> bytes:
    """A packed file that is not what it was, with the right checksum every other time."""
    if chance.random() < 0.4:
        return mutated(chance, PACKED)
    if chance.random() < 0.5:
        return _head(body=mutated(chance, PACKED[struct.calcsize("<4sHI32sQQQ") :]))
    key = chance.choice(("size", "streams", "held", "version"))
    number = chance.choice((0, 1, 2, 100, 2**16 - 1, 2**31, 2**40, 2**63, 2**64 - 1))
    return _head(**{key: number % 2**16 if key == "version" else number})
