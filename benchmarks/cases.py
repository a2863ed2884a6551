"""Users' small projects, each searched and all of its artefacts checked by plain ONNX Runtime: a table row each.

    python benchmarks/cases.py FOLDER[@VARIABLE=VALUE] … [--runs FOLDER]

A folder holds ``search.yaml`` (with ``keep_artifacts: all``) and ``task.py``; a variable is set for its task. The
uncompressed artefact has to compute what the user's model computes, at any batch size; every artefact's score on the
search split has to be the same at batch 1 and at batch 64, and the one that the trial claims.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime as ort
import torch

from parefront.config.load import load_task
from parefront.spaces.network.wrappers import evaluating
from parefront.spaces.task import Task

HEADER = (
    "| case | ended | candidates | baseline to torch | score at batch 1 | at batch 64 | differ | not as claimed |\n"
    "| --- | --- | --- | --- | --- | --- | --- | --- |"
)
Array = np.ndarray[Any, Any]


@dataclass(frozen=True)
class Case:
    """A user's project, and the environment variables its task is to see."""

    folder: Path
    variables: dict[str, str]

    @classmethod
    def of(cls, text: str) -> Case:
        folder, *pairs = text.split("@")
        return cls(Path(folder).resolve(), dict(pair.split("=", 1) for pair in pairs))

    @property
    def name(self) -> str:
        return "-".join([self.folder.name, *self.variables.values()])

    def search(self, run: Path) -> str:
        """Run the search; how it ended, in a few words."""
        command = [sys.executable, "-m", "parefront", "search", str(self.folder / "search.yaml"), "--run", str(run)]
        ended = subprocess.run(command, capture_output=True, text=True, env={**os.environ, **self.variables})
        error = next((line for line in ended.stderr.splitlines() if line.startswith("error:")), "")
        if ended.returncode:
            return f"exit {ended.returncode}: {error or ended.stderr.strip()[-200:]}"
        return f"front of {len(json.loads((run / 'front.json').read_text())['candidates'])}"

    @contextlib.contextmanager
    def task(self) -> Iterator[Task]:
        before = dict(os.environ)
        os.environ.update(self.variables)
        try:
            yield load_task("task.py:task", self.folder)
        finally:
            os.environ.clear()
            os.environ.update(before)


def check(case: Case, run: Path) -> str:
    """The row of one case."""
    ended = case.search(run)
    if not (run / "front.json").is_file():
        return f"| {case.name} | {ended} | | | | | | |"
    with case.task() as task:
        inputs, targets = (np.stack(part) for part in zip(*map(_arrays, _items(task.search)), strict=True))
        with evaluating(task.model) as model, torch.no_grad():
            expected = model(torch.from_numpy(inputs)).numpy()
    scale = float(np.abs(expected).max())
    baseline = run / "artifacts" / "baseline.onnx"
    far = max(float(np.abs(_outputs(baseline, inputs, batch) - expected).max()) / scale for batch in (1, 64))
    scores: list[tuple[float, float]] = []
    wrong = 0
    for path, claimed in _artefacts(run):
        one, many = (_score(task, _outputs(path, inputs, batch), targets) for batch in (1, 64))
        scores.append((one, many))
        wrong += claimed is not None and abs(claimed - many) > 1e-6
    first, last = (" ".join(f"{pair[side]:.3f}" for pair in scores) for side in (0, 1))
    differ = sum(one != many for one, many in scores)
    return f"| {case.name} | {ended} | {len(scores)} | {far:.0e} | {first} | {last} | {differ} | {wrong} |"


def _artefacts(run: Path) -> Iterator[tuple[Path, float | None]]:
    """Every trial's artefact that is kept, with the score that the trial claims of it on the search split."""
    for file in sorted((run / "trials").glob("*.json")):
        trial = json.loads(file.read_text())
        path = run / trial["artifact"] if trial.get("artifact") else None
        if path is not None and path.suffix == ".onnx" and path.is_file():
            yield (
                path,
                next((m["value"] for m in trial["metrics"].values() if m["unit"] in ("fraction", "score")), None),
            )


def _outputs(path: Path, inputs: Array, batch: int) -> Array:
    options = ort.SessionOptions()
    options.intra_op_num_threads = 1
    session = ort.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    parts = [session.run(None, {"input": inputs[i : i + batch]})[0] for i in range(0, len(inputs), batch)]
    return np.concatenate([np.asarray(part) for part in parts])


def _score(task: Task, outputs: Array, targets: Array) -> float:
    if isinstance(task.metric, str):
        return float((outputs.argmax(1) == targets).mean())
    task.metric.reset()
    task.metric.update(torch.from_numpy(outputs), torch.from_numpy(targets))
    return float(task.metric.compute())


def _items(split: Any) -> Iterator[Any]:
    return (split[index] for index in range(len(split)))


def _arrays(item: tuple[Any, Any]) -> tuple[Array, Array]:
    return np.asarray(item[0]), np.asarray(item[1])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("cases", nargs="+", type=Case.of)
    parser.add_argument("--runs", type=Path, default=Path(tempfile.gettempdir()) / "parefront-cases")
    arguments = parser.parse_args()
    arguments.runs.mkdir(parents=True, exist_ok=True)
    print(HEADER, flush=True)
    for case in arguments.cases:
        print(check(case, (arguments.runs / case.name).resolve()), flush=True)


if __name__ == "__main__":
    main()
