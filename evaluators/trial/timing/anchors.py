"""Anchors: artefacts of known latency; a candidate is timed against the one most like it, not always the original."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from ....spaces.files import write_json
from ....spaces.policy import Policy
from ....spaces.runtime_knob import runtime_in
from ....spaces.space import SearchSpace
from ...results.fields import Fields
from ...results.measurement import Measurement

Compare = Callable[[Path, Path], Measurement]
"""The ratio, unit "x", of the first artefact's latency to the second's."""


@dataclass(frozen=True)
class Anchor:
    """An artefact with a policy and the ratio of its latency to the uncompressed model's, unit "x"."""

    policy: Policy
    artifact: Path
    ratio: Measurement

    @property
    def name(self) -> str:
        """What measurements say that were taken through it."""
        return self.policy.digest[:12]


class Anchors:
    """What candidates are timed against: the uncompressed model, and one anchor for each kind of arithmetic.

    Where a neighbour slows a shared machine down, or heat lowers its clock, int8 and float do not slow down alike. On
    a busy x86-64 machine of two cores the ratio of an int8 network to its float original wandered from 0.40 to 0.53
    within minutes, with intervals of a few per cent each time; that of two int8 networks, one a block shorter, stayed
    between 0.94 and 0.96. So a candidate is timed against its like, and the anchor's own ratio leads to the original.

    The ratios are measured once a run and kept in a file: all candidates of all sessions share them.
    """

    def __init__(
        self,
        space: SearchSpace,
        uncompressed: Path,
        latency_ms: Measurement | None,
        compare: Compare,
        alike: Callable[[Policy], Policy] = lambda policy: policy,
        file: Path | None = None,
    ) -> None:
        """With the uncompressed model as the one anchor, which takes ``latency_ms`` (as first measured in this run).

        Without ``latency_ms`` the file has to tell what it takes.

        ``alike`` gives a policy whose choices are the plainest that run in the same arithmetic.
        """
        self._space, self._compare, self._alike = space, compare, alike
        self._anchors = [Anchor(Policy(), uncompressed, Measurement.exact(1.0, "x"))]
        self._file = file or uncompressed.with_name("anchors.json")
        self._known = Fields.read(self._file) if os.path.lexists(self._file) else Fields(self._file, {})
        if latency_ms is not None and "uncompressed_ms" not in self._known:
            self._remember("uncompressed_ms", latency_ms)
        self.latency_ms = self._known.measurement("uncompressed_ms")

    @property
    def uncompressed(self) -> Path:
        return self._anchors[0].artifact

    @property
    def policies(self) -> list[Policy]:
        """Those of the anchors other than the uncompressed model."""
        return [anchor.policy for anchor in self._anchors[1:]]

    def add(self, policy: Policy, artifact: Path, sha256: str = "") -> bool:
        """Take ``artifact`` as an anchor; it is timed unless an earlier session has timed a file of that SHA-256.

        Returns:
            Whether it was timed.
        """
        digest = policy.digest
        if digest in self._known and self._known.fields(digest).text("sha256", sha256) != sha256:
            del self._known.values[digest]
            self._known.values.pop(f"final {digest}", None)
        if is_new := digest not in self._known:
            self._remember(digest, self._compare(artifact, self.uncompressed), sha256)
        self._anchors.append(Anchor(policy, artifact, self._known.measurement(digest)))
        return is_new

    def nearest(self, policy: Policy) -> Anchor:
        """The anchor whose policy differs in the fewest knobs, those of layers that ``policy`` removes left out.

        One of the same runtime, where there is any: runtimes do not slow down alike either.
        """
        policy = self._alike(policy)
        removing = {name: choice for name, choice in policy.items() if name in self._space.removes}

        def distance(anchor: Anchor) -> tuple[bool, int]:
            like = self._space.canonical(Policy({**anchor.policy, **removing}))
            elsewhere = runtime_in(policy) != runtime_in(like)
            return elsewhere, sum(policy.get(name) != like.get(name) for name in {*policy, *like})

        return min(self._anchors, key=distance)

    def settle(self) -> None:
        """For the final step: time the anchors once more, since another moment of the machine may tell another ratio.

        An anchor's ratio becomes the mean of both, its interval what covers both. A second call changes nothing.
        """
        for index, anchor in enumerate(self._anchors[1:], start=1):
            key = f"final {anchor.policy.digest}"
            if key not in self._known:
                again = self._compare(anchor.artifact, self.uncompressed)
                self._remember(key, _both(anchor.ratio, again))
            self._anchors[index] = replace(anchor, ratio=self._known.measurement(key))

    def _remember(self, key: str, measured: Measurement, sha256: str = "") -> None:
        self._known.values[key] = {**measured.to_json(), **({"sha256": sha256} if sha256 else {})}
        write_json(self._file, self._known.values)


def _both(first: Measurement, second: Measurement) -> Measurement:
    return Measurement(
        (first.value + second.value) / 2, min(first.low, second.low), max(first.high, second.high),
        first.n + second.n, first.unit, first.noisy and second.noisy,
    )  # fmt: skip
