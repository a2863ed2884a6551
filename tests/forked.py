"""Processes of their own, forked from one that has imported PyTorch and exported a network, which takes six seconds.

What a test kills is such a process: it shares nothing with the test's own, and no other test with it. The fork is of a
server's and not of the test's process, which may have threads and may have differentiated, after which PyTorch cannot
in a fork where there is a GPU.
"""

from __future__ import annotations

import multiprocessing
import os
import sys
from collections.abc import Callable, Sequence
from multiprocessing.context import ForkServerContext
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[1]


def forked(target: Callable[..., Any], *arguments: Any, output: Path | None = None, errors: Path | None = None) -> int:
    """Calls a function of a module in a process of its own; returns its exit code, that of a signal negative.

    It runs in this process's working directory; what it prints goes to ``output``, and what it says of errors to
    ``errors``, where they are given.
    """
    process = _server().Process(target=_called, args=(Path.cwd(), (output, errors), target, arguments))
    process.start()
    process.join()
    assert process.exitcode is not None
    return process.exitcode


def _server() -> ForkServerContext:
    """The server is started with the first process, and ends with this one."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["tests.warm"])
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", os.pathsep.join([str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])]))
        from multiprocessing import forkserver

        forkserver.ensure_running()
    return context


def _called(folder: Path, files: Sequence[Path | None], target: Callable[..., Any], arguments: tuple[Any, ...]) -> None:
    os.chdir(folder)
    for number, file in enumerate(files, start=1):
        if file is not None:
            with file.open("wb") as stream:
                os.dup2(stream.fileno(), number)
    code = target(*arguments)
    sys.stdout.flush()
    os._exit(code if isinstance(code, int) else 0)
