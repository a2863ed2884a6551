"""Runtimes and precisions as choices: their names, which pairs there are, and files that say what they are for."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

import onnx
import pytest

from parefront.evaluators.device.device_options import DeviceOptions
from parefront.evaluators.device.device_profile import DeviceProfile
from parefront.evaluators.runtimes.choice import RuntimeChoice, choices_of
from parefront.evaluators.storage.provenance import Provenance, made_for, runtime_of_file, without_provenance

SEVERAL = DeviceOptions(others=(RuntimeChoice("openvino", "f32"), RuntimeChoice("openvino", "bf16")))


@pytest.mark.parametrize(
    ("runtimes", "precisions", "names"),
    [
        (["onnxruntime"], ["auto"], ["onnxruntime"]),
        (["onnxruntime", "openvino"], ["auto"], ["onnxruntime", "openvino"]),
        (["openvino", "onnxruntime"], ["bf16"], ["openvino:bf16", "onnxruntime"]),
        (["onnxruntime", "openvino"], ["f32", "bf16"], ["onnxruntime", "openvino:f32", "openvino:bf16"]),
        (["openvino"], ["auto", "f32"], ["openvino", "openvino:f32"]),
    ],
)
def test_each_runtime_comes_in_the_precisions_that_it_has(
    runtimes: list[str], precisions: list[str], names: list[str]
) -> None:
    found = choices_of(runtimes, precisions)
    assert [choice.name for choice in found] == names
    assert tuple(map(RuntimeChoice.of, names)) == found


@pytest.mark.parametrize(
    ("runtimes", "precisions", "says"),
    [
        (["onnxruntime"], ["bf16"], "precision: expected one of auto with runtime onnxruntime, got 'bf16'"),
        (["onnxruntime", "openvino"], ["f32", "f8"], "one of auto, f32, bf16 with runtime onnxruntime, openvino, got"),
        (["openvino", "openvino"], ["auto"], "runtime: expected one, or a list of different ones"),
        ([], ["auto"], "runtime: expected one, or a list of different ones, got []"),
        (["openvino"], [], "precision: expected one, or a list of different ones, got []"),
    ],
)
def test_what_cannot_be_is_refused(runtimes: list[str], precisions: list[str], says: str) -> None:
    with pytest.raises(ValueError, match=re.escape(says)):
        choices_of(runtimes, precisions)


def test_a_device_has_the_sessions_of_each() -> None:
    assert [choice.name for choice in SEVERAL.choices] == ["onnxruntime", "openvino:f32", "openvino:bf16"]
    assert SEVERAL.in_choice("openvino:f32").session == {"threads": 1, "runtime": "openvino", "precision": "f32"}
    assert SEVERAL.in_choice("") == SEVERAL.in_choice("onnxruntime") == DeviceOptions()
    with pytest.raises(KeyError):
        SEVERAL.in_choice("openvino")
    assert SEVERAL.in_choice("onnxruntime:auto") == DeviceOptions(), "the same by its longer name"


def test_options_of_onnxruntime_may_be_given_where_it_is_one_of_them() -> None:
    options = DeviceOptions(runtime="openvino", others=(RuntimeChoice("onnxruntime"),), spinning=True)
    assert options.in_choice("onnxruntime").session["spinning"] is True
    assert "spinning" not in options.in_choice("openvino").session


def test_a_file_says_what_it_is_for_in_its_own_bytes() -> None:
    content = onnx.ModelProto(ir_version=10, producer_name="one").SerializeToString()
    assert runtime_of_file(content) == ""
    marked = made_for(content, "openvino:bf16")
    assert marked.startswith(content)
    assert runtime_of_file(marked) == "openvino:bf16"
    assert made_for(marked, "openvino:bf16") == marked
    assert runtime_of_file(made_for(marked, "onnxruntime")) == "onnxruntime"
    assert onnx.ModelProto.FromString(marked).producer_name == "one"
    exported = Provenance({"run": "demo"}, 3, "where it comes from").added_to(marked)
    assert without_provenance(exported) == marked
    assert hashlib.sha256(exported[: len(marked)]).digest() == hashlib.sha256(marked).digest()


def test_a_file_says_that_it_is_for_one_runtime(net: Path) -> None:
    """No key may come twice in a valid model."""
    content = net.read_bytes()
    again = made_for(made_for(content, "openvino:f32"), "ncnn")
    onnx.checker.check_model(again, full_check=True)
    assert again == made_for(content, "ncnn")


def test_a_file_of_no_format_is_for_nothing() -> None:
    assert runtime_of_file(b"\xff\xff\xff") == ""


def profile(runtime: str, version: str, precision: str = "") -> DeviceProfile:
    usual = runtime == "onnxruntime"
    return DeviceProfile(
        "a CPU", ("avx2",), "x86_64", "Linux 6", 2, 1, "3.12", "2", version if usual else "",
        ("CPUExecutionProvider",) if usual else (), "", 0.0, 0.0, 0.0, 1,
        runtime=runtime, runtime_version="" if usual else version, precision=precision,
    )  # fmt: skip


def test_a_profile_tells_of_each_and_is_read_back() -> None:
    first, other = profile("onnxruntime", "1.30"), profile("openvino", "2026.4", "bf16")
    told = first.beside({"openvino:bf16": other})
    assert DeviceProfile.from_json(told.to_json()) == told
    assert "others" not in first.to_json()
    assert told.all_run_on == ("onnxruntime 1.30", "openvino 2026.4 in bf16")
    assert told.in_choice("openvino:bf16") == other
    assert told.in_choice("") == first


def test_another_version_of_any_of_them_is_another_device() -> None:
    first = profile("onnxruntime", "1.30")
    one, two = (first.beside({"openvino": profile("openvino", version, "f32")}) for version in ("2026.3", "2026.4"))
    assert one.differences(one) == []
    assert one.differences(two) == [
        "other runtimes (onnxruntime 1.30; openvino 2026.3 in f32 there, onnxruntime 1.30; openvino 2026.4 in f32 here)"
    ]
    assert one.differences(first) != []
