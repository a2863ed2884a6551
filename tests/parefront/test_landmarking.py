"""Networks of a user's own beside a run: scored and timed as members are, kept, and refused in a line."""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime as ort
import pytest
import torch
import yaml
from torch import nn
from torch.utils.data import TensorDataset

import parefront as pf
from parefront.cli import main as cli
from parefront.evaluators.quality.file_cost import macs_of_file
from parefront.evaluators.storage.provenance import made_for
from parefront.report.document import Report
from parefront.search.runs.run import Run
from parefront.testing.networks import random_images, residual

from .conftest import Command
from .searching import labelled_by_itself, run_copied, searched_project

TASK = labelled_by_itself("residual", calibration=32, search=200, test=150)
CONFIG: dict[str, Any] = {
    "task": "task.py:task",
    "compress": {"prune_channels": {"round_to": 4, "ratios": [0, 0.5], "compensate": "none"}},
    "latency": {"min_samples": 8, "min_seconds": 0.01, "max_seconds": 0.03, "warmup_seconds": 0.005},
    "search": {"trials": 3, "sampler": "random", "seed": 1, "images": 120},
}


def split(count: int, seed: int) -> tuple[torch.Tensor, torch.Tensor]:
    images = random_images(count, seed)
    with torch.no_grad():
        return images, residual()[0](images).argmax(1)


def small_network(channels: int = 3, classes: int = 10) -> nn.Module:
    """A smaller network, which has learned a little of what the task's model answers."""
    torch.manual_seed(1)
    net = nn.Sequential(
        nn.Conv2d(channels, 8, 3, stride=2), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, classes)
    )
    if (channels, classes) == (3, 10):
        images, labels = split(256, 4)
        optimiser = torch.optim.Adam(net.parameters(), 1e-2)
        for _ in range(60):
            loss = nn.functional.cross_entropy(net(images), labels)
            optimiser.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            optimiser.step()
    return net.eval()


def export(net: nn.Module, path: Path, channels: int = 3, batch: int | None = None) -> Path:
    """By the older exporter, with the names that it gives; a free batch axis unless ``batch`` is its size."""
    given = torch.rand(batch or 2, channels, 16, 16)
    free = {"dynamic_axes": {"input.1": {0: "n"}}, "input_names": ["input.1"]} if batch is None else {}
    torch.onnx.export(net, (given,), path, dynamo=False, **free)  # type: ignore[arg-type]
    return path


