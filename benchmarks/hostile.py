"""50,000 hostile files, changed by chance from sound ones, read by everything that reads such files, in one process.

    python benchmarks/hostile.py                  all of them
    python benchmarks/hostile.py --scale 0.1      a tenth of each kind

For every kind: how many were refused in one line, the faults (anything but an answer or one line, something executed, a
write elsewhere, more than 20 s of CPU or 1 GB for a case), the longest case and the largest growth of memory. The cases
are those of ``tests/parefront/hostile``, by their seeds, so that each can be looked at alone.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import random
import resource
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TextIO

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from tests.parefront.hostile import configs, models, run_folders, tensors
from tests.parefront.hostile.watch import Verdict, judged
from tests.parefront.mutations import mutate

COUNTS = {"packed": 20_000, "safetensors": 14_000, "ONNX": 7_000, "configs": 7_500, "run folders": 1_500}


def verdicts(kind: str, number: int, place: Path) -> Iterator[Verdict]:
    """What comes of each case of a kind, in a folder of its own."""
    finished = run_folders.made(place / "finished") if kind == "run folders" else place
    for seed in range(number):
        chance, folder = random.Random(seed), place / "case"
        folder.mkdir()
        if kind == "configs":
            (folder / "search.yaml").write_bytes(configs.fuzzed(chance))
            yield judged(configs.acts(folder / "search.yaml", folder), folder)
        elif kind == "run folders":
            yield of_run(finished, folder, chance)
        elif kind == "safetensors":
            tensors.prepare(folder, tensors.fuzzed(chance))
            yield judged(tensors.acts(folder), folder)
        else:
            path = folder / ("net.onnx" if kind == "ONNX" else "net.pfz")
            path.write_bytes(models.fuzzed(chance) if kind == "ONNX" else models.packed(chance))
            read = models.acts if kind == "ONNX" else models.unpacking
            yield judged(read(path, folder), folder)
        shutil.rmtree(folder)


def of_run(finished: Path, folder: Path, chance: random.Random) -> Verdict:
    run, outside = folder / "run", run_folders.outside_of(folder)
    shutil.copytree(finished, run)
    mutate(run, outside, chance)
    verdict = judged(run_folders.acts(run, folder), *run_folders.within(run, folder))
    if not run_folders.untouched(outside):
        verdict.faults.append("a file outside of the run was changed")
    return verdict


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--scale", type=float, default=1.0)
    parser.add_argument("--only", choices=list(COUNTS), nargs="*", default=list(COUNTS))
    given, faults, total, began = parser.parse_args(), 0, 0, time.time()
    print(
        f"{'kind':12} {'cases':>6} {'refused':>8} {'faults':>7} {'longest s':>10} {'most MB':>8} {'CPU s':>7}",
        flush=True,
    )
    for kind in given.only:
        number, started = max(1, round(COUNTS[kind] * given.scale)), time.process_time()
        refused, found, longest, grown = 0, 0, 0.0, 0
        with tempfile.TemporaryDirectory() as place, quiet() as report:
            for seed, verdict in enumerate(verdicts(kind, number, Path(place))):
                refused += bool(verdict.said)
                longest, grown = max(longest, verdict.seconds), max(grown, verdict.grown)
                if verdict.faults:
                    found += 1
                    print(f"{kind} {seed}: {verdict.faults[0][:300]}", file=report, flush=True)
        took = time.process_time() - started
        print(f"{kind:12} {number:6} {refused:8} {found:7} {longest:10.2f} {grown >> 20:8} {took:7.0f}", flush=True)
        faults, total = faults + found, total + number
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10
    print(f"{total} cases, {faults} faults, {time.time() - began:.0f} s, resident memory at most {peak} MB")
    return 1 if faults else 0


@contextlib.contextmanager
def quiet() -> Iterator[TextIO]:
    """Nothing of what the commands print; what is given is where faults are told."""
    with open(os.devnull, "w") as nowhere, contextlib.redirect_stdout(nowhere):
        yield sys.stderr


if __name__ == "__main__":
    sys.exit(main())
