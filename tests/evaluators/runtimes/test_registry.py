"""Runtimes by name, those of other packages among them, and what options of a device they allow."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from parefront.evaluators.device.device import Device
from parefront.evaluators.device.device_options import DeviceOptions
from parefront.evaluators.device.device_profile import DeviceProfile
from parefront.evaluators.runtimes import registry
from parefront.evaluators.runtimes.registry import runtime_names, runtime_of
from parefront.evaluators.trial.scores.scored_in import check_one_runtime, scores_differ
from parefront.spaces.errors import ConfigError

from ..device.boards import PROFILE
from .reference import SOURCE

PACKAGE = f"""
from parefront.evaluators.runtimes.runtime import Runtime

class Reference(Runtime):
    name = "reference"
    takes_functions = False

    def version(self):
        return "1"

    def session(self, model, precision="auto", threads=None):
        raise NotImplementedError

    def source(self):
        return {SOURCE!r}.encode()
"""


@pytest.fixture
def foreign_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An installed package that registers the runtime ``reference``, and one that registers something else."""
    (tmp_path / "tests_reference_runtime.py").write_text(PACKAGE)
    info = tmp_path / "reference_runtime-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: reference_runtime\nVersion: 1.0\n")
    points = "reference = tests_reference_runtime:Reference\nwrong = os:getcwd\n"
    (info / "entry_points.txt").write_text(f"[parefront.runtimes]\n{points}")
    monkeypatch.syspath_prepend(str(tmp_path))
    registry._registered.cache_clear()


def test_our_own_are_known() -> None:
    assert runtime_names()[:2] == ["onnxruntime", "openvino"]
    assert runtime_of("onnxruntime").version()
    assert runtime_of("onnxruntime").source() is None, "the worker knows it by itself"


def test_an_unknown_one_is_refused_with_the_nearest() -> None:
    with pytest.raises(ConfigError, match="unknown runtime 'openvina'; did you mean 'openvino'"):
        runtime_of("openvina")
    with pytest.raises(ConfigError, match="unknown runtime 'tvm'; known: litert, ncnn, onnxruntime, openvino"):
        DeviceOptions(runtime="tvm")


def test_another_package_brings_one(foreign_package: None, conv_net: Any) -> None:
    assert "reference" in runtime_names()
    net = conv_net()
    with Device(DeviceOptions(runtime="reference")) as device:
        assert device.profile.runs_on.startswith("reference ")
        assert device.profile.precision == "f32"
        assert DeviceProfile.from_json(device.profile.to_json()) == device.profile
        protocol = {"min_samples": 8, "min_seconds": 0.01, "max_seconds": 0.05, "half_width": 0.5, "seed": 0}
        timing = device.time(net, net, {**protocol, "warmup_seconds": 0.01})
        assert len(timing.candidate) == len(timing.reference) > 0
    with pytest.raises(ConfigError, match="runtime 'wrong': expected a subclass of Runtime"):
        runtime_of("wrong")


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"precision": "f32"}, "precision: expected one of auto with runtime onnxruntime, got 'f32'"),
        (
            {"runtime": "openvino", "precision": "f64"},
            "precision: expected one of auto, f32, bf16 with runtime openvino",
        ),
        ({"runtime": "openvino", "providers": ("CUDAExecutionProvider",)}, "providers is for runtime onnxruntime"),
        ({"runtime": "openvino", "optimisation": "disable_all"}, "optimisation is for runtime onnxruntime"),
        ({"runtime": "openvino", "spinning": True}, "spinning is for runtime onnxruntime"),
    ],
)
def test_options_that_a_runtime_does_not_have_are_refused(options: dict[str, Any], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        DeviceOptions(**options)


def test_what_is_sent_to_an_onnxruntime_device_tells_no_runtime() -> None:
    """What its worker remembers sessions by, and what runs remember, is what it was before there were others."""
    assert set(DeviceOptions().session) == {"threads", "spinning", "optimisation", "providers", "provider_options"}
    assert "runtime" not in PROFILE.to_json()


def other(runtime: str, version: str, precision: str, **changes: Any) -> DeviceProfile:
    fields = {**PROFILE.to_json(), "runtime": runtime, "runtime_version": version, "precision": precision, **changes}
    return DeviceProfile.from_json({**fields, "onnxruntime": "", "providers": []})


def test_another_runtime_is_another_device() -> None:
    there = other("openvino", "2026.4.1", "bf16")
    assert there.differences(there) == []
    assert PROFILE.differences(there) == [
        f"another runtime (onnxruntime {PROFILE.onnxruntime} there, openvino 2026.4.1 in bf16 here)"
    ]
    assert there.differences(other("openvino", "2026.4.1", "f32")) == [
        "another runtime (openvino 2026.4.1 in bf16 there, openvino 2026.4.1 in f32 here)"
    ]


def test_scores_are_taken_over_within_one_runtime_alone() -> None:
    there = other("openvino", "2026.4.1", "bf16")
    assert not scores_differ(PROFILE, PROFILE)
    assert not scores_differ(there, there)
    assert scores_differ(PROFILE, there)
    assert scores_differ(there, PROFILE)
    assert scores_differ(there, other("openvino", "2026.5.0", "bf16"))
    assert scores_differ(there, other("openvino", "2026.4.1", "f32"))
    assert scores_differ(there, other("openvino", "2026.4.1", "bf16", flags=["avx2"]))


def test_devices_of_one_search_have_one_runtime() -> None:
    check_one_runtime({"a": DeviceOptions(), "b": DeviceOptions(threads=2)})
    with pytest.raises(ConfigError, match=r"one runtime and precision for all.*b has openvino in auto"):
        check_one_runtime({"a": DeviceOptions(), "b": DeviceOptions(runtime="openvino")})
