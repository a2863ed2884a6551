"""Entropy-coded files: the same bytes back, fewer of them meanwhile, and clear words where a file is broken."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import onnxruntime as ort
import pytest
import torch

from parefront.compressors.context import Context
from parefront.compressors.pipeline import Pipeline
from parefront.compressors.registry import create
from parefront.evaluators.storage.packed_file import PfzError, decode, encode, load_packed
from parefront.spaces.knob import Choice
from parefront.spaces.network.emit import serialize
from parefront.testing.networks import NETWORKS
from parefront.testing.specimen import specimen

ConvNet = Callable[..., Path]


def artefact(network: str, policy: Mapping[str, Choice]) -> bytes:
    """The file of a network with all knobs of each method at one choice."""
    subject, methods = specimen(network), [create(name) for name in policy]
    pipeline = Pipeline.of(methods, subject.graph)
    context = Context(subject.graph, subject.calibration)
    net = pipeline.apply(subject.net, pipeline.space.uniform(policy), context)
    return serialize(net, subject.calibration.example)


@pytest.mark.parametrize("network", NETWORKS)
def test_an_artefact_comes_back_byte_for_byte(network: str) -> None:
    data = artefact(network, {})
    assert decode(encode(data)) == data


@pytest.mark.parametrize(
    "policy", [{}, {"share_weights": 16}, {"prune_weights": 0.9}, {"prune_weights": 0.7, "quantize": 8}]
)
def test_it_is_smaller_than_the_original_and_than_what_zlib_makes_of_it(policy: Mapping[str, Choice]) -> None:
    data = artefact("residual", policy)
    packed = encode(data)
    assert decode(packed) == data
    assert len(packed) < 1.005 * len(zlib.compress(data, 9)) < len(data)


def test_what_policy_and_coding_save_adds_up() -> None:
    whole, shared = artefact("residual", {}), artefact("residual", {"share_weights": 16})
    assert len(encode(shared)) < 0.95 * len(shared) < 0.2 * len(whole)


def test_equal_files_give_equal_bytes(conv_net: ConvNet) -> None:
    data = conv_net(32).read_bytes()
    assert encode(data) == encode(data)


@pytest.mark.parametrize("weights", [0, 1, 255, 1023, 4099])
def test_weights_of_any_size_and_kind_come_back(weights: int) -> None:
    generator = np.random.default_rng(weights)
    for values in (
        generator.integers(0, 256, weights).astype(np.uint8),
        np.zeros(weights, np.int8),
        generator.normal(size=weights).astype(np.float32),
        generator.choice([0.1, -0.3, 2.5], weights).astype(np.float64),
    ):
        data = model(values.tobytes())
        assert decode(encode(data)) == data


def model(*raw: bytes) -> bytes:
    """The least of a protobuf message that has these as raw data of initialisers."""
    graph = b"".join(field(5, field(9, content)) for content in raw)
    return b"\x08\x0a" + field(7, graph)


def field(number: int, content: bytes) -> bytes:
    length, size = len(content), b""
    while length > 127:
        size, length = size + bytes([length & 127 | 128]), length >> 7
    return bytes([number << 3 | 2]) + size + bytes([length]) + content


def test_the_loaded_bytes_run(conv_net: ConvNet, tmp_path: Path) -> None:
    source = conv_net(16)
    (tmp_path / "net.pfz").write_bytes(encode(source.read_bytes()))
    image = {"input": torch.rand(1, 3, 8, 8).numpy()}
    expected, got = (
        ort.InferenceSession(held, providers=["CPUExecutionProvider"]).run(None, image)[0]
        for held in (str(source), load_packed(tmp_path / "net.pfz"))
    )
    np.testing.assert_array_equal(got, expected)


def test_any_change_is_noticed(conv_net: ConvNet) -> None:
    packed = encode(conv_net().read_bytes())
    for place in {*range(70), *range(70, len(packed), 97)}:
        changed = bytearray(packed)
        changed[place] ^= 4
        with pytest.raises(PfzError):
            decode(bytes(changed))


@pytest.mark.parametrize(
    ("broken", "message"),
    [
        (lambda packed: packed[:-1], "corrupted or cut short"),
        (lambda packed: packed[:40], "cut short"),
        (lambda packed: b"", "expected a file that `parefront pack` has written"),
        (lambda packed: b"PK" + packed, "expected a file that `parefront pack` has written"),
        (lambda packed: packed[:4] + b"\x09\0" + packed[6:], "is of version 9; this parefront reads version 1"),
        (lambda packed: packed[:200] + b"?" + packed[201:], "corrupted"),
    ],
)
def test_a_broken_file_is_named_with_what_is_wrong(
    broken: Callable[[bytes], bytes], message: str, conv_net: ConvNet, tmp_path: Path
) -> None:
    path = tmp_path / "net.pfz"
    path.write_bytes(broken(encode(conv_net().read_bytes())))
    with pytest.raises(PfzError, match=message) as refused:
        load_packed(path)
    assert str(refused.value).startswith(f"{path}: ")
    assert len(str(refused.value).splitlines()) == 1


def test_what_is_no_onnx_file_is_refused() -> None:
    with pytest.raises(PfzError, match="expected an ONNX model"):
        encode(b"no protobuf at all")
