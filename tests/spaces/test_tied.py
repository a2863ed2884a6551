"""What the user's model shares stays shared: one module, called as often as the model calls it."""

from __future__ import annotations

import torch

from parefront.evaluators.quality.parity import prove
from parefront.spaces.network.rebuild import duplicate
from parefront.spaces.network.trace import Traced, trace

from ..flat import images
from .tied import OwnNorms, SharedParameter, Siamese, trained

X = images(2, 3, 16, 32)


def traced(net: torch.nn.Module) -> Traced:
    return trace(trained(net), X, prove)


def called(found: Traced, name: str) -> int:
    return list(found.modules.values()).count(name)


def test_a_shared_encoder_is_one_layer_with_the_macs_of_both_calls() -> None:
    shared, untied = traced(Siamese()).graph, traced(Siamese(untied=True)).graph
    assert shared.shared == {"encoder.0", "encoder.3.first", "encoder.3.second"}
    assert shared.params < 0.6 * untied.params
    assert shared.macs == untied.macs


def test_norms_behind_every_call_of_a_shared_layer_are_folded_into_its_one_weight() -> None:
    found = traced(Siamese())
    assert not any(node.op == "BatchNormalization" for node in found.graph.nodes)
    assert "norm_scale" in dict(found.net.get_submodule("encoder.0").named_buffers())


def test_norms_that_differ_from_call_to_call_are_not_folded() -> None:
    found = traced(OwnNorms())
    assert called(found, "head") == 2
    assert {"large", "small"} <= {node.name for node in found.graph.nodes if node.op == "BatchNormalization"}
    assert "norm_scale" not in dict(found.net.get_submodule("head").named_buffers())


def test_equal_weights_of_layers_that_the_user_did_not_tie_are_layers_of_their_own() -> None:
    names = {layer.name for layer in traced(Siamese(untied=True)).graph}
    assert {"encoder.3.first", "other.3.first"} <= names


def test_layers_that_share_one_parameter_are_left_as_they_are_with_the_reason() -> None:
    found = traced(SharedParameter()).graph
    assert {layer.name for layer in found} == {"stem", "fc"}
    reasons = {exclusion.name: exclusion.reason for exclusion in found.excluded}
    assert "its weight is shared with b" in reasons["a"]
    assert "its weight is shared with a" in reasons["b"]


def test_a_copy_calls_a_shared_layer_as_often() -> None:
    found = traced(Siamese())
    names = [str(node.target) for node in duplicate(found.net).graph.nodes]
    assert names == [str(node.target) for node in found.net.graph.nodes]
