"""Tasks are loaded from files and modules, with the folder's other files importable."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from parefront.config.load import load_task, load_teacher
from parefront.spaces.errors import ConfigError, TaskError


def test_a_file_may_import_its_neighbours(project: Path) -> None:
    (project / "demo" / "neighbour_of_task.py").write_text("from torch import nn\nnet = nn.Conv2d(1, 1, 1).eval()\n")
    (project / "demo" / "other.py").write_text(
        "import parefront as pf\nfrom neighbour_of_task import net\n"
        "def make():\n    return pf.Task(model=net, calibration=[], search=[], test=[])\n"
    )
    before = list(sys.path)

    task = load_task("other.py:make", project / "demo")

    assert type(task.model).__name__ == "Conv2d"
    assert sys.path == before


def test_a_module_is_found_beside_the_config(project: Path) -> None:
    (project / "demo" / "module_of_task.py").write_text((project / "demo" / "task.py").read_text())

    assert load_task("module_of_task:task", project / "demo").metric == "accuracy"


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("task.py", "task: expected 'file.py:callable' or 'package.module:callable', got 'task.py'"),
        ("tsk.py:task", "task: there is no file "),
        ("no_such_module:task", "task: there is no module 'no_such_module'; a file is named with its .py"),
        ("task.py:tsak", "task: task.py has no 'tsak'; did you mean 'task'?"),
        ("broken.py:number", "task: broken.py:number is of type int, expected a callable that returns a Task"),
    ],
)
def test_a_spec_that_names_nothing_is_told(project: Path, spec: str, message: str) -> None:
    (project / "demo" / "broken.py").write_text("number = 3\n")

    with pytest.raises(ConfigError) as caught:
        load_task(spec, project / "demo")

    assert str(caught.value).startswith(message)


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("import nothing_of_that_name\n", "failed: ModuleNotFoundError: No module named 'nothing_of_that_name'"),
        ("def task(:\n", "failed: SyntaxError: "),
        ("def task():\n    raise ValueError('no weights')\n", "task: own.py:task() raised ValueError: no weights"),
        ("def task():\n    return {}\n", "task: own.py:task() returned dict, expected a parefront.Task"),
        ("import sys\nsys.exit()\n", "failed: SystemExit(None): sys.exit ends the process"),
        (
            "import sys\ndef task():\n    sys.exit(0)\n",
            "task: own.py:task() raised SystemExit(0): sys.exit ends the process",
        ),
        ("def task(path):\n    return path\n", "raised TypeError: task() missing 1 required positional argument"),
    ],
)
def test_what_goes_wrong_in_the_users_code_is_told_in_one_line(project: Path, source: str, message: str) -> None:
    (project / "demo" / "own.py").write_text(source)

    with pytest.raises(TaskError) as caught:
        load_task("own.py:task", project / "demo")

    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_teacher_is_loaded_as_a_task_is_and_put_into_eval_mode(project: Path) -> None:
    (project / "demo" / "teacher.py").write_text(
        "from torch import nn\ndef make():\n    return nn.Conv2d(3, 4, 1)\ndef other():\n    return 3\n"
    )
    assert not load_teacher("teacher.py:make", project / "demo").training
    with pytest.raises(TaskError, match=r"teacher.py:other\(\) returned int, expected a torch.nn.Module"):
        load_teacher("teacher.py:other", project / "demo")
    with pytest.raises(ConfigError, match=r"recover\.teachers: there is no file"):
        load_teacher("missing.py:make", project / "demo")


def test_a_file_that_is_changed_within_a_second_is_loaded_as_it_stands(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Python would take the module that it has compiled before: the file is as large, and as old in seconds."""
    monkeypatch.setattr(sys, "dont_write_bytecode", False)
    task = project / "demo" / "task.py"
    for metric in ("metric_a", "metric_b"):
        task.write_text(task.read_text() + f"\ntask.named = '{metric}'\n")
        task.write_text(task.read_text().replace("metric_a", metric))
        os.utime(task, (1e9, 1e9))
        load_task("task.py:task", project / "demo")
        assert sys.modules["parefront_task_task"].task.named == metric
        task.write_text(task.read_text().replace(f"\ntask.named = '{metric}'\n", ""))
