"""The quickstart's network: its search against uniform, random and plain int8, three seeds each.

python benchmarks/quickstart.py --trials 120
"""

from __future__ import annotations

import argparse

import yaml
from compare import REPOSITORY, Job, compare, table

from parefront.load import load_task

EXAMPLE = REPOSITORY / "examples" / "fashion_mnist"


def main() -> None:
    config = yaml.safe_load((EXAMPLE / "search.yaml").read_text())
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--trials", type=int, default=config["search"]["trials"])
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--samplers", nargs="+", default=["auto", "random", "uniform"])
    arguments = parser.parse_args()
    job = Job(
        "quickstart", load_task(config["task"], EXAMPLE), config["compress"], arguments.trials,
        config["search"].get("images"), arguments.samplers, arguments.seeds,
    )  # fmt: skip
    print(f"\n## The quickstart\n\n{table(compare(job))}")


if __name__ == "__main__":
    main()
