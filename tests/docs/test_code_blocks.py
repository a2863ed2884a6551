"""Code on pages is true: configs are accepted, commands have their options, Python compiles, and much of it is run."""

from __future__ import annotations

import re
import shlex
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from manual.commands import all_commands
from parefront.compressors import registry as compressors
from parefront.config.recipe import parse_recipe
from parefront.config.schema import parse_config
from parefront.evaluators.runtimes import registry as runtimes

from ..installed import EXAMPLES, ROOT
from .pages import CodeBlock, blocks

PLACEHOLDERS = {"RUN": "demo", "…": "demo"}
"""What stands on pages for a name."""

EXTRAS = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]


@pytest.fixture
def plugins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The packages of ``examples/`` as pip would have put them there."""
    for example in EXAMPLES:
        project = tomllib.loads((example / "pyproject.toml").read_text())["project"]
        info = tmp_path / f"{project['name'].replace('-', '_')}-0.1.0.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {project['name']}\nVersion: 0.1.0\n")
        lines = [line for group, points in project["entry-points"].items() for line in _points(group, points)]
        (info / "entry_points.txt").write_text("\n".join(lines))
        monkeypatch.syspath_prepend(str(example))
    monkeypatch.syspath_prepend(str(tmp_path))
    runtimes._registered.cache_clear()
    yield
    runtimes._registered.cache_clear()


def _points(group: str, points: dict[str, str]) -> Iterator[str]:
    yield f"[{group}]"
    yield from (f"{name} = {value}" for name, value in points.items())


@pytest.mark.parametrize("block", blocks("yaml"), ids=str)
@pytest.mark.usefixtures("plugins")
def test_a_config_is_accepted(block: CodeBlock) -> None:
    mapping = yaml.safe_load(block.code)
    if "stages" in mapping:
        parse_recipe(mapping, str(block))
    else:
        parse_config({"task": "task.py:task", **mapping}, str(block))


def test_the_plugins_of_the_pages_are_those_of_the_examples(plugins: None) -> None:
    assert "half" in compressors.known()


def commands(block: CodeBlock) -> Iterator[list[str]]:
    """The words of each command of a block, without what it is told to be for."""
    for line in block.code.splitlines():
        for command in line.split(" && "):
            words = shlex.split(command, comments=True)
            if words:
                yield [PLACEHOLDERS.get(word, word) for word in words]


@pytest.mark.parametrize("block", blocks("sh", "", "text"), ids=str)
def test_commands_have_the_options_that_they_are_given(block: CodeBlock) -> None:
    if block.language == "text" or not re.match(r"(parefront|pip|createdb|ray) ", block.code):
        return
    for program, *words in commands(block):
        if program == "parefront":
            name, *given = words
            all_commands()[name].make_context(name, given).close()
        elif program == "pip":
            for extras in re.findall(r"\[([\w,]+)\]", " ".join(words)):
                assert set(extras.split(",")) <= EXTRAS.keys()
            for folder in (word for word in words if word.startswith("./")):
                assert (ROOT / folder).is_dir()


@pytest.mark.parametrize("block", blocks("python"), ids=str)
def test_python_compiles(block: CodeBlock) -> None:
    compile(block.code.replace("…", "..."), str(block), "exec")


@pytest.mark.parametrize("page", ["docs/your_model.md", "docs/extend/metric.md"])
def test_a_task_of_a_page_is_one(page: str) -> None:
    code = next(block.code for block in blocks("python") if block.page == page)
    scope: dict[str, Any] = {"__name__": "task"}
    exec(compile(code, page, "exec"), scope)
    task = scope["task"]()
    image, _ = task.search[0]
    assert len(task.model(image[None])) == 1


QUICK = {"trials=150": "trials=3, progress=False, latency=QUICK", "latency <= 0.5x": "latency <= 9x"}
"""What is put in place of what a page has, so that it takes seconds."""


def test_what_the_page_of_python_does_can_be_done(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    task = next(block.code for block in blocks("python") if block.page == "docs/your_model.md")
    (tmp_path / "task.py").write_text(task)
    told = [block for block in blocks("python") if block.page == "docs/python.md"]
    assert [("follow" in block.code) for block in told] == [False, False, False, True], (
        "the last one trains for minutes"
    )
    scope: dict[str, Any] = {
        "QUICK": {"min_samples": 8, "min_seconds": 0.02, "max_seconds": 0.05, "warmup_seconds": 0.01}
    }
    for block in told[:-1]:  # the last one trains for minutes
        code = block.code
        for there, quick in QUICK.items():
            code = code.replace(there, quick)
        exec(compile(code, str(block), "exec"), scope)
    assert (tmp_path / "small.onnx").is_file()
    assert (tmp_path / "trained.onnx").is_file()
