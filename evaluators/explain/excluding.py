"""Findings beside what the user keeps as it is: no advice to change a layer that ``exclude`` names."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace

from ..results.finding import Finding
from .listed import listed

_METHODS = {"island": "quantize", "channels": "prune_channels"}
"""The method that would follow the advice of a kind of finding."""


def within_exclude(finding: Finding, left_out: Mapping[str, Collection[str]]) -> Finding:
    """The finding, whose advice leaves alone what the user has excluded.

    Args:
        finding: its layers are called as the network's modules are.
        left_out: layers by the method that may not change them.
    """
    kept = [layer for layer in finding.layers if layer in left_out.get(_METHODS.get(finding.kind, ""), ())]
    if not kept:
        return finding
    if finding.kind == "island":
        return replace(finding, mend=f"exclude keeps {listed(kept)} in float: run its neighbours in float, too")
    return replace(finding, mend=f"exclude keeps {listed(kept)} as it is: {finding.mend} in its neighbours")
