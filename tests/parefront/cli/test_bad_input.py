"""Bad input gets one clear line and exit code 2, and nothing is written."""

from __future__ import annotations

from pathlib import Path

import pytest

from ..conftest import Command

NETWORK = "nn.Sequential(nn.Conv2d(1, 16, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(16, 4))"

CONFIGS = {
    "not a mapping": ("- task.py:task\n", "search.yaml: expected a mapping of settings (task: …), got a list"),
    "not YAML": ("task: 'task.py\n", "search.yaml: line 2, column 1: found unexpected end of stream"),
    "unknown key": ("task: task.py:task\nserch: {}\n", "unknown key 'serch'; did you mean 'search'?"),
    "unknown compressor": ("task: task.py:task\ncompress: {prune_chanels: {}}\n", "did you mean 'prune_channels'?"),
    "budget": ("task: task.py:task\nbudget: [latency < 2]\n", "budget 'latency < 2'"),
    "no task": ("task: tusk.py:task\n", "task: there is no file "),
}  # fmt: skip

TASKS = {
    "wrong shape": (("rand(n, 1, 8, 8, ", "rand(n, 3, 8, 8, "), "model failed on an input of shape (1, 3, 8, 8)"),
    "labels": (("% 4", "% 7"), "is out of range; the model has 4 classes, expected 0 to 3"),
    "empty split": (("search=data()", "search=data(0)"), "task.search: the search split is empty"),
    "NaN weights": ((").eval()", ").apply(lambda m: [p.data.fill_(float('nan')) for p in m.parameters(False)]).eval()"),
                    "task.model: parameter '0.weight' of shape (16, 1, 3, 3) holds 144 NaN or infinite values"),
    "nothing to compress": ((NETWORK, "nn.Sequential(nn.AdaptiveAvgPool2d(2), nn.Flatten())"), "nothing to compress"),
}  # fmt: skip


def check_refused(project: Path, run: Command, message: str) -> None:
    outcome = run("search", "demo/search.yaml")

    assert message in outcome.err
    assert outcome.err.startswith("error: ")
    assert len(outcome.err.splitlines()) == 1
    assert outcome.code == 2
    assert not (project / "runs").exists()


@pytest.mark.parametrize("fault", CONFIGS)
def test_a_config_that_cannot_be_is_refused(project: Path, run: Command, fault: str) -> None:
    text, message = CONFIGS[fault]
    (project / "demo" / "search.yaml").write_text(text)

    check_refused(project, run, message)


@pytest.mark.parametrize("fault", TASKS)
def test_a_task_that_does_not_fit_together_is_refused(project: Path, run: Command, fault: str) -> None:
    (old, new), message = TASKS[fault]
    task = project / "demo" / "task.py"
    assert old in task.read_text()
    task.write_text(task.read_text().replace(old, new))

    check_refused(project, run, message)


def test_a_missing_config_is_refused(project: Path, run: Command) -> None:
    outcome = run("search", "demo/nope.yaml")

    assert (outcome.code, outcome.err) == (2, "error: there is no config file demo/nope.yaml\n")
    assert not (project / "runs").exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("serch",), "No such command 'serch'"),
        (("search",), "Missing argument"),
        (("search", "demo/search.yaml", "--trails", "3"), "--trails"),
        (("search", "demo/search.yaml", "--trials", "0"), "--trials"),
        (("front", "nope"), "no run 'nope'"),
        (("export", "nope", "-o", "x.onnx"), "no run 'nope'"),
        (("export", "nope", "-o", "x.onnx", "--trial", "1", "--where", "size <= 1MB"), "either --trial or --where"),
        (("measure", "nope.onnx"), "there is no file nope.onnx; expected an ONNX model"),
        (("measure", "demo/task.py"), "demo/task.py is not an ONNX model"),
    ],
)
def test_wrong_usage_is_one_line(project: Path, run: Command, arguments: tuple[str, ...], message: str) -> None:
    outcome = run(*arguments)

    assert message in outcome.err
    assert len(outcome.err.splitlines()) == 1
    assert outcome.code == 2
