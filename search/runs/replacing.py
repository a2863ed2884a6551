"""The file of a candidate whose weights its user has trained."""

from __future__ import annotations

import hashlib
from collections.abc import Collection

from ...evaluators.restore.module import ArtifactModule
from ...evaluators.restore.parity import parity
from ...spaces.errors import ConfigError, ParefrontError

RELATIVE, INT8_STEPS = 1e-4, 2.0
"""The most that a module may differ from the file it writes: of the largest output, or in steps of 8 bits."""


def replacing_file(trial: int, known: Collection[str], module: ArtifactModule) -> bytes:
    """What a trained module is written as, checked against it.

    Args:
        trial: whose file it was made of.
        known: SHA-256 of the trial's files.
        module: as ``candidate.module()`` gave it.

    Raises:
        ConfigError, ParefrontError: as :meth:`Run.replace`.
    """
    if not isinstance(module, ArtifactModule):
        raise ConfigError(f"replace: expected what candidate.module() gives, got {type(module).__name__}")
    if hashlib.sha256(module.source).hexdigest() not in known:
        raise ConfigError(f"replace: the module was made of another file than trial {trial}'s")
    content = module.to_bytes()
    if content == module.source:
        raise ConfigError(f"replace: the module computes what the file of trial {trial} does; train it first")
    found = parity(module)
    if found.relative > RELATIVE and found.int8_steps > INT8_STEPS:
        raise ParefrontError(f"replace: the file that is written differs from the module: {found}")
    return content
