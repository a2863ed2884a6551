"""Malformed answers of a device: each ends in a device error of one line, or in a result that can be; none is a bug."""

from __future__ import annotations

import json
import os
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import onnx
import pytest

from parefront.evaluators.device.channel import Channel
from parefront.evaluators.device.device import Device
from parefront.evaluators.device.errors import AnswerMalformed, DeviceError, DeviceUnreachable
from parefront.evaluators.device.latency import LatencyProtocol, measure
from parefront.evaluators.explain.explain import explain

from .malformed import Answer, ScriptedDevice

CASES = int(os.environ.get("PAREFRONT_MUTATIONS", "500"))
"""The whole test is 2,000 of them."""
QUICK = LatencyProtocol(min_samples=8, min_seconds=0.01, max_seconds=0.02, warmup_seconds=0.01)


class Recorder(Device):
    """Keeps the last answer to each request, as the worker gave it."""

    recorded: dict[str, Answer]

    def _answer(self, channel: Channel, op: str, payload: bytes = b"", **fields: Any) -> Answer | None:
        answer = super()._answer(channel, op, payload, **fields)
        self.recorded[op] = answer or {}
        return answer


@pytest.fixture(scope="module")
def model(conv_net: Callable[..., Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """With a name for every node, so that it is explained as it is, not as a copy with names."""
    loaded, path = onnx.load(conv_net(4, 1)), tmp_path_factory.mktemp("named") / "model.onnx"
    for node in loaded.graph.node:
        node.name = node.output[0]
    onnx.save(loaded, path)
    return path


@pytest.fixture(scope="module")
def recorded(model: Path) -> dict[str, Answer]:
    """What a real worker answers to each request about the model."""
    with Recorder() as device:
        device.recorded = {"turn": {"ok": True}}
        explain(device, model, model, QUICK)
        device.memory(model, repeats=1)
    return device.recorded


@pytest.fixture(autouse=True)
def alone(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Nothing is measured here: no turn has to be waited for."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))


def used(device: Device, model: Path) -> dict[str, Any]:
    """All that a device is asked for, in figures."""
    told = explain(device, model, model, QUICK).to_json()
    return {**told, "memory": device.memory(model, repeats=1).to_json(), "profile": device.profile.to_json()}


def spoilt(recorded: dict[str, Answer], op: str, **fields: Any) -> Device:
    return ScriptedDevice({**recorded, op: {**recorded[op], **fields}}, None)


def test_a_malformed_answer_is_a_device_error_or_a_result_that_can_be(recorded: dict[str, Answer], model: Path) -> None:
    said: list[str] = []
    for seed in range(CASES):
        try:
            told = used(ScriptedDevice(recorded, random.Random(seed)), model)
        except DeviceError as error:
            said.append(str(error))
            continue
        except Exception as error:
            pytest.fail(f"answers of seed {seed} end in {error!r}")
        json.dumps(told, allow_nan=False)
        assert told["latency"]["latency_ms"]["value"] > 0, seed
        assert told["latency"]["ratio"]["low"] > 0, seed
        assert told["memory"]["value"] >= 0, seed
    assert len(said) > CASES / 2
    assert not [line for line in said if "\n" in line or len(line) > 1200]


def test_the_recorded_answers_themselves_give_a_result(recorded: dict[str, Answer], model: Path) -> None:
    assert used(ScriptedDevice(recorded, None), model)["latency"]["latency_ms"]["value"] > 0


def test_a_negative_time_is_refused_with_what_came(recorded: dict[str, Answer], model: Path) -> None:
    pairs = json.loads(json.dumps(recorded["measure"]["pairs"]))
    pairs[0]["candidate"]["wall_ns"][0] = -5
    with pytest.raises(AnswerMalformed, match=r"this machine: its answer to 'measure' .*wall_ns: .* got -5"):
        measure(spoilt(recorded, "measure", pairs=pairs), model, model, QUICK)


def test_blocks_must_be_of_the_length_that_their_clocks_say(recorded: dict[str, Answer], model: Path) -> None:
    pairs = json.loads(json.dumps(recorded["measure"]["pairs"]))
    pairs[0]["reference"]["cpu_ns"].pop()
    with pytest.raises(AnswerMalformed, match="each with wall_ns, cpu_ns and kept"):
        measure(spoilt(recorded, "measure", pairs=pairs), model, model, QUICK)


def test_runs_cannot_take_longer_than_the_whole(recorded: dict[str, Answer], model: Path) -> None:
    with pytest.raises(AnswerMalformed, match=r"expected runs within the 1e-06 s"):
        measure(spoilt(recorded, "measure", seconds=1e-6), model, model, QUICK)


def test_another_model_than_was_sent_is_refused(recorded: dict[str, Answer], model: Path) -> None:
    with pytest.raises(AnswerMalformed, match=r"'load' is malformed: model_bytes"):
        measure(spoilt(recorded, "load", model_bytes=7), model, model, QUICK)


def test_a_device_that_has_no_room_is_not_the_models_fault(recorded: dict[str, Answer], model: Path) -> None:
    refusal = {"ok": False, "code": "host", "error": "OSError: [Errno 28] No space left on device"}
    with pytest.raises(DeviceUnreachable, match="No space left on device"):
        measure(spoilt(recorded, "measure", **refusal), model, model, QUICK)
