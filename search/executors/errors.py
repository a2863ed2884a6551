"""Errors of an evaluation that ran in another process: brought back as themselves, or as what they said."""

from __future__ import annotations

import builtins
from typing import Any

from ...spaces.masking import masked_text


class WorkerKilled(Exception):
    """A worker process was ended, or ended by itself, during an evaluation; the message says why."""


class Elsewhere(Exception):
    """The traceback of an error in another process, which Python shows above the error's own."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self._text = text

    def __str__(self) -> str:
        return f'\n"""\n{self._text}\n"""'


class SentError:
    """An error as it goes from one process to another: its class and plain arguments, never the object.

    Errors of Python's own and of Parefront arrive as themselves. Any other one, whose class the other process may not
    know, arrives as an ``Exception`` of a class of that name, with the same message.

    Args:
        error: as it was caught.
        trace: its traceback, as text.
    """

    def __init__(self, error: BaseException, trace: str) -> None:
        self._trace, self._name, self._said = masked_text(trace), type(error).__name__, str(error)
        self._made_by = _made_by(error)

    def restored(self) -> Exception:
        """The error, with the traceback of where it was raised as its cause."""
        if self._made_by is not None:
            kind, arguments = self._made_by
            error: Exception = kind(*arguments)
        else:
            error = type(self._name, (Exception,), {"__module__": "builtins"})(self._said)
        error.__cause__ = Elsewhere(self._trace)
        return error


def _made_by(error: BaseException) -> tuple[type[Exception], tuple[Any, ...]] | None:
    """A class that both processes know, and the arguments that make an equal error; None where there are none."""
    kind = type(error)
    is_known = getattr(builtins, kind.__name__, None) is kind or kind.__module__.startswith("parefront.")
    if not (isinstance(error, Exception) and is_known):
        return None
    made = error.__reduce__()
    arguments = made[1] if isinstance(made, tuple) and made[0] is kind else None
    if not isinstance(arguments, tuple) or not all(isinstance(each, str | int | float | None) for each in arguments):
        return None
    try:
        return (type(error), arguments) if str(kind(*arguments)) == str(error) else None
    except Exception:
        return None
