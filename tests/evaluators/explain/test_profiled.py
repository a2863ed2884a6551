"""Findings in the words of the network: its modules, not the nodes of a file."""

from __future__ import annotations

from parefront.evaluators.explain.profiled import in_names_of_modules
from parefront.evaluators.results.finding import Finding


def test_nodes_are_called_as_the_modules_are() -> None:
    modules = {"layer1_0_conv1": "layer1.0.conv1", "layer1_0_conv10": "layer1.0.conv10", "head": "head"}
    found = Finding(
        "island",
        ("layer1_0_conv1", "layer1_0_conv10.0", "add"),
        4.0,
        "layer1_0_conv1, layer1_0_conv10.0 and add in int8 amid float: 4 conversions",
        "leave layer1_0_conv1 in float",
    )
    said = in_names_of_modules(found, modules)
    assert said.layers == ("layer1.0.conv1", "layer1.0.conv10.0", "add")
    assert said.text == "layer1.0.conv1, layer1.0.conv10.0 and add in int8 amid float: 4 conversions"
    assert (said.mend, said.us, said.kind) == ("leave layer1.0.conv1 in float", 4.0, "island")
