"""What probes have measured, kept in the run as it comes, and taken over from another run's where it is the same."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ....evaluators.results.fields import Fields
from ....spaces.errors import ConfigError
from ....spaces.files import write_json
from ....spaces.policy import Policy

PROBES = "probes.json"


class ProbeStore:
    """``probes.json``: divergences and costs by the policy's digest, the policies, and the seconds that all took.

    ``work`` is what each layer takes of a policy's costs, by the policy's digest and the cost; empty where that cannot
    be told. What could not be measured (a policy without a model) is kept as null, so that it is not tried again.
    """

    def __init__(self, folder: Path) -> None:
        self._file = folder / PROBES
        held = Fields.read(self._file) if os.path.lexists(self._file) else Fields(self._file, {"seconds": 0.0})
        losses, costs, work = (held.fields(key, empty=True) for key in ("divergences", "costs", "work"))
        self.divergences = {key: None if seen is None else losses.number(key) for key, seen in losses.values.items()}
        self.costs = {key: None if seen is None else costs.numbers(key) for key, seen in costs.values.items()}
        self.work = {key: {cost: work.fields(key).numbers(cost) for cost in seen} for key, seen in _maps(work)}
        self.policies = _policies(held)
        self.seconds = held.number("seconds")

    def add_divergence(self, policy: Policy, value: float | None, seconds: float) -> None:
        self.divergences[self._known(policy)] = value
        self._save(seconds)

    def add_costs(self, policy: Policy, values: dict[str, float] | None, seconds: float) -> None:
        self.costs[self._known(policy)] = values
        self._save(seconds)

    def add_work(self, policy: Policy, shares: dict[str, dict[str, float]], seconds: float) -> None:
        self.work[self._known(policy)] = shares
        self._save(seconds)

    def take_over(self, other: ProbeStore, costs: bool) -> None:
        """Add what another run has measured: of the same model and methods, and ``costs`` of the same device."""
        self.divergences = {**other.divergences, **self.divergences}
        self.policies = {**other.policies, **self.policies}
        if costs:
            self.costs = {**other.costs, **self.costs}
            self.work = {**other.work, **self.work}
        self._save(0.0)

    def _known(self, policy: Policy) -> str:
        """The digest of a policy, which is kept beside it."""
        self.policies[policy.digest] = policy
        return policy.digest

    def _save(self, seconds: float) -> None:
        self.seconds += seconds
        held: dict[str, Any] = {"divergences": self.divergences, "costs": self.costs, "work": self.work}
        policies = {digest: policy.to_dict() for digest, policy in self.policies.items()}
        write_json(self._file, {**held, "policies": policies, "seconds": round(self.seconds, 3)})


def _policies(held: Fields) -> dict[str, Policy]:
    """By digest; none in a file of a version that kept none."""
    kept, found = held.fields("policies", empty=True), {}
    for digest in kept.values:
        try:
            found[digest] = Policy.from_dict(kept.fields(digest).values)
        except ConfigError as error:
            raise held.damaged(f"key 'policies.{digest}': {error}") from error
        if found[digest].digest != digest:
            raise held.damaged(f"key 'policies.{digest}': it is not the digest of the policy there")
    return found


def _maps(held: Fields) -> Iterator[tuple[str, dict[str, Any]]]:
    return ((key, held.fields(key).values) for key in held.values)
