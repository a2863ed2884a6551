"""ONNX files that are cut, altered, or not whole: one line from each command that reads them."""

from __future__ import annotations

import random
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from parefront.evaluators.storage.packed_file import PfzError, decode, encode
from parefront.inspection.artifact import check_model
from parefront.spaces.errors import ConfigError

from ..evaluators.mutations import CASES, mutated
from .conftest import Command


def network() -> onnx.ModelProto:
    weight = np.random.default_rng(0).normal(size=(8, 3, 5, 5)).astype(np.float32)
    graph = helper.make_graph(
        [helper.make_node("Conv", ["input", "weight"], ["hidden"]), helper.make_node("Relu", ["hidden"], ["output"])],
        "net",
        [helper.make_tensor_value_info("input", TensorProto.FLOAT, ["batch", 3, 8, 8])],
        [helper.make_tensor_value_info("output", TensorProto.FLOAT, ["batch", 8, 4, 4])],
        [numpy_helper.from_array(weight, "weight")],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)], ir_version=10)


CONTENT: bytes = network().SerializeToString()


def garbage(path: Path) -> None:
    path.write_bytes(random.Random(0).randbytes(500))


def cut_short(path: Path) -> None:
    path.write_bytes(CONTENT[:-100])


def with_an_operator_that_is_none(path: Path) -> None:
    path.write_bytes(CONTENT.replace(b"Relu", b"Rulu"))


def with_an_input_that_nothing_writes(path: Path) -> None:
    path.write_bytes(CONTENT.replace(b"hidden", b"hiddem", 1))


def with_weights_in_another_file(path: Path) -> None:
    onnx.save(network(), path, save_as_external_data=True, location="weights.bin", size_threshold=0)


@pytest.mark.parametrize("command", ["measure", "explain", "pack"])
@pytest.mark.parametrize("spoil", [garbage, cut_short, with_weights_in_another_file])
def test_what_is_no_whole_model_is_refused_in_one_line(
    command: str, spoil: Callable[[Path], None], tmp_path: Path, run: Command
) -> None:
    refused_in_one_line(command, spoil, tmp_path, run)


@pytest.mark.parametrize("command", ["measure", "explain"])
@pytest.mark.parametrize("spoil", [with_an_operator_that_is_none, with_an_input_that_nothing_writes])
def test_what_the_runtime_rejects_is_one_line(
    command: str, spoil: Callable[[Path], None], tmp_path: Path, run: Command
) -> None:
    refused_in_one_line(command, spoil, tmp_path, run)


def refused_in_one_line(command: str, spoil: Callable[[Path], None], folder: Path, run: Command) -> None:
    path, sound, packed = folder / "net.onnx", folder / "sound.onnx", folder / "net.pfz"
    spoil(path)
    sound.write_bytes(CONTENT)
    options = {"measure": [], "explain": ["--against", str(sound)], "pack": ["-o", str(packed)]}
    outcome = run(command, str(path), *options[command])
    assert outcome.code == 2
    assert len(outcome.err.splitlines()) == 1
    assert str(path) in outcome.err
    assert "bug" not in outcome.err
    assert not packed.exists()


def test_the_command_that_the_refusal_names_makes_a_single_file(tmp_path: Path, run: Command) -> None:
    path = tmp_path / "net's own.onnx"
    with_weights_in_another_file(path)
    refusal = run("pack", str(path), "-o", str(tmp_path / "net.pfz")).err
    command = refusal[refusal.index("python -c ") : refusal.index(" writes single.onnx")]

    here = command.replace("python", sys.executable, 1)
    subprocess.run(here, shell=True, cwd=tmp_path, check=True)
    packed = run("pack", str(tmp_path / "single.onnx"), "-o", str(tmp_path / "net.pfz"))

    assert packed.code == 0, packed.err
    held = onnx.load(tmp_path / "single.onnx", load_external_data=False).graph.initializer[0]
    assert np.array_equal(numpy_helper.to_array(held), numpy_helper.to_array(network().graph.initializer[0]))


def test_a_mutated_model_is_read_or_refused_in_one_line(tmp_path: Path) -> None:
    path = tmp_path / "net.onnx"
    for seed in range(CASES):
        path.write_bytes(mutated(random.Random(seed), CONTENT))
        assert len(refusal_of(path).splitlines()) <= 1, seed


def refusal_of(path: Path) -> str:
    try:
        check_model(path)
    except ConfigError as refused:
        return str(refused)
    return ""


def test_whatever_is_packed_at_all_is_unpacked_to_the_same_bytes() -> None:
    for seed in range(CASES):
        changed = mutated(random.Random(seed), CONTENT)
        assert again(changed) in (changed, None), seed


def again(data: bytes) -> bytes | None:
    try:
        packed = encode(data)
    except PfzError:
        return None
    return decode(packed)
