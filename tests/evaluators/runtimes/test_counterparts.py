"""Which runtime of one device is which of another one."""

from __future__ import annotations

import pytest

from parefront.evaluators.runtimes.choice import RuntimeChoice
from parefront.evaluators.runtimes.counterparts import Called, counterparts
from parefront.spaces.policy import Policy
from parefront.spaces.runtime_knob import RUNTIME, renamed_runtime


def called(*names: str, **in_effect: str) -> Called:
    """Runtimes by their choices, the first one first; what ``auto`` comes to by keyword."""
    known = {}
    for index, name in enumerate(names):
        choice = RuntimeChoice.of(name)
        effect = in_effect.get(choice.runtime, "") if choice.precision == "auto" else choice.precision
        known["" if index == 0 else name] = RuntimeChoice(choice.runtime, effect)
    return known


ORT, FLOAT, HALF = "onnxruntime", "openvino:f32", "openvino:bf16"


@pytest.mark.parametrize(
    ("there", "here", "expected"),
    [
        (called(ORT, FLOAT), called(ORT, FLOAT), {"": "", FLOAT: FLOAT}),
        (called(ORT, FLOAT), called(FLOAT, ORT), {"": ORT, FLOAT: ""}),
        (called(ORT, FLOAT, HALF), called(HALF, ORT), {"": ORT, HALF: ""}),
        (called(ORT, FLOAT), called(ORT), {"": ""}),
        (called(ORT, FLOAT), called(FLOAT), {FLOAT: ""}),
        (called(ORT, FLOAT, HALF), called("openvino", openvino="bf16"), {HALF: ""}),
        (called(ORT, HALF), called(ORT, FLOAT), {"": "", HALF: FLOAT}),
        (called(ORT, FLOAT, HALF), called(ORT, "openvino", openvino="f16"), {"": ""}),
        (called(ORT), called(FLOAT, ORT), {"": ORT}),
        (called(ORT), called(FLOAT), {"": ""}),
        (called(ORT, FLOAT), called("ncnn:f32"), {}),
    ],
    ids=lambda value: "-".join(str(each) for each in value) or "none",
)
def test_runtimes_are_the_same_by_name_precision_or_alone(
    there: Called, here: Called, expected: dict[str, str]
) -> None:
    assert counterparts(there, here) == expected


def test_a_policy_is_written_for_the_same_runtime_elsewhere() -> None:
    names = {"": ORT, FLOAT: ""}
    assert renamed_runtime(Policy({"a/b": 8}), names) == Policy({"a/b": 8, RUNTIME: ORT})
    assert renamed_runtime(Policy({"a/b": 8, RUNTIME: FLOAT}), names) == Policy({"a/b": 8})
    assert renamed_runtime(Policy({RUNTIME: HALF}), names) is None
