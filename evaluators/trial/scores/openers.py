"""What opens the artefacts of a search: one runtime, or the one that each artefact is for."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from ....spaces.files import read_bytes
from ....spaces.knob import Knob
from ....spaces.policy import Policy
from ....spaces.runtime_knob import runtime_in, runtime_knob
from ...runtimes.runtime import Opener, Runtime
from ...runtimes.session import Session
from ...storage.provenance import made_for, runtime_of_file
from .scored_there import DeviceOpener

AnyOpener = Opener | DeviceOpener


class Openers:
    """Opens artefacts in the runtime that they are scored in.

    Where there are several, artefacts of all but the first say in their bytes which one they are for: whoever opens,
    times or runs a file anywhere needs nothing but the file.

    Args:
        by_name: what opens in each runtime, by the name of the choice, the first one first. The name does not matter
            where there is one.
    """

    def __init__(self, by_name: Mapping[str, AnyOpener]) -> None:
        self._by_name = dict(by_name)
        self.first = next(iter(self._by_name.values()))

    def __call__(self, model: Path) -> Session:
        """Open a file to compute its outputs; errors are those of the opener."""
        return (self._named(runtime_of_file(read_bytes(model))) if self._are_several else self.first)(model)

    @property
    def knob(self) -> Knob | None:
        """What is searched of them; None where there is one."""
        return runtime_knob(list(self._by_name)) if self._are_several else None

    def runtime_of(self, policy: Policy) -> Runtime:
        """The runtime that a policy's artefact is for."""
        return self._named(runtime_in(policy)).runtime

    def takes_as_emitted(self, policy: Policy) -> bool:
        """Whether a policy's artefact is the file that is emitted: nothing is decoded in it, and it is not marked."""
        return self.runtime_of(policy).takes_functions and not runtime_in(policy)

    def marked(self, content: bytes, policy: Policy) -> bytes:
        """The bytes of a policy's artefact, which say what they are for where that is not the first one."""
        if not self._are_several or (not runtime_in(policy) and not runtime_of_file(content)):
            return content
        return made_for(content, runtime_in(policy) or next(iter(self._by_name)))

    def _named(self, name: str) -> AnyOpener:
        return self._by_name.get(name, self.first)

    @property
    def _are_several(self) -> bool:
        return len(self._by_name) > 1
