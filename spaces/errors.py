"""The errors a user can mend, and the one that only says "not this policy"."""

from __future__ import annotations


class ParefrontError(Exception):
    """Something the user can mend; the first line of the message says what was expected, of what, and what came."""


class ConfigError(ParefrontError):
    """A configuration, budget or command that cannot be read (exit code 2)."""


class TaskError(ParefrontError):
    """A task whose model, data or metric do not fit together (exit code 2)."""


class TraceError(ParefrontError):
    """A model that cannot be turned into a graph (exit code 2)."""


class Infeasible(Exception):
    """A policy that has no model, e.g. a width of zero. The trial is recorded as infeasible, with this reason."""


def is_of_the_host(error: BaseException) -> bool:
    """Whether the machine has failed (a file, a folder, the disk, memory) rather than what it worked on.

    PyTorch and ONNX Runtime say so in exceptions of their own: what they were doing tells nothing of the policy either.
    """
    if isinstance(error, OSError | MemoryError) or type(error).__name__ == "NoSuchFile":
        return True
    said = str(error)
    return any(words in said for words in _SAID_OF_THE_HOST)


_SAID_OF_THE_HOST = (
    "can't allocate memory",
    "bad_alloc",
    "Failed to allocate memory",
    "disk is full",
    "disk I/O error",
)
