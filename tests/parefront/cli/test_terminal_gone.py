"""A terminal that is closed during a search: what runs in it gets SIGHUP, and can write nothing any more."""

from __future__ import annotations

import os
import pty
import signal
import sys
import time
from pathlib import Path

from parefront.search.runs.run import Run

REPOSITORY = Path(__file__).parents[3]
SECONDS = 120.0
PROGRAM = """
import sys, time, traceback
from pathlib import Path
from parefront import session
from parefront.cli import main as command
from tests.parefront.conftest import FormulaEvaluator

def wait_for_the_end(number):
    if number == 3:
        Path("ready").touch()
        while not Path("closed").exists():
            time.sleep(0.01)

session.make_evaluator = lambda *given: FormulaEvaluator(wait_for_the_end)
told = command.message_of

def message_of(error):  # the terminal that would show it is gone
    Path("error").write_text("".join(traceback.format_exception(error)))
    return told(error)

command.message_of = message_of
code = command.main(["search", "demo/search.yaml"])
Path("code").write_text(str(code))
sys.exit(code)
"""


def test_the_trial_under_way_is_finished_and_the_search_ends_as_after_ctrl_c(project: Path) -> None:
    process, terminal = pty.fork()
    if process == 0:
        signal.signal(signal.SIGHUP, signal.SIG_DFL)  # where these tests are run by nohup it is ignored
        os.environ |= {"PYTHONPATH": str(REPOSITORY), "TERM": "xterm"}
        os.execv(sys.executable, [sys.executable, "-c", PROGRAM])
    said = read_until(terminal, project / "ready")
    assert (project / "ready").exists(), said.decode(errors="replace")
    os.close(terminal)  # the system sends SIGHUP to the program in the terminal before this returns
    (project / "closed").touch()
    _, status = os.waitpid(process, 0)

    error = (project / "error").read_text() if (project / "error").exists() else ""
    assert (project / "code").read_text() == "130", error
    assert os.waitstatus_to_exitcode(status) == 130
    run = Run.open("demo", project / "runs")
    assert len(run.trials) == 3
    assert "interrupted after 3 trials" in (run.path / "log.txt").read_text()


def read_until(terminal: int, file: Path) -> bytes:
    """What a program writes into its terminal until it has made a file, or ends."""
    said, deadline = b"", time.monotonic() + SECONDS
    os.set_blocking(terminal, False)
    while not file.exists() and time.monotonic() < deadline:
        try:
            said += os.read(terminal, 1 << 16)
        except BlockingIOError:
            time.sleep(0.01)
        except OSError:  # the program has ended
            break
    return said
