"""What each layer of a model takes on the device, and took before, as the final step has profiled it."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ..evaluators.explain.excluding import within_exclude
from ..evaluators.results.profile import Profile
from ..spaces.masking import masked_text
from .network import LayerRow


@dataclass(frozen=True)
class LayerTimes:
    """The profile of a model by the rows of the network.

    Attributes:
        profile: as the run keeps it.
        rows: layers of the network.
        left_out: layers by the method that the user keeps from changing them.
    """

    profile: Profile
    rows: Sequence[LayerRow]
    left_out: Mapping[str, Collection[str]] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """Milliseconds: of each row after and before, None for one that the profile does not tell of; of all operators
        together; and the findings."""
        known = {layer.name: [layer.us / 1000, layer.before_us / 1000] for layer in self.profile.layers}
        found = [
            {"ms": one.us / 1000, "text": masked_text(one.text), "mend": masked_text(one.mend)}
            for one in (within_exclude(found, self.left_out) for found in self.profile.findings)
        ]
        return {
            "layers": [_rounded(known.get(row.name)) for row in self.rows],
            "all": _rounded([self.profile.us / 1000, self.profile.before_us / 1000]),
            "findings": found,
        }


def _rounded(milliseconds: list[float] | None) -> list[float] | None:
    """To ten nanoseconds, as the run keeps them."""
    return None if milliseconds is None else [round(value, 5) for value in milliseconds]
