"""The outputs of 8-bit files do not depend on whether this machine's CPU has VNNI."""

from __future__ import annotations

import platform
from pathlib import Path

import pytest
from torch import fx

from parefront.compressors.context import Context
from parefront.compressors.pipeline import Pipeline
from parefront.compressors.registry import create
from parefront.compressors.target import Target
from parefront.evaluators.quality.parity import check_parity
from parefront.evaluators.restore.exact_session import exact_session, has_wide_weights, sums_saturate
from parefront.spaces.network.emit import serialize
from parefront.testing.specimen import specimen

VNNI = {"avx512_vnni", "avx_vnni", "amx_int8"}


def quantised(full_range: bool) -> tuple[fx.GraphModule, bytes]:
    """The residual network in 8 bits, and its file."""
    subject, target = specimen("residual"), Target(full_range_weights=full_range)
    pipeline = Pipeline.of([create("quantize", {}, target)], subject.graph)
    context = Context(subject.graph, subject.calibration, target)
    net = pipeline.apply(subject.net, pipeline.space.uniform({"quantize": 8}), context)
    return net, serialize(net, subject.calibration.example)


@pytest.mark.parametrize("full_range", [True, False])
def test_outputs_are_those_of_the_network(full_range: bool) -> None:
    net, file = quantised(full_range)
    difference = check_parity(exact_session(file), net, specimen("residual").calibration.example)
    assert difference < 0.02, "a step of a layer here and there; where sums saturate it is 0.1 and more"


def test_whether_sums_saturate_is_known_of_the_cpu() -> None:
    if platform.machine() != "x86_64":
        assert not sums_saturate()
        return
    assert sums_saturate() == VNNI.isdisjoint(Path("/proc/cpuinfo").read_text().split())


def test_only_files_of_a_full_8_bits_are_computed_in_floats() -> None:
    assert [has_wide_weights(quantised(full_range)[1]) for full_range in (True, False)] == [True, False]
    assert not has_wide_weights(serialize(specimen("residual").net, specimen("residual").calibration.example))


def test_a_session_has_the_threads_that_its_process_is_given(monkeypatch: pytest.MonkeyPatch) -> None:
    _, file = quantised(full_range=False)
    monkeypatch.setattr("parefront.evaluators.restore.exact_session.core_count", lambda: 3)
    assert [exact_session(file, threads).get_session_options().intra_op_num_threads for threads in (None, 1)] == [3, 1]