@pytest.fixture(scope="module")
def searched(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A working directory with a finished run, ``demo``, and ``small.onnx``."""
    folder = searched_project(tmp_path_factory.mktemp("searched"), TASK, CONFIG)
    export(small_network(), folder / "small.onnx")
    return folder


@pytest.fixture
def source(searched: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    return run_copied(searched, tmp_path, monkeypatch)


@pytest.fixture(scope="module")
def measured(searched: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """That directory after ``small.onnx`` was measured."""
    folder = tmp_path_factory.mktemp("measured") / "here"
    shutil.copytree(searched, folder)
    with pytest.MonkeyPatch.context() as patched:
        patched.chdir(folder)
        assert cli.main(("report", "demo", "--beside", "small.onnx", "--figure", "front.svg")) == 0
    return folder


@pytest.fixture
def beside(measured: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """A copy of that run, in the working directory."""
    return run_copied(measured, tmp_path, monkeypatch)


def own(run: Run) -> dict[str, Any]:
    (mark,) = [mark for mark in run.to_json()["landmarks"] if mark.get("file")]
    return dict(mark)


def right(session: ort.InferenceSession, images: torch.Tensor, labels: torch.Tensor) -> np.ndarray:
    """Whether each image is answered rightly, by ONNX Runtime alone."""
    (given,) = session.get_inputs()
    outputs = session.run(None, {given.name: images.numpy()})[0]
    return np.asarray(outputs.argmax(1) == labels.numpy())


def test_its_scores_are_those_of_onnxruntime_alone(beside: Run) -> None:
    metrics, session = own(beside)["metrics"], ort.InferenceSession("small.onnx")
    whole = ort.InferenceSession(beside.path / "artifacts" / "baseline.onnx")
    images, labels = split(150, 3)
    alone, before = right(session, images, labels), right(whole, images, labels)

    assert metrics["test_accuracy"]["value"] == pytest.approx(alone.mean())
    assert metrics["test_accuracy_change"]["value"] == pytest.approx(alone.mean() - before.mean())
    assert metrics["test_accuracy"]["n"] == 150
    assert metrics["accuracy"]["n"] == 120, "of the search split as many as candidates are scored on"
    change = metrics["accuracy_change"]
    assert change["low"] < change["value"] < change["high"] < 0


def test_its_costs_are_on_the_scale_of_the_members(beside: Run) -> None:
    metrics, content = own(beside)["metrics"], Path("small.onnx").read_bytes()
    base = beside.search_baseline.metrics["latency_ms"].value

    assert metrics["size_bytes"]["value"] == len(content)
    assert metrics["macs"]["value"] == macs_of_file(content) == 7 * 7 * 8 * 27 + 80
    assert metrics["memory_bytes"]["value"] > 0
    assert 0 < metrics["latency_ratio"]["low"] <= metrics["latency_ratio"]["high"] < 1
    assert metrics["latency_ms"]["value"] == pytest.approx(metrics["latency_ratio"]["value"] * base, rel=0.2)
    members = beside.to_json()["candidates"]
    assert members
    for member in members:
        missing = member["metrics"].keys() - metrics.keys()
        assert missing <= {"params"}, "a file does not tell which of its numbers are trained"


def test_it_stands_in_the_json_on_the_page_in_the_figure_and_is_printed(beside: Run, run: Command) -> None:
    mark, document = own(beside), Report.of(beside).to_json()

    assert (mark["name"], mark["trial"]) == ("small", None)
    assert mark["file"] == hashlib.sha256(Path("small.onnx").read_bytes()).hexdigest()
    assert mark in document["landmarks"]
    assert document["front"] == json.loads(run("front", "demo", "--json").out) == Run.open("demo").to_json()
    assert json.loads((beside.path / "front.json").read_text()) == document["front"]
    assert ">small<" in Path("front.svg").read_text()
    (line,) = [line for line in run("front", "demo").out.splitlines() if line.startswith("small: ")]
    accuracy, ratio = (mark["metrics"][key]["value"] for key in ("accuracy", "latency_ratio"))
    assert (
        line == f"small: {100 * accuracy:.1f}% at {ratio:.3f}x, {mark['metrics']['size_bytes']['value'] / 1e3:.2f} KB"
    )


def test_the_same_file_is_not_measured_again_and_no_torch_is_loaded(beside: Run, tmp_path: Path) -> None:
    (record,) = (beside.path / "beside").glob("*.json")
    before = record.read_bytes()
    program = (
        "import sys; from parefront.cli.main import main; code = main(['report', 'demo', '--beside', 'small.onnx']);"
        "sys.exit(code or [m for m in ('torch', 'optuna', 'onnxruntime') if m in sys.modules] or 0)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("small: ")
    assert record.read_bytes() == before


def test_a_file_that_is_called_otherwise_now_is_shown_by_that_name(beside: Run) -> None:
    Path("small.onnx").rename("<b>tiny.onnx")
    (mark,) = pf.beside(beside, "<b>tiny.onnx", progress=False)

    assert mark.name == "<b>tiny"
    assert [mark.name for mark in Run.open("demo").landmarks_beside(beside.front) if mark.file] == ["<b>tiny"]


def test_other_names_and_a_fixed_batch_of_the_runs_size_are_taken(
    beside: Run, capfd: pytest.CaptureFixture[str]
) -> None:
    before = own(beside)["metrics"]
    net = small_network()
    export(net, Path("again.onnx"), batch=1)
    Path("other").mkdir()
    export(net, Path("other/small.onnx"), batch=1).write_bytes(_renamed(Path("again.onnx"), "image"))
    marks = pf.beside("demo", "again.onnx", Path("other/small.onnx"))

    assert marks[0].name == "again"
    assert marks[1].name == f"small ({marks[1].file[:6]})", "told apart from the one that is called so, too"
    for mark in marks:
        assert mark.candidate.metrics["test_accuracy"].value == pytest.approx(before["test_accuracy"]["value"])
    said = capfd.readouterr().out
    assert [line for line in said.splitlines() if line.startswith(("scoring", "measuring"))][:3] == [
        "scoring the uncompressed model …",
        "scoring again …",
        "measuring again …",
    ]


def _renamed(path: Path, name: str) -> bytes:
    """The bytes of a file whose input is called otherwise."""
    import onnx

    model = onnx.load(path)
    given = model.graph.input[0].name
    model.graph.input[0].name = name
    for node in model.graph.node:
        node.input[:] = [name if each == given else each for each in node.input]
    return bytes(model.SerializeToString())


def test_of_several_runtimes_a_file_is_measured_in_the_one_that_it_says_it_is_for(source: Run) -> None:
    openvino = pytest.importorskip("openvino")
    config = {
        **CONFIG,
        "compress": {"quantize": {}},
        "device": {"runtime": ["onnxruntime", "openvino"], "precision": "f32"},
    }
    Path("demo/several.yaml").write_text(yaml.safe_dump(config))
    assert cli.main(("search", "demo/several.yaml", "--run", "several", "--trials", "1")) == 0
    small = Path("small.onnx").read_bytes()
    Path("there.onnx").write_bytes(made_for(small, "openvino:f32"))
    Path("nowhere.onnx").write_bytes(made_for(small, "openvino:bf16"))

    here, there = pf.beside("several", "small.onnx", "there.onnx", progress=False)
    marks = {mark["name"]: mark for mark in Run.open("several").to_json()["landmarks"]}

    assert "runtime" not in marks["small"]
    assert marks["there"]["runtime"] == "openvino:f32"
    images, labels = split(150, 3)
    compiled = openvino.Core().compile_model("there.onnx", "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    answers = [compiled(image[None].numpy())[0].argmax() for image in images]
    assert there.candidate.metrics["test_accuracy"].value == pytest.approx((np.array(answers) == labels.numpy()).mean())
    assert here.candidate.metrics["latency_ratio"].value != there.candidate.metrics["latency_ratio"].value
    with pytest.raises(pf.ConfigError, match="it says that it is for openvino:bf16, and the run's models are for onnx"):
        pf.beside("several", "nowhere.onnx", progress=False)


@pytest.mark.parametrize(
    ("channels", "classes", "batch", "said"),
    [
        (1, 10, None, "expected input 'input' of tensor(float) (batch, 3, 16, 16) as the run's models have it, got "),
        (3, 4, None, "expected output 'output' of float32 (2, 10) for 2 samples as the run's models give it, got "),
        (3, 10, 4, "its batch axis is fixed at 4, and the run times 1 at once"),
    ],
)
def test_a_network_of_something_else_is_refused(
    source: Run, run: Command, channels: int, classes: int, batch: int | None, said: str
) -> None:
    export(small_network(channels, classes), Path("other.onnx"), channels, batch)
    outcome = run("report", "demo", "--beside", "other.onnx")

    assert outcome.code == 2
    assert outcome.err.startswith(f"error: other.onnx: {said}")
    assert len(outcome.err.splitlines()) == 1
    assert "landmarks" in source.to_json()
    assert source.beside.all() == []


def test_what_is_no_model_or_does_not_run_is_refused(source: Run, run: Command) -> None:
    import onnx

    Path("text.onnx").write_text("no model")
    model = onnx.load("small.onnx")
    model.graph.node[0].op_type = "Unheard"
    onnx.save(model, "unheard.onnx")

    assert run("report", "demo", "--beside", "nowhere.onnx").err.startswith("error: there is no file nowhere.onnx")
    assert run("report", "demo", "--beside", "text.onnx").err.startswith("error: text.onnx is not an ONNX model")
    outcome = run("report", "demo", "--beside", "small.onnx", "--beside", "unheard.onnx")
    assert [given.name for given in source.beside.all()] == ["small"], "what was measured before is kept"
    assert outcome.code == 2
    assert outcome.err.startswith("error: unheard.onnx: the runtime does not run it: ")
    assert len(outcome.err.splitlines()) == 1


def test_another_task_and_a_run_without_its_model_are_refused(source: Run) -> None:
    images = random_images(16, 5)
    other = TensorDataset(images, torch.arange(16) % 10)
    task = pf.Task(residual()[0], other, other, other)
    with pytest.raises(pf.ConfigError, match="run demo is of another task: another calibration split"):
        pf.beside(source, "small.onnx", task=task, progress=False)

    (source.path / "artifacts" / "baseline.onnx").unlink()
    with pytest.raises(pf.ConfigError, match=r"run demo lacks baseline\.onnx in its artifacts"):
        pf.beside(source, "small.onnx", progress=False)


def test_a_run_whose_task_is_in_python_is_given_it_there(source: Run, run: Command) -> None:
    config = source.path / "config.yaml"
    config.write_text(config.read_text().replace("task: ../../demo/task.py:task", "task: given in Python"))
    outcome = run("report", "demo", "--beside", "small.onnx")

    assert outcome.code == 2
    assert "parefront.beside('demo', 'small.onnx', task=task)" in outcome.err

    space: dict[str, Any] = {}
    exec(TASK, space)
    (mark,) = pf.beside("demo", "small.onnx", task=space["task"](), progress=False)
    assert mark.candidate.metrics["latency_ratio"].value < 1


def test_while_another_process_searches_it_is_refused(source: Run, run: Command) -> None:
    program = "import sys; from parefront.search.runs.run import Run\nwith Run.open('demo').lock(): print(); input()"
    holder = subprocess.Popen([sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert holder.stdout is not None
    holder.stdout.readline()
    outcome = run("report", "demo", "--beside", "small.onnx")
    holder.communicate(b"\n")

    assert outcome.code == 2
    assert "is being searched by process" in outcome.err
