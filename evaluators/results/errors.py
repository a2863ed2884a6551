"""What can go wrong in a search that the user can mend; each knows the exit code of the command line."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from ...spaces.errors import ConfigError, ParefrontError

if TYPE_CHECKING:
    from .candidate import Candidate


class RunNotFound(ConfigError):
    """No run of that name or path (exit code 2)."""

    exit_code: ClassVar[int] = 2


class RunBusy(ParefrontError):
    """Another process is searching in this run (exit code 2)."""

    exit_code: ClassVar[int] = 2


class HostFailed(ParefrontError):
    """The machine that searches has failed: a folder is gone, the disk is full, memory is short (exit code 2).

    No trial is spoiled by it: the same command goes on once that is mended.
    """

    exit_code: ClassVar[int] = 2


class EveryTrialFailed(ParefrontError):
    """No trial gave a candidate (exit code 3)."""

    exit_code: ClassVar[int] = 3


class TrialsKeepFailing(ParefrontError):
    """Several trials in a row have failed of the same cause, as further ones would (exit code 3).

    What was found before is kept, and the same command goes on with other policies.
    """

    exit_code: ClassVar[int] = 3


class NotMeasured(Exception):
    """An evaluation has given no measurement of a metric that the search needs; its trial has failed."""


class NoCandidate(ParefrontError):
    """No candidate of a front meets the budget (exit code 4).

    Attributes:
        nearest: up to three candidates that miss it by least, nearest first.
        binding: the budgets, as text, that no candidate meets even alone; empty where only their combination binds.
    """

    exit_code: ClassVar[int] = 4

    def __init__(self, message: str, nearest: tuple[Candidate, ...] = (), binding: tuple[str, ...] = ()) -> None:
        super().__init__(message)
        self.nearest = nearest
        self.binding = binding


class SpaceExhausted(Exception):
    """A sampler has nothing left to suggest; the search ends early and says so."""
