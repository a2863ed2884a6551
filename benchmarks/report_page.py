"""The page of a run: how long it takes to write and to draw, and how large it is, with ever more trials.

    python benchmarks/report_page.py RUN

Copies a finished run into a temporary folder, repeats its trials until there are as many as wanted, and runs the
command on that. Drawing is measured in Debian's Chromium (``apt-get install chromium``), from opening the file to the
last frame.
"""

from __future__ import annotations

import json
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "parefront" / "report"))

from browser import chromium  # type: ignore[import-not-found]

TRIALS = (60, 150, 1000)
TIMES = 3


def grown(source: Path, trials: int, folder: Path) -> Path:
    """A copy of a run with so many trials, without its models."""
    run = folder / f"{source.name}-{trials}"
    shutil.copytree(source, run, ignore=shutil.ignore_patterns("artifacts", "recovered", "study.db"))
    (run / "artifacts").mkdir()
    known = sorted((run / "trials").glob("*.json"))
    for number in range(len(known), trials):
        record = json.loads(known[number % len(known)].read_text())
        (run / "trials" / f"{number:06d}.json").write_text(json.dumps({**record, "trial": number}))
    front = json.loads((run / "front.json").read_text())
    front["trials"]["complete"] += trials - len(known)
    (run / "front.json").write_text(json.dumps(front))
    return run


def written(run: Path) -> tuple[float, float]:
    """Seconds of wall clock and of the processor that the command takes, the best of several times."""
    found = []
    for _ in range(TIMES):
        before, started = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
        subprocess.run([sys.executable, "-m", "parefront", "report", str(run)], check=True, capture_output=True)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        spent = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        found.append((time.perf_counter() - started, spent))
    return min(wall for wall, _ in found), min(spent for _, spent in found)


def _elsewhere(requests: list[str]) -> int:
    """How many addresses a page has asked for but its own file, and pictures that it holds itself."""
    return sum(not address.startswith("data:") for address in requests) - 1


def main(source: Path) -> None:
    headings = ["trials", "seconds", "of the processor", "MB", "drawn after, ms", "a move of the slider, ms"]
    headings += ["requests but its own file", "complaints"]
    print(f"| {' | '.join(headings)} |")
    print(f"| {' | '.join(['--:'] * len(headings))} |")
    moved = """(() => { const began = performance.now(), one = document.getElementById("limit");
        for (let at = 0; at < 20; at++) { one.value = 10 * at; one.dispatchEvent(new Event("input")); }
        return (performance.now() - began) / 20; })()"""
    with tempfile.TemporaryDirectory() as folder, chromium(Path(folder) / "profile") as browser:
        browser.show_as(1280)
        for trials in TRIALS:
            run = grown(source, trials, Path(folder))
            wall, spent = written(run)
            page, drawn = run / "report.html", []
            for _ in range(TIMES):
                browser.open(page)
                drawn.append(browser.run("performance.now()"))
            row = [
                f"{trials:,}",
                f"{wall:.1f}",
                f"{spent:.1f}",
                f"{page.stat().st_size / 1e6:.2f}",
                f"{max(drawn):.0f}",
            ]
            row += [f"{browser.run(moved):.0f}", str(_elsewhere(browser.requests)), str(len(browser.complaints))]
            print(f"| {' | '.join(row)} |")


if __name__ == "__main__":
    main(Path(sys.argv[1]).resolve())
