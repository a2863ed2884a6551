"""A runtime of a package of its own, on a device: it measures, and its outputs are those of ONNX Runtime."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnxruntime as ort
import pytest

from parefront.evaluators.device.device import Device
from parefront.evaluators.device.device_options import DeviceOptions
from parefront.evaluators.runtimes import registry
from parefront.spaces.network.emit import emit
from parefront.testing import DeviceConformance, specimen

from ..installed import ROOT
from .conftest import Doctor

FOLDER = ROOT / "examples" / "runtime"


@pytest.fixture(autouse=True)
def known(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The package as pip would have put it there."""
    info = tmp_path / "parefront_reference-0.1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: parefront-reference\nVersion: 0.1.0\n")
    points = tomllib.loads((FOLDER / "pyproject.toml").read_text())["project"]["entry-points"]["parefront.runtimes"]
    (info / "entry_points.txt").write_text(
        "\n".join(["[parefront.runtimes]", *(f"{name} = {value}" for name, value in points.items())])
    )
    for folder in (tmp_path, FOLDER):
        monkeypatch.syspath_prepend(str(folder))
    registry._registered.cache_clear()
    yield
    registry._registered.cache_clear()


class TestReference(DeviceConformance):
    protocol = replace(DeviceConformance.protocol, max_seconds=5.0)  # it computes in Python

    @pytest.fixture
    def device(self) -> Iterator[Device]:
        with Device(DeviceOptions(runtime="reference")) as opened:
            yield opened


def test_its_outputs_are_those_of_onnx_runtime(tmp_path: Path) -> None:
    subject = specimen("residual")
    file = emit(subject.net, tmp_path / "model.onnx", subject.calibration.example).path
    given = {"input": subject.images[:3].numpy()}

    wanted = ort.InferenceSession(file).run(["output"], given)
    found = registry.runtime_of("reference").session(file).run(["output"], given)

    np.testing.assert_allclose(found[0], wanted[0], atol=1e-4)


def test_the_doctor_lists_it(doctor: Doctor) -> None:
    assert "runtime reference" in doctor.table
