"""``parefront measure`` and ``doctor``, on this machine."""

from __future__ import annotations

import json
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import onnxruntime as ort
import pytest
from onnx import TensorProto, helper, numpy_helper

from parefront.cli import measure as measuring
from parefront.cli.doctor import int8_meaning
from parefront.evaluators.device import worker
from parefront.evaluators.device.device_profile import DeviceProfile
from parefront.evaluators.device.latency import LatencyProtocol
from parefront.inspection import measuring as inspecting
from parefront.spaces.errors import ConfigError

from ..conftest import Command


def conv_net(path: Path, channels: int, height: int | str = 16) -> Path:
    """Two convolutions, batch axis free."""
    generator = np.random.default_rng(0)
    weights = {
        "w1": generator.normal(size=(channels, 3, 3, 3)),
        "w2": generator.normal(size=(channels, channels, 3, 3)),
    }
    graph = helper.make_graph(
        [
            helper.make_node("Conv", ["input", "w1"], ["a"], pads=[1, 1, 1, 1]),
            helper.make_node("Relu", ["a"], ["b"]),
            helper.make_node("Conv", ["b", "w2"], ["output"], pads=[1, 1, 1, 1]),
        ],
        "net",
        [helper.make_tensor_value_info("input", TensorProto.FLOAT, ["batch", 3, height, 16])],
        [helper.make_tensor_value_info("output", TensorProto.FLOAT, ["batch", channels, height, 16])],
        [numpy_helper.from_array(weight.astype(np.float32), name) for name, weight in weights.items()],
    )
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9), path)
    return path


@pytest.fixture(autouse=True)
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inspecting, "PROTOCOL", LatencyProtocol(min_samples=16, min_seconds=0.05, max_seconds=0.3))
    monkeypatch.setattr(inspecting, "MEMORY_REPEATS", 1)


def test_a_model_against_itself_shows_the_noise(tmp_path: Path, run: Command) -> None:
    outcome = run("measure", str(conv_net(tmp_path / "net.onnx", 16)), "--json")
    result = json.loads(outcome.out)

    assert outcome.code == 0, outcome.err
    assert result["model"] == result["against"]
    assert 0.5 < result["ratio"]["value"] < 2.0
    assert result["latency_ms"]["unit"] == "ms"
    assert result["device"]["name"] == "this machine"
    assert result["runs"] >= 16


def test_a_small_model_is_faster_than_a_large_one(tmp_path: Path, run: Command) -> None:
    small, large = conv_net(tmp_path / "small.onnx", 8), conv_net(tmp_path / "large.onnx", 128)

    outcome = run("measure", str(small), "--against", str(large), "--json", "--device", "threads=1")

    assert json.loads(outcome.out)["ratio"]["high"] < 1.0


def test_the_table_names_both_models(tmp_path: Path, run: Command) -> None:
    small, large = conv_net(tmp_path / "s.onnx", 8), conv_net(tmp_path / "l.onnx", 32)

    out = run("measure", str(small), "--against", str(large)).out

    assert "s.onnx" in out
    assert "l.onnx" in out
    assert "ratio" in out
    assert "this machine: " in out


def test_what_else_a_user_pays_for_is_told_and_what_is_unknown_is_not_zero(tmp_path: Path, run: Command) -> None:
    model = str(conv_net(tmp_path / "net.onnx", 32))

    one, eight = (json.loads(run("measure", model, "--batch", batch, "--json").out) for batch in ("1", "8"))
    shown = run("measure", model).out

    assert eight["latency_ms"]["value"] > 2 * one["latency_ms"]["value"]
    assert eight["throughput_per_s"] == pytest.approx(8000 / eight["latency_ms"]["value"])
    assert one["memory_bytes"]["value"] > 0
    assert one["session_seconds"] > 0
    assert one["energy_mj"] is None or one["energy_mj"]["value"] > 0
    assert "inputs/s at batch 1, loads in " in shown
    assert ("energy unknown" in shown) == (one["energy_mj"] is None)


def test_a_plain_loop_measures_the_same(tmp_path: Path, run: Command) -> None:
    """With room, for a busy machine; ``benchmarks/agreement.py`` has the figures."""
    model = conv_net(tmp_path / "net.onnx", 64)
    ours, theirs = [], []
    for _ in range(3):
        ours.append(json.loads(run("measure", str(model), "--json").out)["p50_ms"])
        theirs.append(plain_loop_ms(model))
    assert 0.6 < min(ours) / min(theirs) < 1.7, "the least of each, which other programs have disturbed least"


def plain_loop_ms(model: Path, runs: int = 100) -> float:
    """The median of single runs of a session with one thread, in CPU time, which other programs change least."""
    options = ort.SessionOptions()
    options.intra_op_num_threads = 1
    session = ort.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    image = {"input": np.random.default_rng(0).normal(size=(1, 3, 16, 16)).astype(np.float32)}
    times = []
    for _ in range(runs):
        started = time.thread_time()
        session.run(None, image)
        times.append(1000 * (time.thread_time() - started))
    return float(np.median(times[10:]))


