"""A search killed many times (SIGKILL, at random moments), against the same search left alone.

    python benchmarks/kills.py --trials 24                  # the quickstart, ten times
    python benchmarks/kills.py --formula --kills 50         # a network that is a formula, in a minute or two

The random sampler is used, whose policies do not depend on what was measured: then both searches must end with the same
policies and the same accuracies, and latencies that differ by their noise. After every kill the records of the
finished trials must be there still, byte for byte.

With ``--formula`` the sampler is ``auto`` and the end must be equal in all but times: records, artefacts, the study,
the front. After every kill the run must be readable, and after the last session no half-written file, lock or process
is left.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import random
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import optuna

from parefront.evaluators.results.errors import RunNotFound
from parefront.search.controller import search
from parefront.search.runs.run import Run
from parefront.spaces.files import write_bytes

REPOSITORY = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(REPOSITORY))

from tests.search.end_state import end_state, leftovers  # noqa: E402
from tests.search.synthetic import LoggingEvaluator  # noqa: E402

RUNS = REPOSITORY / "runs"
CONFIG = "examples/fashion_mnist/search.yaml"


def start(name: str, trials: int) -> subprocess.Popen[bytes]:
    options = ["--run", name, "--trials", str(trials), "--set", "search.sampler=random", "--set", "search.images=1000"]
    command = [sys.executable, "-m", "parefront", "search", CONFIG, "--set", "recover.when=none", *options]
    return subprocess.Popen(command, cwd=REPOSITORY, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def records(name: str) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted((RUNS / name / "trials").glob("*.json"))}


def outcome(name: str) -> dict[str, tuple[float, float]]:
    """Accuracy and latency ratio of every trial, by the policy's digest."""
    found = [json.loads(content) for content in records(name).values()]
    assert len({fields["digest"] for fields in found}) == len(found), "a policy was evaluated twice"
    return {f["digest"]: tuple(f["metrics"][m]["value"] for m in ("accuracy", "latency_ratio")) for f in found}


def kill_often(name: str, trials: int, kills: int, generator: random.Random) -> int:
    """Kill the search ``kills`` times and let it end; returns how many trials the last kill left."""
    left: Mapping[str, bytes] = {}
    for index in range(kills):
        process = start(name, trials)
        time.sleep(generator.uniform(8, 40))
        assert process.poll() is None, "the search ended before it could be killed; give it more --trials"
        process.kill()
        process.wait()
        there = records(name)
        assert all(there.get(key) == content for key, content in left.items()), "a finished trial was lost or changed"
        left = there
        print(f"kill {index + 1}: {len(left)} trials finished", flush=True)
    assert start(name, trials).wait() == 0
    assert all(records(name)[key] == content for key, content in left.items()), "a finished trial was lost or changed"
    return len(left)


class WritingEvaluator(LoggingEvaluator):
    """Writes artefacts as the real one does."""

    def write(self, artifact: Path, content: bytes) -> None:
        write_bytes(artifact, content)


def formula_session(path: Path, trials: int) -> None:
    config = {"search": {"sampler": "auto", "trials": trials, "seed": 3}}
    evaluator = WritingEvaluator(blocks=5, noise=0.01)
    evaluator.log = path.with_suffix(".evaluated")
    search(Run.resume_or_create(path, config), evaluator, raise_errors=True)


def run_formula(path: Path, trials: int, kill_after: float | None = None, first: bool = False) -> int:
    """The exit code of a session in a process of its own; ``first`` counts the seconds from its first trial on."""
    process = multiprocessing.get_context("fork").Process(target=formula_session, args=(path, trials))
    before = len(list(path.glob("trials/*.json")))
    process.start()
    while first and process.is_alive() and len(list(path.glob("trials/*.json"))) == before:
        time.sleep(0.002)
    process.join(kill_after)
    process.kill()
    process.join()
    assert process.exitcode is not None
    return process.exitcode


def kill_formula(kills: int, trials: int, generator: random.Random) -> None:
    """Kill a search of the formula's network at moments spread over its sessions, and compare its end."""
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    with tempfile.TemporaryDirectory() as folder:
        whole, killed = Path(folder) / "whole" / "demo", Path(folder) / "killed" / "demo"
        started = time.perf_counter()
        assert run_formula(whole, trials) == 0
        seconds = time.perf_counter() - started
        left: Mapping[str, bytes] = {}
        found = []
        for index in range(kills):
            if run_formula(killed, trials, generator.uniform(0, seconds / trials), generator.random() < 0.8) == 0:
                raise SystemExit(f"it ended after {index} kills; give it more --trials")
            there = {path.name: path.read_bytes() for path in killed.glob("trials/*.json")}
            assert all(there.get(name) == content for name, content in left.items()), "a finished trial was lost"
            left = there
            found.append(len(left))
            try:
                run = Run.open(killed)
                assert not run.has_baseline or len(run.front) <= len(run.to_json()["candidates"])
            except RunNotFound:
                assert not left
        assert run_formula(killed, trials) == 0
        assert end_state(killed) == end_state(whole), "it ends otherwise than the search that was left alone"
        assert leftovers(killed) == []
        assert not multiprocessing.active_children()
        evaluated = killed.with_suffix(".evaluated").read_text().split()
        again = len(evaluated) - len(set(evaluated))
        assert again <= kills
    print(
        f"{kills} kills, at {len(set(found))} numbers of trials from {found[0]} to {found[-1]} of {trials}; {again} "
        f"evaluations done again; the end is that of the search left alone ({seconds:.1f} s)"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--trials", type=int, help="by default 24, of the formula's network 150")
    parser.add_argument("--formula", action="store_true", help="kill the search of a network that is a formula")
    parser.add_argument("--kills", type=int, default=10)
    parser.add_argument("--seed", type=int, default=0, help="of the moments")
    arguments = parser.parse_args()
    if arguments.formula:
        kill_formula(arguments.kills, arguments.trials or 150, random.Random(arguments.seed))
        return
    arguments.trials = arguments.trials or 24
    killed, whole = "bench-killed", "bench-whole"
    for name in (killed, whole):
        shutil.rmtree(RUNS / name, ignore_errors=True)
    kill_often(killed, arguments.trials, arguments.kills, random.Random(arguments.seed))
    assert start(whole, arguments.trials).wait() == 0
    first, second = outcome(killed), outcome(whole)
    assert first.keys() == second.keys(), "the two searches tried different policies"
    assert all(first[digest][0] == second[digest][0] for digest in first), "accuracies differ"
    ratios = np.array([first[digest][1] / second[digest][1] for digest in first])
    print(
        f"{len(first)} trials in both: same policies, same accuracies; latency ratios killed / whole: "
        f"median {np.median(ratios):.3f}, from {ratios.min():.3f} to {ratios.max():.3f}"
    )


if __name__ == "__main__":
    main()
