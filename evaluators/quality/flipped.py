"""Which samples a candidate answers otherwise than the uncompressed model."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from ...spaces.tensors.batch import Array
from ..results.classes.flips import Flip, Flips
from .calibration_error import probabilities


def flipped(
    outputs: Array,
    reference: Array,
    labels: NDArray[np.int64],
    indices: NDArray[np.int64],
    most: int,
    picture: Callable[[int], bytes] = lambda _: b"",
) -> Flips:
    """Count the samples whose answer has changed, and show some.

    Two thirds of those shown are lost (only the uncompressed model had them right), the rest gained, as far as there
    are so many; then come those that are wrong in another way. Of each kind first those that the uncompressed model
    was surest of.

    Args:
        outputs: of the candidate, shape ``(n, classes)``.
        reference: of the uncompressed model.
        labels: shape ``(n,)``.
        indices: of the samples in their dataset, shape ``(n,)``.
        most: that are shown.
        picture: gives the sample at a place of these arrays as a PNG.
    """
    before, after = reference.argmax(1), outputs.argmax(1)
    changed = np.flatnonzero(before != after)
    ranked = changed[np.argsort(-probabilities(reference)[changed].max(1, initial=0.0), kind="stable")]
    lost = [int(at) for at in ranked if before[at] == labels[at]]
    gained = [int(at) for at in ranked if after[at] == labels[at]]
    wrong = [int(at) for at in ranked if labels[at] not in (before[at], after[at])]
    share = most - most // 3
    lost_first = lost[: max(share, most - len(gained))]
    chosen = [*lost_first, *gained[: most - len(lost_first)], *wrong][:most]
    shown = tuple(
        Flip(int(indices[at]), int(labels[at]), int(before[at]), int(after[at]), picture(at)) for at in chosen
    )
    return Flips(len(changed), len(labels), shown)
