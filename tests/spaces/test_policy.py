"""A policy is a value: equal ones are one, whatever way they were made, and it survives being written and read."""

from __future__ import annotations

import hashlib
import pickle
from typing import Any

import pytest

from parefront.spaces.errors import ConfigError
from parefront.spaces.knob import Choice
from parefront.spaces.policy import Policy

CHOICES: dict[str, Choice] = {
    "quantize/layer1.0.conv1": 8,
    "drop_blocks/layer2.1": True,
    "prune_channels/stem": 0.375,
    "factorise/head": "svd",
}


def test_the_digest_is_the_sha256_of_the_sorted_json() -> None:
    text = (
        '{"drop_blocks/layer2.1":true,"factorise/head":"svd","prune_channels/stem":0.375,"quantize/layer1.0.conv1":8}'
    )
    assert Policy(CHOICES).digest == hashlib.sha256(text.encode()).hexdigest()
    assert Policy().digest == hashlib.sha256(b"{}").hexdigest()


def test_the_order_of_choices_does_not_matter() -> None:
    turned = Policy(dict(reversed(CHOICES.items())))
    assert turned == Policy(CHOICES)
    assert turned.digest == Policy(CHOICES).digest
    assert {turned, Policy(CHOICES)} == {turned}
    assert list(turned) == sorted(CHOICES)


def test_other_choices_give_another_digest() -> None:
    others: list[dict[str, Choice]] = [{}, {**CHOICES, "quantize/layer1.0.conv1": 32}, {"quantize/stem": 8}]
    digests = {Policy(choices).digest for choices in (CHOICES, *others)}
    assert len(digests) == 4


def test_yaml_gives_back_an_equal_policy_with_equal_types() -> None:
    again = Policy.from_yaml(Policy(CHOICES).to_yaml())
    assert again == Policy(CHOICES)
    assert {name: type(choice) for name, choice in again.items()} == {n: type(c) for n, c in CHOICES.items()}


def test_yaml_is_nested_by_compressor() -> None:
    assert Policy({"quantize/a": 8, "quantize/b": 8}).to_yaml() == "quantize:\n  a: 8\n  b: 8\n"
    assert Policy().to_yaml() == "{}\n"
    assert Policy.from_yaml("{}\n") == Policy()


def test_the_choices_of_one_compressor_are_by_target() -> None:
    policy = Policy({**CHOICES, "quantize_more/stem": 4})
    assert policy.of("quantize") == {"layer1.0.conv1": 8}
    assert policy.of("nothing") == {}


def test_a_policy_cannot_be_changed() -> None:
    policy: Any = Policy(CHOICES)
    with pytest.raises(TypeError):
        policy["quantize/stem"] = 8
    assert pickle.loads(pickle.dumps(policy)) == policy


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("[1, 2]", "expected a YAML mapping, got list"),
        ("quantize: 8", "expected a mapping of targets under 'quantize', got 8"),
        ("quantize: {stem: [8]}", r"expected a plain value for quantize/stem, got \[8\]"),
    ],
)
def test_what_is_no_policy_is_refused(text: str, says: str) -> None:
    with pytest.raises(ConfigError, match=says):
        Policy.from_yaml(text)
