"""Parity: what is scored must be what was compressed, or the candidate is refused."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import onnx_ir as ir
import onnxruntime as ort
import pytest
from torch import Tensor, nn

from parefront.evaluators.quality.accuracy import open_session
from parefront.evaluators.quality.parity import (
    FLOAT_TOLERANCE,
    INTEGER_TOLERANCE,
    ParityError,
    check_parity,
    compare,
    prove,
)
from parefront.spaces.network.emission import Builder, Emittable
from parefront.spaces.network.emit import UnknownModule, emit, serialize
from parefront.spaces.network.trace import Traced, trace
from parefront.testing.specimen import specimen

from ...flat import chain, images
from ...several import Everything, everything, made

OUTPUTS = np.random.default_rng(0).normal(size=(50, 10))


class Liar(Emittable):
    """Says one thing and writes another."""

    def forward(self, x: Tensor) -> Tensor:
        return x

    def emit(self, builder: Builder, inputs: Sequence[ir.Value | None]) -> list[ir.Value]:
        return builder.node("Neg", inputs)


class Unknown(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x


class Chaos(Emittable):
    """Where a change of its inputs by a millionth moves the outputs as far as another runtime's rounding does."""

    def forward(self, x: Tensor) -> Tensor:
        return x + 0.3 * (x * 1e6).sin()

    def emit(self, builder: Builder, inputs: Sequence[ir.Value | None]) -> list[ir.Value]:
        return builder.node("Identity", inputs)


def test_a_network_that_a_millionth_moves_as_far_may_differ_as_far(tmp_path: Path) -> None:
    net = chain(images(4), chaos=Chaos())
    artifact = emit(net, tmp_path / "chaos.onnx", images(4))
    assert INTEGER_TOLERANCE < check_parity(open_session(artifact.path), net, images(4)) < 0.5


def test_floats_may_differ_by_a_thousandth_of_the_largest_output() -> None:
    largest = np.abs(OUTPUTS).max()
    for share in (0.0, 0.5, 0.9):
        moved = OUTPUTS.copy()
        moved[3, 4] += share * FLOAT_TOLERANCE * largest
        assert compare(OUTPUTS, moved, integers=False) == pytest.approx(share * FLOAT_TOLERANCE)
    moved[3, 4] = OUTPUTS[3, 4] + 1.1 * FLOAT_TOLERANCE * largest
    with pytest.raises(ParityError, match=r"differ from the network's by 1.1e-03 \(allowed 0.001\)"):
        compare(OUTPUTS, moved, integers=False)


def test_integers_are_judged_by_their_root_mean_square() -> None:
    one_off = OUTPUTS.copy()
    one_off[3, 4] += 0.5
    assert compare(OUTPUTS, one_off, integers=True) < 0.1 * INTEGER_TOLERANCE * 3
    with pytest.raises(ParityError):
        compare(OUTPUTS, OUTPUTS + 1.1 * INTEGER_TOLERANCE * OUTPUTS.std(), integers=True)


@pytest.mark.parametrize("integers", [False, True])
def test_what_is_not_a_number_never_agrees(integers: bool) -> None:
    broken = OUTPUTS.copy()
    broken[0, 0] = np.nan
    with pytest.raises(ParityError, match="nan"):
        compare(OUTPUTS, broken, integers)


def test_another_shape_never_agrees() -> None:
    with pytest.raises(ParityError, match=r"the artefact gives shape \(50, 9\), the network \(50, 10\)"):
        compare(OUTPUTS, OUTPUTS[:, :9], integers=False)


def test_outputs_that_are_all_zero_agree_with_themselves() -> None:
    zeros = np.zeros((4, 3))
    assert compare(zeros, zeros, integers=False) == compare(zeros, zeros, integers=True) == 0


def test_the_artefact_of_another_network_is_found_out(tmp_path: Path) -> None:
    plain, residual = specimen("plain"), specimen("residual")
    session = open_session(emit(plain.net, tmp_path / "plain.onnx", plain.calibration.example).path, threads=1)
    assert check_parity(session, plain.net, plain.calibration.example) < 1e-5
    with pytest.raises(ParityError, match="differ"):
        check_parity(session, residual.net, residual.calibration.example)


def test_a_network_is_proved_by_emitting_and_running_it() -> None:
    prove(specimen("concat").net, specimen("concat").calibration.example)
    with pytest.raises(ParityError):
        prove(chain(images(4, 3), liar=Liar()), images(4, 3))


def test_a_module_without_an_emitter_is_no_disproof() -> None:
    net = chain(images(4, 3), unknown=Unknown())
    with pytest.raises(UnknownModule):
        serialize(net, images(4, 3))
    prove(net, images(4, 3))


def emitted_everything(folder: Path) -> tuple[ort.InferenceSession, Traced]:
    traced = trace(made(Everything), everything())
    path = emit(traced.net, folder / "everything.onnx", traced.example).path
    return ort.InferenceSession(str(path), providers=["CPUExecutionProvider"]), traced


def test_one_output_that_differs_is_named(tmp_path: Path) -> None:
    session, traced = emitted_everything(tmp_path)
    inputs = traced.signature.inputs.batch(everything(5, seed=1))
    assert check_parity(session, traced.net, inputs) < 1e-5
    traced.net.get_submodule("where").get_parameter("bias").data += 0.5
    with pytest.raises(ParityError, match="the artefact's outputs where differ"):
        check_parity(session, traced.net, inputs)


def test_whole_numbers_are_compared_by_how_many_differ() -> None:
    expected = np.arange(2000)
    actual = np.where(expected == 7, 0, expected)
    assert compare(expected, actual, integers=False) == pytest.approx(1 / 2000)
    with pytest.raises(ParityError):
        compare(expected, np.where(expected < 100, 0, expected), integers=False)
