"""What the candidates of a run may run in, and what its policies call that."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ...evaluators.runtimes.choice import RuntimeChoice
from ...evaluators.runtimes.counterparts import Called
from ...evaluators.runtimes.runtime import DEFAULT
from .identity.devices import profiles
from .run_facts import runtimes_in


def runtimes_called(environment: Mapping[str, Any]) -> Called:
    """The runtimes of an environment's first device, by what policies call them; ``""`` is the first one.

    Raises:
        UnreadableFile: where what was recorded is no device's profile.
    """
    profile = next(iter(profiles(environment).values()), None)
    if profile is not None:
        return profile.choices
    first, *others = runtimes_in(environment) or (DEFAULT,)
    return {"": RuntimeChoice.of(first), **{name: RuntimeChoice.of(name) for name in others}}
