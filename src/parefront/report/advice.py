"""What a page says of the findings of a profile: nothing about layers that the policy has left as they were."""

from __future__ import annotations

from dataclasses import replace

from ..evaluators.results.profile import Profile
from ..spaces.policy import Policy
from .network import Network

_COMPARED = ("in the other model", "in the uncompressed model")
"""A run's profile compares with the uncompressed model; what explains two files does not know what the other one is."""


def advised(profile: Profile, network: Network, policy: Policy) -> Profile:
    """The profile, whose findings are about what was done to the network, and name what they compare with.

    A layer that nothing was done to may be slower beside other neighbours or in a noisy reading. Versions that wrote
    such a finding into a run gave the advice to undo what was done.

    Args:
        profile: as the run keeps it.
        network: that it is of.
        policy: what was done to that.
    """
    left_alone = network.left_alone(policy)
    kept = [
        replace(finding, text=finding.text.replace(*_COMPARED))
        for finding in profile.findings
        if finding.kind != "slower" or not left_alone.issuperset(finding.layers)
    ]
    return replace(profile, findings=tuple(kept))