def test_explain_calls_layers_of_a_run_as_its_network_does(tmp_path: Path, run: Command) -> None:
    (tmp_path / "demo" / "artifacts").mkdir(parents=True)
    path = conv_net(tmp_path / "demo" / "artifacts" / "baseline.onnx", 17)
    model = onnx.load(path)
    model.graph.node[0].name = "layer1_0_conv"
    onnx.save(model, path)
    (tmp_path / "demo" / "graph.json").write_text(json.dumps({"layers": [{"name": "layer1.0.conv"}]}))
    (tmp_path / "demo" / "config.yaml").write_text("task: task.py:task\n")
    other = str(conv_net(tmp_path / "even.onnx", 64))

    layers = json.loads(run("explain", other, "--against", str(path), "--json").out)["layers"]

    assert "layer1.0.conv" in [layer["name"] for layer in layers]


def test_explain_names_layers_and_findings(tmp_path: Path, run: Command) -> None:
    odd, even = str(conv_net(tmp_path / "odd.onnx", 17)), str(conv_net(tmp_path / "even.onnx", 64))

    shown, told = run("explain", odd, "--against", even), run("explain", odd, "--against", even, "--json")

    assert shown.code == told.code == 0, shown.err
    assert " ms against " in shown.out
    result = json.loads(told.out)
    assert sum(layer["us"] or 0.0 for layer in result["layers"]) == pytest.approx(result["operators_us"]["model"])
    assert all(finding["us"] > 0 and finding["text"] and finding["mend"] for finding in result["findings"])
    missing = run("explain", str(tmp_path / "none.onnx"), "--against", even)
    assert (missing.code, len(missing.err.splitlines())) == (2, 1)


def test_the_device_may_come_from_a_config(project: Path, run: Command) -> None:
    (project / "pi.yaml").write_text("task: task.py:task\ndevice: {threads: 2}\n")

    assert measuring.read_device(["pi.yaml", "spinning=true"]).threads == 2
    assert measuring.read_device(["pi.yaml", "threads=3"]).threads == 3


def test_a_config_without_a_device_is_no_device(project: Path) -> None:
    (project / "two.yaml").write_text("devices: {pi: {threads: 2}, server: {}}\n")
    (project / "bare.yaml").write_text("command: [ssh, pi]\n")
    with pytest.raises(ConfigError, match=r"two.yaml: expected a section device: \{…\}; it has devices: pi, server"):
        measuring.read_device(["two.yaml"])
    with pytest.raises(ConfigError, match=r"bare.yaml: expected a section device: \{…\}$"):
        measuring.read_device(["bare.yaml"])


def test_a_free_axis_needs_a_shape(tmp_path: Path, run: Command) -> None:
    model = str(conv_net(tmp_path / "net.onnx", 8, height="height"))

    refused, measured = run("measure", model), run("measure", model, "--shape", "input=1x3x8x16")

    assert refused.code == 2
    assert len(refused.err.splitlines()) == 1
    assert measured.code == 0, measured.err


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (("--device", "thread=2"), 2, "--device: unknown key 'thread'; did you mean 'threads'?"),
        (("--device", "nope.yaml"), 2, "there is no config file nope.yaml"),
        (("--device", "providers=[NoSuchProvider]"), 2, "NoSuchProvider"),
        (("--shape", "input=axb"), 2, "--shape: expected NAME=1x3x224x224, got 'input=axb'"),
        (("--device", "command=no-such-program-anywhere"), 5, "no-such-program-anywhere"),
    ],
)
def test_what_cannot_be_measured_is_one_line(
    tmp_path: Path, run: Command, arguments: tuple[str, ...], code: int, message: str
) -> None:
    outcome = run("measure", str(conv_net(tmp_path / "net.onnx", 8)), *arguments)

    assert message in outcome.err
    assert len(outcome.err.splitlines()) == 1
    assert outcome.code == code


def test_doctor_says_what_is_there(run: Command) -> None:
    report = json.loads(run("doctor", "--json").out)

    assert report["packages"]["torch"]
    assert {"prune_channels", "drop_blocks", "quantize"} <= set(report["compressors"])
    assert {"auto", "nsga2", "random", "tpe", "uniform"} <= set(report["samplers"])
    assert report["extras"]["test"]["install"] == "pip install 'parefront[test]'"
    assert report["device"]["cores"] >= 1


def test_doctor_prints_the_same_for_people(run: Command) -> None:
    out = run("doctor").out

    assert "compressors" in out
    assert "onnxruntime" in out
    assert "samplers" in out


@pytest.mark.parametrize(
    ("machine", "flags", "words"),
    [
        ("x86_64", ("avx2", "avx512_vnni"), "VNNI: 8-bit layers are fast"),
        ("x86_64", ("avx2",), "no VNNI"),
        ("aarch64", ("asimddp",), "int8 dot products"),
        ("aarch64", ("asimd",), "no int8 dot products"),
        ("riscv64", (), "save bytes, hardly time"),
    ],
)
def test_doctor_says_what_the_flags_mean_for_int8(machine: str, flags: tuple[str, ...], words: str) -> None:
    profile = replace(DeviceProfile.from_json(worker.profile()), machine=machine, flags=flags)

    assert int8_meaning(profile).startswith(words) or words in int8_meaning(profile)
