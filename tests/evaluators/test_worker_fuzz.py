"""Ten thousand hostile conversations: each is refused or served, none hangs, none writes a file."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from . import fuzz

CASES = 10_000


def test_no_hostile_conversation_hangs_writes_a_file_or_goes_unanswered(
    conv_net: Callable[..., Path], tmp_path: Path
) -> None:
    """A case that takes the whole process with it is the runtime's own crash on an altered model, told by the host."""
    first, crashed = 0, []
    while first < CASES:
        program = [sys.executable, fuzz.__file__, str(conv_net()), str(first), str(CASES)]
        environment = {"TMPDIR": str(tmp_path), "PATH": ""}
        done = subprocess.run(program, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=1800)
        *_, last = done.stdout.splitlines()
        word, seed = last.split()
        assert done.returncode <= 0, f"case {seed}: {done.stderr[-2000:]}"
        if word == "begin":
            crashed.append(int(seed))
        first = int(seed) + 1
        assert not list(tmp_path.iterdir())
    assert len(crashed) <= CASES / 1000, crashed
