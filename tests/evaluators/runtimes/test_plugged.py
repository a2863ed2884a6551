"""A runtime that the worker does not know by itself: sent as source, and then asked for all that ONNX Runtime is."""

from __future__ import annotations

import io
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx.reference import ReferenceEvaluator

from parefront.evaluators.device import worker
from parefront.evaluators.device.answers import Malformed
from parefront.evaluators.device.outputs import received, sent

from ..device.test_worker import PROTOCOL, converse, frame, named
from .reference import SOURCE

OPTIONS = {"threads": 1, "runtime": "reference", "precision": "auto"}


def asked(header: dict[str, Any], payload: bytes = b"") -> bytes:
    return frame({"options": OPTIONS, **header}, payload)


ONNX_RUNTIME = {"threads": 1, "providers": ["CPUExecutionProvider"]}
SENT = asked({"op": "runtime", "name": "reference"}, SOURCE.encode())


@pytest.fixture(scope="module")
def model(conv_net: Callable[..., Path]) -> bytes:
    return conv_net().read_bytes()


def test_a_whole_conversation_in_another_runtime(model: bytes) -> None:
    candidate, reference = named(model), named(model, "reference")
    roles = {"candidate": candidate, "reference": reference}
    answers, status = converse(
        SENT
        + asked({"op": "hello"})
        + asked({"op": "load", **candidate, "keep": True}, model)
        + asked({"op": "load", **reference, "keep": True}, model)
        + asked({"op": "measure", **roles, "protocol": PROTOCOL})
        + asked({"op": "operators", **roles, "rounds": 1})
        + asked({"op": "bye"})
    )
    assert status == 0
    assert [answer.get("error") for answer in answers] == [None] * 7
    _, hello, loaded, _, timed, profiled, _ = answers
    assert hello["profile"]["runtime"] == "reference"
    assert hello["profile"]["runtime_version"] == onnx.__version__
    assert hello["profile"]["precision"] == "f32"
    assert hello["profile"]["onnxruntime"] == "", "a device with another runtime needs none of it"
    assert loaded["inputs"] == [{"name": "input", "shape": [None, 3, 8, 8], "type": "tensor(float)"}]
    assert loaded["providers"] == ["reference"]
    assert len(timed["pairs"]) > 0
    operators = profiled["candidate"]["operators"]
    assert [operator["op"] for operator in operators][:2] == ["Conv", "Relu"]
    assert all(operator["us"] == 2.0 and operator["provider"] == "reference" for operator in operators)


@pytest.mark.parametrize("options", [OPTIONS, ONNX_RUNTIME], ids=["reference", "onnxruntime"])
def test_outputs_are_those_of_the_runtime(model: bytes, options: dict[str, Any]) -> None:
    images = np.random.default_rng(0).standard_normal((2, 3, 8, 8)).astype(np.float32)
    told, payload = sent({"input": images})
    outputs = {"op": "outputs", **named(model, "outputs"), "options": options}
    (_, early, _, answer, short, odd), _ = converse(
        SENT
        + asked({**outputs, "inputs": told}, payload)
        + asked({"op": "load", **named(model, "outputs"), "options": options}, model)
        + asked({**outputs, "inputs": told}, payload)
        + asked({**outputs, "inputs": told}, payload[:-1])
        + asked({**outputs, "inputs": [{**told[0], "dtype": "O"}]}, payload)
    )
    expected = np.asarray(ReferenceEvaluator(onnx.ModelProto.FromString(model)).run(None, {"input": images}))[0]
    assert np.abs(received(answer)["output"] - expected).max() < 1e-4
    assert [refused["code"] for refused in (early, short, odd)] == ["unknown_model", "shape", "type"]


@pytest.mark.parametrize(
    "outputs",
    [
        [],
        [{"name": "y", "dtype": "O", "shape": [1], "data": "AAAAAA=="}],
        [{"name": "y", "dtype": "<f4", "shape": [2], "data": "AAAAAA=="}],
        [{"name": "y", "dtype": "<f4", "shape": [1], "data": "§"}],
    ],
)
def test_an_answer_that_holds_no_arrays_is_malformed(outputs: list[dict[str, Any]]) -> None:
    with pytest.raises(Malformed):
        received({"outputs": outputs})


def test_memory_is_measured_in_another_runtime(model: bytes) -> None:
    (_, measured), _ = converse(SENT + asked({"op": "memory"}, model))
    assert 0 <= measured["peak_bytes"] < 1 << 28


@pytest.mark.parametrize(
    ("request_", "payload", "says"),
    [
        ({"op": "hello", "options": {**OPTIONS, "runtime": "abacus"}}, b"", "the runtime 'abacus' was not sent"),
        ({"op": "hello", "options": {**OPTIONS, "precision": "f16"}}, b"", "cannot use reference: the reference comp"),
        ({"op": "load", **named(b"junk"), "options": {**OPTIONS, "threads": 0}}, b"junk", "not an ONNX model|threads"),
        ({"op": "runtime", "name": "broken"}, b"def f(:", "SyntaxError"),
    ],
)
def test_what_cannot_be_served_is_said_and_the_next_request_is(
    request_: dict[str, Any], payload: bytes, says: str
) -> None:
    (_, refused, served), _ = converse(SENT + asked(request_, payload) + asked({"op": "bye"}))
    assert refused["ok"] is False
    assert re.search(says, refused["error"])
    assert served["ok"]


def test_a_model_that_it_does_not_load_is_refused_in_its_name(model: bytes) -> None:
    other = model.replace(b"Conv", b"Vonc")
    (_, refused), _ = converse(SENT + asked({"op": "load", **named(other)}, other))
    assert refused["code"] == "model"
    assert f"reference {onnx.__version__} rejects the model" in refused["error"]


def test_to_send_a_runtime_takes_no_turn(monkeypatch: pytest.MonkeyPatch) -> None:
    """It may be sent while another computer's worker measures there."""

    def taken(self: worker.Turn, header: worker.Header) -> None:
        raise AssertionError("a turn was taken")

    monkeypatch.setattr(worker.Turn, "taken", taken)
    sink = io.BytesIO()
    assert worker.serve(io.BytesIO(SENT), sink, worker.Worker()) == 0
    assert json.loads(sink.getvalue()[worker.PREFIX.size :])["ok"]
