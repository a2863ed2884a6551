"""Where in a cluster the owner of a device runs: on a node that has a resource, or a label."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ....spaces.errors import ConfigError


@dataclass(frozen=True)
class Place:
    """A kind of node, of which one is chosen.

    Attributes:
        name: of a custom resource, of which the owner takes 1, or of a label.
        value: of the label; None of a resource. Besides a value it may be what Ray selects labels by: ``in(a, b)``,
            ``!a``.
    """

    name: str
    value: str | None = None

    @classmethod
    def parse(cls, text: str) -> Place:
        """The place that ``device_nodes`` calls ``device:pi4`` (a resource) or ``device=pi4`` (a label).

        Raises:
            ConfigError: where a part is missing.
        """
        name, separator, value = (part.strip() for part in text.partition("="))
        if not name or (separator and not value):
            raise ConfigError(
                f"expected a custom resource (device:pi4) or a label (device=pi4) of a node, got {text!r}"
            )
        return cls(name, value if separator else None)

    def __str__(self) -> str:
        return f"the resource {self.name}" if self.value is None else f"the label {self.name}={self.value}"

    @property
    def options(self) -> dict[str, Any]:
        """Of an actor of Ray's that has to run there."""
        if self.value is None:
            return {"resources": {self.name: 1}}
        return {"label_selector": {self.name: self.value}}
