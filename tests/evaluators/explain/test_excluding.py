"""No finding advises to change what the user has excluded."""

from __future__ import annotations

from parefront.evaluators.explain.excluding import within_exclude
from parefront.evaluators.results.finding import Finding

ISLAND = Finding("island", ("head.0", "head.2"), 4.0, "head.0, head.2 in float amid int8", "run it in int8 too")
CHANNELS = Finding("channels", ("head.0",), 4.0, "head.0 has 9 input channels", "round to a multiple of 16")


def test_an_excluded_island_stays_and_its_neighbours_are_named() -> None:
    said = within_exclude(ISLAND, {"quantize": {"head.0"}})
    assert said.mend == "exclude keeps head.0 in float: run its neighbours in float, too"
    assert (said.text, said.us, said.layers) == (ISLAND.text, ISLAND.us, ISLAND.layers)


def test_odd_channels_beside_an_excluded_layer_are_its_neighbours_to_mend() -> None:
    said = within_exclude(CHANNELS, {"prune_channels": {"head.0"}})
    assert said.mend == "exclude keeps head.0 as it is: round to a multiple of 16 in its neighbours"


def test_what_another_method_leaves_out_changes_nothing() -> None:
    assert within_exclude(ISLAND, {"prune_channels": {"head.0"}}) is ISLAND
    assert within_exclude(CHANNELS, {}) is CHANNELS
