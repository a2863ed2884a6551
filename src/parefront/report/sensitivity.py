"""What probes have told of single choices: how far each one alone moves the outputs of the uncompressed network."""

from __future__ import annotations

import os
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from ..search.runs.stores.probe_store import PROBES, ProbeStore
from ..spaces.knob import Choice


@dataclass(frozen=True)
class ProbedChoice:
    """One choice of one knob.

    Attributes:
        compressor: of the knob.
        target: of the knob.
        choice: the choice.
        divergence: how far it alone moves the outputs, in nats, or as a relative squared error where outputs are no
            class scores; None where no model came of it.
    """

    compressor: str
    target: str
    choice: Choice
    divergence: float | None

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


def probed_choices(folder: Path) -> tuple[ProbedChoice, ...]:
    """What a run's ``probes.json`` tells of single choices, by knob and choice; nothing where there are no probes.

    Raises:
        UnreadableFile: where the file is damaged.
    """
    if not os.path.lexists(folder / PROBES):
        return ()
    store, found = ProbeStore(folder), []
    for digest, policy in store.policies.items():
        if len(policy) == 1 and digest in store.divergences:
            ((name, choice),) = policy.items()
            compressor, _, target = name.partition("/")
            found.append(ProbedChoice(compressor, target, choice, store.divergences[digest]))
    return tuple(found)
