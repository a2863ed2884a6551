"""Run the command line: errors in one line, and an exit code for each kind of end."""

from __future__ import annotations

import functools
import io
import os
import sys
import traceback
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any, cast

import typer

from ..signals import interruptible
from .app import app
from .exit_codes import BUG, DEVICE_UNREACHABLE, INTERRUPTED, READER_GONE, USAGE

_UsageError = cast(type[Exception], typer.BadParameter.__base__)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code; the traceback of an error is shown with ``--debug``."""
    try:
        return _main(arguments)
    finally:
        _give_up_what_cannot_be_written()


def _main(arguments: Sequence[str] | None) -> int:
    given = list(sys.argv[1:] if arguments is None else arguments)
    debug = "--debug" in given
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")  # a character that the terminal lacks is no reason to stop
    try:
        with interruptible():
            result = _command()([a for a in given if a != "--debug"], prog_name="parefront", standalone_mode=False)
    except KeyboardInterrupt:
        with suppress(OSError):  # of a terminal that is gone
            print("interrupted; the same command starts again, or goes on with what is there", file=sys.stderr)
        return INTERRUPTED
    except BaseException as error:  # some of other languages' errors are no Exception, such as a panic of Rust
        if isinstance(error, SystemExit) and isinstance(error.__context__, BrokenPipeError):
            return READER_GONE  # | head has all it wants; nobody is left to be told
        from ..spaces.masking import masked_text

        if debug:
            print(masked_text(traceback.format_exc()), end="", file=sys.stderr)
        message, code = message_of(error)
        colour = ("\033[1;31m", "\033[0m") if sys.stderr.isatty() else ("", "")
        with suppress(OSError):  # of a terminal that is gone
            print(f"{colour[0]}error:{colour[1]} {message}", file=sys.stderr)
        return code
    return result if isinstance(result, int) else 0


@functools.cache
def _command() -> Callable[..., Any]:
    """The commands with their options, which take 40 ms to make: once, however many a process runs."""
    return typer.main.get_command(app)


def _give_up_what_cannot_be_written() -> None:
    """Where the terminal is gone, Python would try once more at its end, fail, and exit with another code."""
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except OSError:
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, stream.fileno())
            os.close(nowhere)


def message_of(error: BaseException) -> tuple[str, int]:
    """The message and the exit code of an error; secrets are masked, and nothing in it controls a terminal."""
    from ..evaluators.results.errors import NoCandidate
    from ..spaces.masking import masked_text
    from ..spaces.messages import printable

    message, code = _told(error)
    if not isinstance(error, NoCandidate):  # which lists the nearest, one a line
        message = " ".join(message.splitlines())
    return printable(masked_text(message)), code


def _told(error: BaseException) -> tuple[str, int]:
    from ..evaluators.device.errors import DeviceError
    from ..spaces.errors import ParefrontError, is_of_the_host
    from ..spaces.messages import one_line

    if isinstance(error, ParefrontError):
        return str(error), int(getattr(error, "exit_code", USAGE))
    if isinstance(error, DeviceError):
        return f"the device cannot be used: {error}", DEVICE_UNREACHABLE
    if isinstance(error, _UsageError):
        said = cast(Any, error).format_message().rstrip(".")
        return f"{said} (see parefront --help)", USAGE
    if is_of_the_host(error):
        return one_line(error), USAGE
    if isinstance(error, SystemExit):
        return f"the task's code ended the process with sys.exit({error.code!r}); expected a result, or an error", USAGE
    return f"{one_line(error)} (this is a bug in parefront, or in the task's code; --debug shows where)", BUG
