"""No source unpickles, evaluates or runs through a shell what it has read; the exceptions are named here, and why."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
FOLDERS = ("spaces", "compressors", "evaluators", "search", "src/parefront", "examples", "benchmarks")

NAMES = {"eval", "exec", "compile", "__import__"}
MODULES = {"pickle", "cPickle", "_pickle", "dill", "cloudpickle", "joblib", "marshal", "shelve", "jsonpickle"}
CALLS = {
    "os.system", "os.popen", "torch.load", "yaml.load", "yaml.unsafe_load", "yaml.full_load", "yaml.load_all",
    "yaml.UnsafeLoader", "yaml.FullLoader", "yaml.Loader", "runpy.run_path", "runpy.run_module",
    "torch.jit.load", "torch.hub.load", "torch.package.PackageImporter", "torch.export.load",
}  # fmt: skip
EXCEPTIONS = {
    (
        "evaluators/device/device.py",
        "exec in a text",
    ): "starts our own worker.py on a device, whose source is sent there",
    ("evaluators/device/worker.py", "compile"): "a runtime's source, sent by whoever has sent the worker itself",
    ("evaluators/device/worker.py", "exec"): "the same",
    ("benchmarks/cifar10.py", "exec_module"): "a file of ours beside it",
    ("src/parefront/evaluator_spec.py", "cloudpickle"): "a task given in Python goes to the search's own processes",
    ("src/parefront/evaluator_spec.py", "pickle"): "the same, in those processes, from the pipe they were started with",
    ("search/executors/ray/executor.py", "pickle"): "what the search's own processes of a cluster send each other",
    ("search/executors/ray/worker.py", "pickle"): "the same, in these processes",
    ("src/parefront/config/load.py", "exec_module"): "the task is code of the user's, named by the config he starts",
}


def found_in(path: Path) -> Iterator[str]:
    """What a source does that could run what it has read."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name.split(".")[0] in MODULES)
        if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] in MODULES:
            yield str(node.module)
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and "exec(" in node.value:
            yield "exec in a text"
        if isinstance(node, ast.Call):
            yield from _called(node)


def _called(node: ast.Call) -> Iterator[str]:
    if isinstance(node.func, ast.Name) and node.func.id in NAMES:
        yield node.func.id
    name = ast.unparse(node.func)
    safe = any(k.arg == "weights_only" and ast.unparse(k.value) == "True" for k in node.keywords)
    if name in CALLS and not (name == "torch.load" and safe):
        yield name
    if name.endswith(".exec_module"):
        yield "exec_module"
    if any(k.arg in ("shell", "allow_pickle") and ast.unparse(k.value) != "False" for k in node.keywords):
        yield f"{name} with a shell, or with pickles"


def test_what_is_read_is_never_executed() -> None:
    sources = [path for folder in FOLDERS for path in (REPOSITORY / folder).rglob("*.py")]
    assert len(sources) > 300
    found = {(path.relative_to(REPOSITORY).as_posix(), what) for path in sources for what in found_in(path)}
    assert found == set(EXCEPTIONS)
