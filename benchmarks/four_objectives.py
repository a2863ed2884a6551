"""Four objectives at once: accuracy, latency, size and MACs of a network that is a formula; hypervolume by sampler.

python benchmarks/four_objectives.py [--trials 60] [--seeds 3] [--samplers auto random …]
"""

from __future__ import annotations

import argparse
import tempfile

from long_runs import Formula

from parefront.search.controller import search
from parefront.search.runs.run import Run

OBJECTIVES = ["accuracy", "latency", "size", "macs"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--trials", type=int, default=60)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--samplers", nargs="+", default=["auto", "nsga3", "random"])
    arguments = parser.parse_args()
    for sampler in arguments.samplers:
        volumes = [volume(sampler, seed, arguments.trials) for seed in range(arguments.seeds)]
        print(f"{sampler}: {', '.join(f'{number:.3f}' for number in volumes)}")


def volume(sampler: str, seed: int, trials: int) -> float:
    """The hypervolume of a search's front."""
    with tempfile.TemporaryDirectory() as folder:
        settings = {"sampler": sampler, "trials": trials, "seed": seed}
        run = Run.create("four", {"objectives": OBJECTIVES, "search": settings}, root=folder)
        return search(run, Formula(), raise_errors=True).hypervolume()


if __name__ == "__main__":
    main()
