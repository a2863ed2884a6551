"""What a process that evaluates sends to the owner of a device, and what comes back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, TypeAlias

from ...results.span import Span

Method: TypeAlias = Literal["profile", "time", "time_anchor", "operators", "memory", "outputs"]
"""Of :class:`..link.DeviceLink`, those that ask the device something."""


@dataclass(frozen=True, slots=True)
class Content:
    """An artefact by its digest, for an owner that does not see the asker's files.

    Attributes:
        sha256: of its bytes.
        content: the bytes; None while the owner may have them from before.
    """

    sha256: str
    content: bytes | None = None


@dataclass(frozen=True, slots=True)
class Request:
    """One question to a device.

    Attributes:
        device: by its name in the search; ``""`` for the only one.
        method: what is asked.
        artifacts: what it is asked about: paths where owner and asker see the same files, else contents.
        arguments: the others of the method, by name.
        rank: how many members of the front dominate the candidate in what is known of it; fewer go first.
    """

    device: str
    method: Method
    artifacts: tuple[Path | Content, ...] = ()
    arguments: Mapping[str, Any] = field(default_factory=dict)
    rank: int = 0


@dataclass(frozen=True, slots=True)
class Reply:
    """What the owner says; errors of the device are raised instead, as themselves.

    Attributes:
        value: what the method gives; None where something is missing.
        readings: when the device was read for it.
        missing: digests of the artefacts whose bytes have to be sent along.
    """

    value: Any = None
    readings: tuple[Span, ...] = ()
    missing: tuple[str, ...] = ()
