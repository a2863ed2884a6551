"""Secrets of a config leave it by no way: not into the run, its database, logs, reports, messages or tracebacks."""

from __future__ import annotations

import json
from importlib.util import find_spec
from pathlib import Path

import pytest

from parefront.cli.list import show_list
from parefront.spaces import masking

from .conftest import Command, FormulaEvaluator

SECRETS = ("s3cret-in-url", "s3cret/of:board", "t0ken-of-board", "s3cret-in-env", "key-0f-provider")
CONFIG = """
task: task.py:task
device:
  command: [env, API_TOKEN=t0ken-of-board, sshpass, -p, "s3cret/of:board", ssh, "pi@${BOARD_HOST}", -P, "${BOARD_PIN}"]
  provider_options: {CPUExecutionProvider: {access_key: key-0f-provider}}
search: {trials: 3, sampler: random, storage: "sqlite:///file:study?mode=memory&uri=true&password=s3cret-in-url"}
"""
BOARDS = ["markdown", *(name for name in ("tensorboard",) if find_spec(name))]
SEARCH = ("search", "demo/search.yaml", "--run", "demo")


@pytest.fixture(autouse=True)
def nothing_known(monkeypatch: pytest.MonkeyPatch) -> None:
    """A process that has been told of no secret yet, in an environment that has some."""
    monkeypatch.setattr(masking, "_KNOWN", set())
    monkeypatch.setenv("BOARD_PIN", "s3cret-in-env")
    monkeypatch.setenv("BOARD_HOST", "board.local")


@pytest.fixture
def config(project: Path) -> Path:
    path = project / "demo" / "search.yaml"
    path.write_text(f"{CONFIG}callbacks: {json.dumps(BOARDS)}\n")
    return path


def told(text: str | bytes) -> list[str]:
    """The secrets that a text holds, as they are or encoded."""
    content = text if isinstance(text, bytes) else text.encode()
    return [
        secret for secret in SECRETS if secret.encode() in content or secret.replace("/", "%2F").encode() in content
    ]


def written(folder: Path) -> dict[str, list[str]]:
    files = [path for path in folder.rglob("*") if path.is_file() and path.name not in ("search.yaml", "task.py")]
    assert files
    return {str(path): found for path in files if (found := told(path.read_bytes()))}


def test_a_search_writes_and_prints_no_secret(
    config: Path, project: Path, formula: FormulaEvaluator, run: Command, capsys: pytest.CaptureFixture[str]
) -> None:
    outcomes = [run(*SEARCH), run(*SEARCH, "--trials", "4"), run("front", "demo", "--json"), run("front", "demo")]
    show_list(project / "runs", True)

    assert [outcome.code for outcome in outcomes] == [0, 0, 0, 0], outcomes[0].err
    assert told("".join(outcome.out + outcome.err for outcome in outcomes) + capsys.readouterr().out) == []
    assert written(project) == {}
    kept = (project / "runs" / "demo" / "config.yaml").read_text()
    assert "${BOARD_PIN}" in kept
    assert "pi@${BOARD_HOST}" in kept


def test_what_fails_tells_no_secret(config: Path, project: Path, formula: FormulaEvaluator, run: Command) -> None:
    def fail(number: int) -> None:
        if number == 2:
            raise ValueError(f"cannot log in with {SECRETS[1]} at postgresql://me:{SECRETS[0]}@host, nor {SECRETS[3]}")

    formula.before = fail
    outcome = run(*SEARCH)

    assert told(outcome.out + outcome.err) == []
    assert written(project) == {}
    assert "cannot log in with *** at" in (project / "runs" / "demo" / "log.txt").read_text()


