"""The knob that is about no layer: which of several runtimes and precisions a candidate is emitted for and measured in.

It stands in the space of a search whose device names several. The choice that is left out of a policy is the first one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from .knob import Choice, Knob
from .policy import Policy

METHOD, TARGET = "device", "runtime"
RUNTIME = f"{METHOD}/{TARGET}"
"""Its name in policies and studies."""


def runtime_knob(names: Sequence[str]) -> Knob:
    """The knob whose choices are these runtimes, the first of which is neutral."""
    return Knob(METHOD, TARGET, tuple(names), names[0])


def in_order(knob: Knob) -> bool:
    """Whether a knob's choices go from mild to strong: those of all knobs but the runtime's do."""
    return knob.name != RUNTIME


def runtime_in(policy: Mapping[str, Choice]) -> str:
    """The runtime that a policy names; ``""`` for the first one."""
    return str(policy.get(RUNTIME, ""))


def renamed_runtime(policy: Policy, names: Mapping[str, str]) -> Policy | None:
    """The policy where runtimes have other names; None where its own has none.

    Args:
        names: by the present ones; ``""`` is the first one of a device, before and after.
    """
    name = names.get(runtime_in(policy))
    if name is None:
        return None
    rest = without_runtime(policy)
    return Policy({**rest, RUNTIME: name}) if name else rest


def without_runtime(policy: Policy) -> Policy:
    """What is done to the network, in whatever runtime."""
    return Policy({name: choice for name, choice in policy.items() if name != RUNTIME})
