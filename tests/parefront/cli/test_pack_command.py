"""``parefront pack`` and ``unpack``: there and back, what is saved, and one line where it cannot be done."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

import parefront as pf

from ..conftest import Command


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """A convolution whose weights take one of 16 values."""
    generator = np.random.default_rng(0)
    weight = np.linspace(-1, 1, 16)[generator.binomial(15, 0.5, (64, 32, 3, 3))].astype(np.float32)
    graph = helper.make_graph(
        [helper.make_node("Conv", ["input", "weight"], ["output"])],
        "net",
        [helper.make_tensor_value_info("input", TensorProto.FLOAT, ["batch", 32, 8, 8])],
        [helper.make_tensor_value_info("output", TensorProto.FLOAT, ["batch", 64, 6, 6])],
        [numpy_helper.from_array(weight, "weight")],
    )
    path = tmp_path / "net.onnx"
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)], ir_version=10), path)
    return path


def test_a_packed_model_is_unpacked_to_the_same_bytes(model: Path, run: Command) -> None:
    packed, restored = model.with_suffix(".pfz"), model.parent / "again" / "net.onnx"

    assert run("pack", str(model), "-o", str(packed)).code == 0
    assert run("unpack", str(packed), "-o", str(restored)).code == 0

    assert packed.stat().st_size < 0.2 * model.stat().st_size
    assert restored.read_bytes() == model.read_bytes()
    assert pf.load_packed(packed) == model.read_bytes()


def test_it_says_what_is_saved(model: Path, run: Command) -> None:
    packed = model.with_suffix(".pfz")
    out = run("pack", str(model), "-o", str(packed)).out

    first, second = out.splitlines()
    said = re.fullmatch(rf"{model}: 73.9 KB, packed (\S+ KB) \((0\.\d+)x; zlib alone (0\.\d+)x\)", first)
    assert said is not None
    assert float(said[2]) == pytest.approx(packed.stat().st_size / model.stat().st_size, abs=1e-3)
    assert float(said[2]) <= float(said[3])
    assert second == f"written: {packed}"
    assert f"{said[1]}, unpacked 73.9 KB ({said[2]}x)" in run("unpack", str(packed), "-o", str(model)).out


def test_from_a_shell(model: Path) -> None:
    def parefront(*arguments: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "parefront", *arguments]
        return subprocess.run(command, cwd=model.parent, capture_output=True, text=True, check=False)

    original = model.read_bytes()
    assert parefront("pack", "net.onnx", "-o", "net.pfz").returncode == 0
    model.unlink()
    assert parefront("unpack", "net.pfz", "-o", "net.onnx").returncode == 0
    assert model.read_bytes() == original


def test_a_corrupted_file_is_one_line_and_nothing_is_written(model: Path, run: Command) -> None:
    packed = model.with_suffix(".pfz")
    run("pack", str(model), "-o", str(packed))
    packed.write_bytes(packed.read_bytes()[:-7])

    outcome = run("unpack", str(packed), "-o", str(model.parent / "again.onnx"))

    assert outcome.code == 2
    assert outcome.err == f"error: {packed}: the file is corrupted or cut short: its checksum is wrong\n"
    assert not (model.parent / "again.onnx").exists()


def test_wrong_files_are_one_line(model: Path, run: Command) -> None:
    text, other = model.parent / "notes.txt", model.parent / "other"
    text.write_text("weights, some")
    for arguments, message in (
        (("pack", "nope.onnx", "-o", str(other)), "there is no file nope.onnx; expected an ONNX model"),
        (("pack", str(text), "-o", str(other)), "is not an ONNX model"),
        (("pack", str(model), "-o", str(model.parent)), "--output: expected a file name such as"),
        (("pack", str(model), "-o", "other.onnx"), "--output: expected a file name that ends in .pfz (a packed ONNX"),
        (("unpack", "nope.pfz", "-o", "net.pt"), "--output: expected a file name that ends in .onnx (an ONNX model)"),
        (("pack", str(model)), "Missing option '--output'"),
        (("unpack", "nope.pfz", "-o", str(other)), "there is no file nope.pfz; expected one that `parefront pack`"),
        (("unpack", str(model), "-o", str(other)), "expected a file that `parefront pack` has written"),
    ):
        outcome = run(*arguments)

        assert message in outcome.err
        assert len(outcome.err.splitlines()) == 1
        assert outcome.code == 2
    assert not other.exists()
