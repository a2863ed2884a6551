"""Thousands of hostile conversations: each is refused or served, none hangs, none writes a file."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from parefront.evaluators.runtimes.litert_runtime import LiteRt

from . import fuzz


@pytest.mark.parametrize(
    ("runtime", "cases"), [("onnxruntime", 10_000), ("openvino", 600), ("ncnn", 60), ("litert", 600)]
)
def test_no_hostile_conversation_hangs_writes_a_file_or_goes_unanswered(
    conv_net: Callable[..., Path], tmp_path: Path, runtime: str, cases: int
) -> None:
    """Some of them go well, or nothing would be tried of what comes behind loading.

    A case that takes the whole process with it is the runtime's own crash on an altered model, told by the host.
    """
    pytest.importorskip("ai_edge_litert" if runtime == "litert" else runtime, reason=f"needs the extra `{runtime}`")
    model, first, measured, crashed = conv_net(), 0, 0, list[int]()
    if runtime == "litert":  # which is sent files of its own format
        model.write_bytes(LiteRt().translated(model.read_bytes()))
    while first < cases:
        program = [sys.executable, fuzz.__file__, str(model), str(first), str(cases), runtime]
        environment = {"TMPDIR": str(tmp_path), "PATH": ""}
        done = subprocess.run(program, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=1800)
        *_, last = done.stdout.splitlines()
        word, seed, timed = last.split()
        measured += int(timed)
        assert done.returncode <= 0, f"case {seed}: {done.stderr[-2000:]}"
        if word == "begin":
            crashed.append(int(seed))
        first = int(seed) + 1
        assert not list(tmp_path.iterdir())
    assert measured > 0
    assert len(crashed) <= max(1, cases / 1000), crashed
