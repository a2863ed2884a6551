"""What a device is sent of an artefact: the file as it is, or what is made of it here for the runtime that runs it."""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from ..runtimes.registry import runtime_of
from ..runtimes.runtime import ModelRejected, RuntimeUnavailable
from .digests import Digests
from .errors import DeviceError, RequestRefused

_KEPT = 4
"""Translations that are kept: those that are timed against each other. Others are made again when they are sent."""


@dataclass(frozen=True)
class Payload:
    """Bytes that a device is sent.

    Attributes:
        digest: their SHA-256, in hexadecimal digits.
        size: how many there are.
        read: gives them.
    """

    digest: str
    size: int
    read: Callable[[], bytes]


class Payloads:
    """Makes them; what a runtime makes of a file is made once as long as it is kept.

    Args:
        digests: of the artefacts.
    """

    def __init__(self, digests: Digests) -> None:
        self._digests = digests
        self._told: dict[tuple[str, str], tuple[str, int]] = {}
        self._kept: OrderedDict[tuple[str, str], bytes] = OrderedDict()

    def of(self, artifact: Path, runtime: str) -> Payload:
        """What a device is sent of an artefact that runs in a runtime.

        Raises:
            RequestRefused: where the runtime has no form for the file.
            DeviceError: where what makes it is not installed on this machine.
        """
        digest = self._digests.of(artifact)
        if not runtime_of(runtime).translates:
            return Payload(digest, artifact.stat().st_size, artifact.read_bytes)
        key = digest, runtime
        if key not in self._told:
            content = self._translated(key, artifact)
            self._told[key] = hashlib.sha256(content).hexdigest(), len(content)
        return Payload(*self._told[key], lambda: self._translated(key, artifact))

    def _translated(self, key: tuple[str, str], artifact: Path) -> bytes:
        if key not in self._kept:
            runtime = runtime_of(key[1])
            try:
                self._kept[key] = runtime.translated(artifact.read_bytes())
            except ModelRejected as error:
                raise RequestRefused("model", str(error)) from error
            except RuntimeUnavailable as error:
                raise DeviceError(str(error)) from error
            while len(self._kept) > _KEPT:
                self._kept.popitem(last=False)
        return self._kept[key]
