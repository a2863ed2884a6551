"""What goes over the wire for a candidate: its policy one way, its measurements and its file's bytes the other."""

from __future__ import annotations

import traceback
from dataclasses import dataclass, replace
from pathlib import Path

from ....evaluators.results.candidate import Candidate
from ....evaluators.results.fronts.front import Front
from ....spaces.files import write_bytes
from ....spaces.policy import Policy
from ..errors import SentError


@dataclass(frozen=True)
class Work:
    """What is to be evaluated.

    Attributes:
        policy: of the candidate.
        rivals: the front when it was asked for.
    """

    policy: Policy
    rivals: Front


@dataclass(frozen=True)
class Outcome:
    """What came of it: a candidate with the bytes of its artefact, or an error."""

    candidate: Candidate | None = None
    artifact: bytes = b""
    error: SentError | None = None

    @classmethod
    def of_error(cls, error: Exception) -> Outcome:
        """Of what an evaluation has raised, with the traceback of that process."""
        return cls(error=SentError(error, "".join(traceback.format_exception(error)).rstrip()))

    def written(self, artifact: Path) -> Candidate:
        """The candidate, its artefact written to that path; raises the error instead where there is one."""
        if self.error is not None:
            raise self.error.restored()
        assert self.candidate is not None, "an outcome is a candidate or an error"
        write_bytes(artifact, self.artifact)
        return replace(self.candidate, artifact=artifact)
