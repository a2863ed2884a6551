"""A file in LiteRT's format is told from an ONNX file, and says which runtime it is for."""

from __future__ import annotations

from pathlib import Path

import pytest

from parefront.evaluators.runtimes.litert_runtime import LiteRt
from parefront.evaluators.storage.litert_file import is_litert
from parefront.evaluators.storage.provenance import runtime_of_file
from parefront.spaces.network.emit import emit
from parefront.testing.specimen import specimen


def test_it_is_for_litert(tmp_path: Path) -> None:
    pytest.importorskip("ai_edge_litert", reason="the extra `litert` is not installed")
    subject = specimen("plain")
    content = emit(subject.net, tmp_path / "x.onnx", subject.calibration.example).path.read_bytes()
    assert (is_litert(content), runtime_of_file(content)) == (False, "")
    made = LiteRt().translated(content)
    assert (is_litert(made), is_litert(made[:8]), runtime_of_file(made)) == (True, True, "litert")


@pytest.mark.parametrize("content", [b"", b"TFL3", b"\x08\x07\x12\x04TFL", b"abcdTFL4"])
def test_what_has_another_beginning_is_not(content: bytes) -> None:
    assert not is_litert(content)
    assert runtime_of_file(content) == ""
