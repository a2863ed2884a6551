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