@pytest.mark.parametrize(
    "setting",
    [
        "search.storage=postgresql://me:s3cret-in-url@nowhere.invalid/db",
        "search.storage=postgresql+nothing://me:s3cret-in-url@nowhere.invalid/db",
        "search.storage=s3cret://me:s3cret/of:board@nowhere",
        "search.storage=[postgresql://me:s3cret-in-url@host]",
        "device.command={password: s3cret-in-url}",
        "device.command=[API_TOKEN=t0ken-of-board, [--password=s3cret-in-url]]",
        "device.provider_options={x: {password: s3cret-in-url}}",
        "device.provider_options={password: s3cret-in-url}",
        "device.comand=[sshpass, -p, s3cret-in-url]",
        "search.sampler_options={token: t0ken-of-board}",
        "task=postgresql://me:s3cret-in-url@host/db.py:task",
    ],
)
@pytest.mark.parametrize("debug", [(), ("--debug",)], ids=["", "debug"])
def test_a_refusal_tells_no_secret_with_its_traceback_either(
    setting: str, debug: tuple[str, ...], config: Path, project: Path, formula: FormulaEvaluator, run: Command
) -> None:
    outcome = run(*SEARCH, "--set", setting, *debug)

    assert outcome.code != 0
    assert told(outcome.out + outcome.err) == []
    assert ("Traceback" in outcome.err) == bool(debug)
    assert debug or len([line for line in outcome.err.splitlines() if line.startswith("error: ")]) == 1


@pytest.mark.parametrize("debug", [(), ("--debug",)], ids=["", "debug"])
def test_a_device_that_cannot_be_started_tells_no_secret(debug: tuple[str, ...], run: Command, tmp_path: Path) -> None:
    path = tmp_path / "net.onnx"
    path.write_bytes(_relu())
    outcome = run(
        "measure",
        str(path),
        "--device",
        "command=[PASSWORD=s3cret-in-url, x]",
        "--device",
        "deadline_seconds=5",
        *debug,
    )
    assert outcome.code == 5
    assert told(outcome.err) == []


def test_a_variable_that_is_missing_is_named_in_one_line(
    config: Path, project: Path, formula: FormulaEvaluator, run: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("BOARD_PIN")
    outcome = run(*SEARCH)
    assert outcome.code == 2
    assert outcome.err.endswith("the environment has no variable BOARD_PIN; set it, as in export BOARD_PIN=…\n")
    assert not (project / "runs").exists()


def test_the_config_of_a_run_goes_on_where_its_secrets_are_variables(
    project: Path, formula: FormulaEvaluator, run: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = "sqlite:///file:other?mode=memory&uri=true&password=${PAREFRONT_PASSWORD}"
    text = f"task: task.py:task\nsearch: {{trials: 3, sampler: random, storage: '{url}'}}\n"
    (project / "demo" / "search.yaml").write_text(text)
    monkeypatch.setenv("PAREFRONT_PASSWORD", "s3cret-in-env")
    first, again = run(*SEARCH), run("search", "runs/demo/config.yaml", "--trials", "4")

    assert (first.code, again.code) == (0, 0), first.err + again.err
    assert url in (project / "runs" / "demo" / "config.yaml").read_text()
    assert written(project) == {}


def test_a_masked_storage_is_named_with_how_to_give_it(
    config: Path, project: Path, formula: FormulaEvaluator, run: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = "sqlite:///file:third?mode=memory&uri=true&password=s3cret-in-url"
    text = f"task: task.py:task\nsearch: {{trials: 3, sampler: random, storage: '{url}'}}\n"
    (project / "demo" / "search.yaml").write_text(text)
    assert run(*SEARCH).code == 0
    refused = run("search", "runs/demo/config.yaml", "--trials", "4")
    monkeypatch.setenv("PAREFRONT_STORAGE", url)
    given = run("search", "runs/demo/config.yaml", "--trials", "4", "--set", "search.storage=${PAREFRONT_STORAGE}")

    assert refused.code == 2
    assert "the secret in search.storage is masked (***)" in refused.err
    assert "--set 'search.storage=${PAREFRONT_STORAGE}'" in refused.err
    assert len(refused.err.splitlines()) == 1
    assert given.code == 0, given.err
    assert written(project) == {}


def _relu() -> bytes:
    from onnx import TensorProto, helper

    ends = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, 4]) for name in ("x", "y")]
    graph = helper.make_graph([helper.make_node("Relu", ["x"], ["y"])], "net", ends[:1], ends[1:])
    content: bytes = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)]).SerializeToString()
    return content
