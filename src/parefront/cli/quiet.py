"""Who may write what: no warnings of the libraries below, nothing of the user's code between the lines of JSON."""

from __future__ import annotations

import os
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout


def quiet() -> None:
    """Ignore warnings, which are for developers and would tear the live view, unless Python was told about them."""
    if not sys.warnoptions:
        warnings.simplefilter("ignore")


@contextmanager
def stdout_kept(kept: bool) -> Iterator[None]:
    """Where it is kept for JSON, what is printed inside goes to stderr, also by other programs and libraries in C."""
    if not kept:
        yield
        return
    sys.stdout.flush()
    before = os.dup(1)
    os.dup2(2, 1)
    try:
        with redirect_stdout(sys.stderr):
            yield
    finally:
        os.dup2(before, 1)
        os.close(before)
