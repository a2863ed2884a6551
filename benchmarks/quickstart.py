"""The quickstart's network: its search against uniform, random and plain int8, three seeds each.

python benchmarks/quickstart.py --trials 120
"""

from __future__ import annotations

import argparse

from compare import Job, compare, table
from example import CONFIG, quickstart


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--trials", type=int, default=CONFIG["search"]["trials"])
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--samplers", nargs="+", default=["auto", "random", "uniform"])
    arguments = parser.parse_args()
    job = Job(
        "quickstart", quickstart(), CONFIG["compress"], arguments.trials,
        CONFIG["search"].get("images"), arguments.samplers, arguments.seeds,
    )  # fmt: skip
    print(f"\n## The quickstart\n\n{table(compare(job))}")


if __name__ == "__main__":
    main()
