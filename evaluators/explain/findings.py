"""Why a model is, or is not, faster than another one: what in it runs badly, what that costs, and what would mend it.

Every rule looks at what ran, never at what was meant to run: the runtime fuses, rearranges and converts as it likes.
"""

from __future__ import annotations

from ..results.finding import Finding
from .executed import Executed
from .islands import islands
from .misfits import channels, ranks, rates_of, slower
from .overheads import activations, elsewhere, unpacked

_LEAST_SHARE = 0.005


def findings(candidate: Executed, reference: Executed, width: int, provider: str) -> list[Finding]:
    """What costs time in ``candidate``, the dearest first; what costs less than half a per cent of it is left out.

    Args:
        candidate: the model in question.
        reference: what it was made from, or any other to compare with.
        width: channels that the device's kernels like multiples of (``DeviceProfile.vector_width``).
        provider: that was to run them.
    """
    rates = rates_of([candidate, reference], width)
    found = [
        *islands(candidate, reference), *activations(candidate), *unpacked(candidate), *elsewhere(candidate, provider),
        *channels(candidate, rates, width), *ranks(candidate, reference, rates),
    ]  # fmt: skip
    explained = {layer for f in found if f.kind in ("island", "channels", "rank") for layer in f.layers}
    found += slower(candidate, reference, explained)
    least = _LEAST_SHARE * candidate.us
    return sorted((finding for finding in found if finding.us >= least), key=lambda finding: -finding.us)
